//! What the stories stand on: a desk with homes on it, a served registry, and what a command did.

use std::{
    fs::File,
    io::BufReader,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use jackfield_db::testing::TestDb;
use jackfield_test_kit::{PackageBuilder, programs};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// A folder with homes, a registry's data and whatever else lies about on a desk.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; -1 if a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The exit code, and the refusal's code as a program reads it.
    #[track_caller]
    pub(crate) fn error(&self) -> (i32, String) {
        let line = self.stderr.lines().find(|line| line.contains("\"error\"")).unwrap_or_else(|| panic!("{self:#?}"));
        let error: Value = serde_json::from_str(line).unwrap();
        (self.code, error["error"]["code"].as_str().unwrap().to_owned())
    }

    /// What it answered.
    #[track_caller]
    pub(crate) fn answer(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A served registry; ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Where it listens, to serve there again.
    pub(crate) fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for it to die by itself: the signal that ended it.
    pub(crate) fn death(mut self) -> Option<i32> {
        self.child.wait().unwrap().signal()
    }

    /// Asked to stop; how it ended.
    pub(crate) fn stop(mut self) -> i32 {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap()
    }

    /// As if the power were cut.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(desk.path("password"), "correct horse battery\n").unwrap();
        std::fs::write(desk.path("pass"), "correct horse\n").unwrap();
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The real binary with a home of this desk, and nothing else of this environment.
    pub(crate) fn command(&self, home: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jackfield"));
        command.env_clear().env("JACKFIELD_HOME", self.path(home)).current_dir(self.folder.path());
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Serves the registry of `data`, at a port of the system's choice.
    pub(crate) fn serve(&self, flags: &[&str]) -> Server {
        self.serve_at("127.0.0.1:0", flags)
    }

    pub(crate) fn serve_at(&self, listen: &str, flags: &[&str]) -> Server {
        self.serve_by(listen, flags, |_| {})
    }

    /// The same by a command that is changed before it begins.
    pub(crate) fn serve_by(&self, listen: &str, flags: &[&str], change: impl FnOnce(&mut Command)) -> Server {
        let arguments = [&["serve", "--data", "data", "--listen", listen, "--output", "json"], flags].concat();
        let mut command = self.command("server-home", &arguments);
        change(&mut command);
        let log = File::options().create(true).append(true).open(self.path("server.log")).unwrap();
        let mut child = command.stderr(log).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        // It says one document and then nothing: the pipe stays open.
        let told = Value::deserialize(&mut serde_json::Deserializer::from_reader(stdout)).unwrap();
        Server { child, url: told["listening"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn run(&self, home: &str, arguments: &[&str]) -> Ran {
        let output = self.command(home, &[arguments, &["--output", "json"]].concat()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The answer of a command that does it.
    #[track_caller]
    pub(crate) fn json(&self, home: &str, arguments: &[&str]) -> Value {
        let ran = self.run(home, arguments);
        assert_eq!(ran.code, 0, "{arguments:?}\n{ran:#?}");
        ran.answer()
    }

    /// A home that believes the registry and is signed in to nothing.
    #[track_caller]
    pub(crate) fn believer(&self, home: &str, server: &Server) {
        self.json(home, &["registry", "add", &server.url]);
    }

    /// What `jackfield info` says once it says so: what is taken in counts when it is in the log.
    #[track_caller]
    pub(crate) fn until(&self, home: &str, server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut said = Value::Null;
        for _ in 0..600 {
            said = self.json(home, &["info", "acme:echo", "--registry", &server.url]);
            if wanted(&said) {
                return said;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{said:#}");
    }

    /// In the home `admin` an operator; in the home `ada` a user with the namespace `acme` and its key `release`.
    #[track_caller]
    pub(crate) fn publisher(&self, server: &Server) {
        let url = server.url.as_str();
        self.json("admin", &["login", "--registry", url, "--token-file", "data/operator-token"]);
        self.user("ada", server);
        self.json("ada", &["namespace", "create", "acme"]);
        self.json("ada", &["key", "new", "release", "--passphrase-file", "pass"]);
        self.json("ada", &["namespace", "keyset", "acme", "--key", "release", "--passphrase-file", "pass"]);
    }

    /// A user, signed in, with a home of the same name.
    #[track_caller]
    pub(crate) fn user(&self, name: &str, server: &Server) {
        self.json("admin", &["user", "create", name, "--password-file", "password"]);
        let url = server.url.as_str();
        self.json(name, &["login", "--registry", url, "--user", name, "--password-file", "password"]);
    }

    /// A component that says it is `acme:echo` of that version.
    pub(crate) fn write(&self, file: &str, program: &str, version: &str) {
        self.write_package(file, version, PackageBuilder::of(program));
    }

    pub(crate) fn write_package(&self, file: &str, version: &str, package: PackageBuilder) {
        std::fs::write(self.path(file), package.named("acme:echo").version(version).bytes()).unwrap();
    }

    /// Publishes a file as ada, who has the key.
    pub(crate) fn publish_file(&self, file: &str, more: &[&str]) -> Ran {
        let arguments = ["publish", file, "--key", "release", "--passphrase-file", "pass"];
        self.run("ada", &[&arguments[..], more].concat())
    }

    /// Releases `acme:echo` at that version; its bytes stay as `it.wasm`.
    #[track_caller]
    pub(crate) fn release(&self, version: &str, package: PackageBuilder) {
        self.write_package("it.wasm", version, package);
        let ran = self.publish_file("it.wasm", &[]);
        assert_eq!((ran.code, &ran.answer()["state"]), (0, &Value::from("released")), "{ran:#?}");
        let statements = ran.answer()["statements"].clone();
        assert!(statements[0]["kind"] == "publish" && statements[0]["log_index"].is_u64(), "{statements}");
    }

    /// Releases the plain `acme:echo` at that version.
    #[track_caller]
    pub(crate) fn release_echo(&self, version: &str) {
        self.release(version, PackageBuilder::of(programs::ECHO));
    }
}

/// A package that asks for the hosts that its setting `hosts` names: no release may ask for an address itself.
pub(crate) fn to_configured_hosts(package: PackageBuilder) -> PackageBuilder {
    package.manifest(|manifest| {
        let egress =
            json!([{ "host": "{hosts}", "pattern": "^[a-z0-9.]+$", "ports": "any", "methods": "any", "reason": "x" }]);
        manifest.egress = serde_json::from_value(egress).unwrap();
        let hosts = json!({ "type": "array", "items": { "type": "string", "pattern": "^[a-z0-9.]+$" } });
        manifest.config = Some(json!({ "type": "object", "required": ["hosts"], "properties": { "hosts": hosts } }));
    })
}

/// The flags of each database that a server may have, nothing in it yet.
pub(crate) fn databases() -> Vec<Vec<String>> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let postgres = runtime.block_on(TestDb::postgres()).map(|database| vec!["--database".to_owned(), database.url]);
    std::iter::once(Vec::new()).chain(postgres).collect()
}

/// Tells a story on each database that a registry may have, with a namespace `acme`, its key and nothing released.
pub(crate) fn on_each_database(settings: &[&str], story: impl Fn(&Desk, &Server)) {
    for flags in databases() {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let desk = Desk::new();
        let server = desk.serve(&[&flags, settings].concat());
        desk.publisher(&server);
        story(&desk, &server);
    }
}

/// A folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The file below a folder whose name has this in it.
pub(crate) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if let Some(found) = find(&path, name) {
                return Some(found);
            }
        } else if path.file_name().unwrap().to_str().unwrap().contains(name) {
            return Some(path);
        }
    }
    None
}
