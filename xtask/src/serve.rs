//! `cargo xtask serve`: a server to look at, with the real connectors published at it. What it has stays in the target folder from one run
//! to the next.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{
    Failure, need,
    run::{jackfield, root, run, target},
    web,
};

/// Where the registry's documentation expects it.
const LISTEN: &str = "127.0.0.1:8787";
const CONNECTORS: [&str; 3] = ["csv", "http", "github"];

/// A person's desk beside the server: a home, and the passphrase of its key.
struct Desk {
    folder: PathBuf,
}

/// Serves until somebody stops it.
pub(crate) fn serve() -> Result<(), Failure> {
    need::wasm_target()?;
    web::build()?;
    run(&mut jackfield())?;
    let desk = Desk { folder: target().join("served") };
    fs::create_dir_all(&desk.folder)?;
    fs::write(desk.folder.join("passphrase"), "correct horse battery staple\n")?;
    let (mut server, url, link) = desk.server()?;
    match desk.seed(&url) {
        Ok(()) => {}
        Err(failure) => {
            let _ = server.kill();
            return Err(failure);
        }
    }
    println!("\n  the marketplace        {url}/");
    if let Some(link) = link {
        println!("  sign in as `operator`  {link}");
    }
    println!("  the workspace `main`   {url}/v1/workspaces/main   (docs/reference/workspaces.md)");
    println!("  the operator's token   {}", desk.folder.join("data/operator-token").display());
    println!("\nCtrl-C ends it; what it has stays in {}", desk.folder.display());
    let ended = server.wait()?;
    // A terminal's Ctrl-C goes to both, and the server ends in order.
    if ended.success() { Ok(()) } else { Err(format!("the server ended with {ended}").into()) }
}

impl Desk {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(target().join("debug/jackfield"));
        command.current_dir(root()).args(words).args(["--output", "json"]).stdin(Stdio::null());
        command.env("JACKFIELD_HOME", self.folder.join("home"));
        command.env("JACKFIELD_PASSPHRASE_FILE", self.folder.join("passphrase"));
        command
    }

    /// The process, its address, and the link to sign in by, if there is one.
    fn server(&self) -> Result<(Child, String, Option<String>), Failure> {
        let data = self.folder.join("data").display().to_string();
        let mut command = self.command(&["serve", "--data", &data, "--origin", "localhost", "--listen", LISTEN]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("the server has an output")?;
        let mut document = String::new();
        let mut lines = BufReader::new(stdout).lines();
        let said: Value = loop {
            let line = lines.next().ok_or("the server does not start")??;
            document += &line;
            if let Ok(said) = serde_json::from_str(&document) {
                break said;
            }
        };
        let url = said["listening"].as_str().ok_or("the server says where it listens")?.to_owned();
        Ok((child, url, said["sign_in"].as_str().map(str::to_owned)))
    }

    /// Publishes the connectors, unless an earlier run has.
    fn seed(&self, url: &str) -> Result<(), Failure> {
        if self.command(&["info", "jackfield:github", "--registry", url]).output()?.status.success() {
            return Ok(());
        }
        let token = self.folder.join("data/operator-token").display().to_string();
        self.done(&["login", "--registry", url, "--token-file", &token])?;
        self.done(&["key", "new", "demo"])?;
        self.done(&["namespace", "create", "jackfield"])?;
        self.done(&["namespace", "keyset", "jackfield", "--key", "demo"])?;
        for connector in CONNECTORS {
            let built = self.done(&["build", &format!("connectors/{connector}")])?;
            let path = built["path"].as_str().ok_or("a component has a path")?;
            self.done(&["publish", path, "--key", "demo"])?;
        }
        Ok(())
    }

    fn done(&self, words: &[&str]) -> Result<Value, Failure> {
        eprintln!("$ jackfield {}", words.join(" "));
        let output = self.command(words).stderr(Stdio::inherit()).output()?;
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)),
            false => Err(format!("`jackfield {}` failed ({})", words.join(" "), output.status).into()),
        }
    }
}
