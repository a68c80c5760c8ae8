//! A registry served for the demo: the real command on a port of loopback, stopped and started as the story wants.

use std::{
    fs,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::Failure;

/// A registry's folder and the process that serves it.
pub(crate) struct Registry {
    binary: PathBuf,
    folder: PathBuf,
    /// Where it listens: chosen by the system at first, the same ever after, since hosts remember it.
    listen: String,
    process: Option<Child>,
}

impl Registry {
    /// A new one.
    pub(crate) fn start(binary: &Path, folder: &Path) -> Result<Self, Failure> {
        let mut registry = Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            process: None,
        };
        registry.serve("data")?;
        Ok(registry)
    }

    /// Serves one of its folders: `data`, or a copy made before.
    pub(crate) fn serve(&mut self, data: &str) -> Result<(), Failure> {
        self.stop()?;
        let mut process = Command::new(&self.binary)
            .args(["serve", "--only", "registry", "--output", "json", "--origin", "registry.example"])
            .args(["--listen", &self.listen, "--data"])
            .arg(self.folder.join(data))
            .env("JACKFIELD_HOME", self.folder.join("server-home"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(self.folder.join("server.log"))?)
            .spawn()?;
        let stdout = process.stdout.take().ok_or("the server has an output")?;
        self.process = Some(process);
        let said = serde_json::Deserializer::from_reader(BufReader::new(stdout)).into_iter::<Value>().next();
        let said = said.and_then(Result::ok).ok_or_else(|| {
            let log = fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
            format!("the registry does not start:\n{log}")
        })?;
        let url = said["listening"].as_str().ok_or("the server says where it listens")?;
        self.listen = url.trim_start_matches("http://").to_owned();
        Ok(())
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// The token that the first start left for its operator.
    pub(crate) fn operator_token(&self) -> String {
        self.folder.join("data/operator-token").display().to_string()
    }

    /// Asks it to end, as an operator would, and waits until it has.
    pub(crate) fn stop(&mut self) -> Result<(), Failure> {
        if let Some(mut process) = self.process.take() {
            Command::new("kill").args(["-TERM", &process.id().to_string()]).status()?;
            let status = process.wait()?;
            if !status.success() {
                return Err(format!("the registry ended with {status}").into());
            }
        }
        Ok(())
    }

    /// Copies its folder, as a backup does while it is stopped.
    pub(crate) fn copy(&mut self, name: &str) -> Result<(), Failure> {
        self.stop()?;
        let status = Command::new("cp").arg("-a").arg(self.folder.join("data")).arg(self.folder.join(name)).status()?;
        if !status.success() {
            return Err("the registry's folder can't be copied".into());
        }
        self.serve("data")
    }

    /// Changes one byte of what it stores under that digest.
    pub(crate) fn tamper(&self, digest: &str) -> Result<(), Failure> {
        let path = self.folder.join("data/blobs/blobs").join(digest.replacen(':', "/", 1));
        let mut bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let last = bytes.last_mut().ok_or("a component has bytes")?;
        *last ^= 1;
        fs::write(&path, bytes)?;
        Ok(())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
