//! The registry's validator: this same program as a child, under limits of memory and time, with nothing to take hold of.
//!
//! Hostile bytes are read and run there and nowhere else. Whatever happens to the child is a [`ValidatorFault`], never a verdict.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use async_trait::async_trait;
use jackfield_registry::validator::{Contents, Examination, Trial, Tried, Validator, ValidatorFault};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    time::timeout,
};

/// The hidden commands: see `commands/examine_component.rs`.
const EXAMINE_COMMAND: &str = "examine-component";
const READ_COMMAND: &str = "read-component";
const TRY_COMMAND: &str = "try-component";

/// Bytes of private memory that the child may have. The sandbox's pool of stacks and tables reserves half of it.
const MEMORY_BYTES: u64 = 4 << 30;
/// Bytes of an examination: a manifest and a README of 256 KiB each, twice as long in JSON, and the outcomes.
const ANSWER_BYTES: u64 = 4 << 20;
/// Bytes of what a component says of itself: its WIT and the inputs of its cassettes, twice as long in JSON.
const CONTENTS_BYTES: u64 = 8 << 20;
/// Bytes of what comes of a try: an output and a file of 1 MiB each at the most, twice as long in JSON, and what it logs.
const TRIED_BYTES: u64 = 8 << 20;
/// Seconds to read what a component says of itself: a usual one takes less than a tenth of one.
const READ_S: u64 = 20;
/// Seconds for a try: the component is compiled for it, for which a host has as long, and a call has ten of them.
const TRY_S: u64 = 60;
/// How the folder of a child begins.
const FOLDER: &str = "jackfield-examine-";
/// After so long it is nobody's.
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3_600);
/// Bytes of what a failing child has to say.
const LAST_WORDS_BYTES: u64 = 4 << 10;

/// SIGXCPU: the time of the processor is used up.
const OUT_OF_CPU: i32 = 24;

/// Examines components in a child process each.
#[derive(Clone, Debug)]
pub(crate) struct ChildValidator {
    program: PathBuf,
    memory_bytes: u64,
    timeout_s: u64,
}

impl ChildValidator {
    /// One that gives each component so many seconds.
    ///
    /// # Errors
    /// If this program can't find itself.
    pub(crate) fn new(timeout_s: u64) -> std::io::Result<Self> {
        remove_left_behind(&std::env::temp_dir());
        Ok(Self { program: std::env::current_exe()?, memory_bytes: MEMORY_BYTES, timeout_s })
    }
}

#[async_trait]
impl Validator for ChildValidator {
    async fn validate(&self, component: &Path) -> Result<Examination, ValidatorFault> {
        self.ask(EXAMINE_COMMAND, component, self.timeout_s, ANSWER_BYTES, Vec::new()).await
    }

    async fn read(&self, component: &Path) -> Result<Contents, ValidatorFault> {
        self.ask(READ_COMMAND, component, self.timeout_s.min(READ_S), CONTENTS_BYTES, Vec::new()).await
    }

    async fn try_out(&self, component: &Path, trial: &Trial) -> Result<Tried, ValidatorFault> {
        let told = serde_json::to_vec(trial).map_err(|error| failed("it can't be told", &error))?;
        self.ask(TRY_COMMAND, component, self.timeout_s.min(TRY_S), TRIED_BYTES, told).await
    }
}

impl ChildValidator {
    /// Runs a child with this on its stdin, and reads the JSON that it answers with.
    async fn ask<T: DeserializeOwned>(
        &self,
        command: &str,
        component: &Path,
        timeout_s: u64,
        answer_bytes: u64,
        told: Vec<u8>,
    ) -> Result<T, ValidatorFault> {
        // A folder of its own to leave things in, which goes with it, also when it is killed.
        let folder = tempfile::Builder::new().prefix(FOLDER).tempdir();
        let folder = folder.map_err(|error| failed("no folder for it", &error))?;
        let component = std::path::absolute(component).map_err(|error| failed("its path", &error))?;
        let mut child = Command::new(&self.program)
            .arg(command)
            .arg(&component)
            .args([self.memory_bytes.to_string(), timeout_s.to_string()])
            .env_clear()
            .env("TMPDIR", folder.path())
            .current_dir(folder.path())
            .stdin(if told.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed("it does not start", &error))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let ends = async {
            let telling = async {
                if let Some(mut stdin) = stdin {
                    // One that does not listen says why, or nothing.
                    let _ = stdin.write_all(&told).await;
                }
            };
            let ((), answer, said) =
                tokio::join!(telling, bounded(stdout, answer_bytes), bounded(stderr, LAST_WORDS_BYTES));
            // One that has said too much is stuck at its pipe.
            let answer =
                answer.ok_or_else(|| ValidatorFault::Failed(format!("it said more than {answer_bytes} bytes")))?;
            let status = child.wait().await.map_err(|error| failed("it can't be waited for", &error))?;
            judge(status, &said.unwrap_or_default())?;
            serde_json::from_slice(&answer).map_err(|error| failed("what it said is no answer", &error))
        };
        timeout(Duration::from_secs(timeout_s), ends).await.unwrap_or(Err(ValidatorFault::TimedOut))
    }
}

/// Removes what servers that were killed have left: no child works for so long.
fn remove_left_behind(folder: &Path) {
    let is_old = |entry: &fs::DirEntry| {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).map(|at| at.elapsed().unwrap_or_default());
        entry.file_name().to_string_lossy().starts_with(FOLDER) && age.is_ok_and(|age| age > LEFT_BEHIND)
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(is_old) {
        // What is another's can't be removed, and needn't.
        let _ = fs::remove_dir_all(entry.path());
    }
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> ValidatorFault {
    ValidatorFault::Failed(format!("{what}: {error}"))
}

/// Everything up to the end; none if that is more, or can't be read.
async fn bounded(pipe: Option<impl AsyncRead + Unpin>, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe?.take(most + 1).read_to_end(&mut bytes).await.ok()?;
    (bytes.len() as u64 <= most).then_some(bytes)
}

fn judge(status: ExitStatus, said: &[u8]) -> Result<(), ValidatorFault> {
    if status.success() {
        return Ok(());
    }
    if let Some(signal) = status.signal() {
        return Err(match signal {
            OUT_OF_CPU => ValidatorFault::TimedOut,
            signal => ValidatorFault::Killed(format!("signal {signal}")),
        });
    }
    let said = String::from_utf8_lossy(said);
    let last: String = said.trim().chars().filter(|c| !c.is_control()).take(300).collect();
    Err(ValidatorFault::Failed(format!("{status}: {last}")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A validator whose program is this script.
    fn script(folder: &Path, lines: &str) -> ChildValidator {
        let program = folder.join("program");
        std::fs::write(&program, format!("#!/bin/sh\n{lines}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        ChildValidator { program, memory_bytes: MEMORY_BYTES, timeout_s: 20 }
    }

    #[tokio::test]
    async fn whatever_a_child_does_is_a_fault_unless_it_answers() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("it.wasm");
        std::fs::write(&component, b"").unwrap();
        let good = "echo '{\"outcomes\":[],\"facts\":null}'";
        type Expected = fn(&Result<Examination, ValidatorFault>) -> bool;
        let rows: [(&str, Expected); 9] = [
            (good, |came| came.is_ok()),
            ("kill -9 $$", |came| *came == Err(ValidatorFault::Killed("signal 9".to_owned()))),
            ("kill -6 $$", |came| *came == Err(ValidatorFault::Killed("signal 6".to_owned()))),
            ("kill -24 $$", |came| *came == Err(ValidatorFault::TimedOut)),
            (
                "echo out of luck >&2; exit 3",
                |came| matches!(came, Err(ValidatorFault::Failed(said)) if said.contains("out of luck")),
            ),
            ("exit 0", |came| matches!(came, Err(ValidatorFault::Failed(_)))),
            ("echo '{}'", |came| matches!(came, Err(ValidatorFault::Failed(_)))),
            ("echo '{\"outcomes\":[],\"facts\":null} {}'", |came| matches!(came, Err(ValidatorFault::Failed(_)))),
            ("yes", |came| matches!(came, Err(ValidatorFault::Failed(said)) if said.contains("more than"))),
        ];
        for (lines, expected) in rows {
            let came = script(folder.path(), lines).validate(&component).await;
            assert!(expected(&came), "{lines}: {came:?}");
        }
        let crashing = format!("{good}; kill -9 $$");
        let came = script(folder.path(), &crashing).validate(&component).await;
        assert_eq!(came, Err(ValidatorFault::Killed("signal 9".to_owned())), "an answer before a crash is none");
        let gone = ChildValidator { program: folder.path().join("gone"), memory_bytes: 1, timeout_s: 1 };
        assert!(matches!(gone.validate(&component).await, Err(ValidatorFault::Failed(_))));
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_killed_and_sees_nothing_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("it.wasm");
        let pid = folder.path().join("pid");
        let lines = format!("env > {0}.env; echo $$ > {0}; exec sleep 1000", pid.display());
        let slow = ChildValidator { timeout_s: 1, ..script(folder.path(), &lines) };
        assert_eq!(slow.validate(&component).await, Err(ValidatorFault::TimedOut));
        let process = format!("/proc/{}/cmdline", std::fs::read_to_string(&pid).unwrap().trim());
        for _ in 0..200 {
            if std::fs::read(&process).unwrap_or_default().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(std::fs::read(&process).unwrap_or_default().is_empty(), "it is still there");
        let environment = std::fs::read_to_string(format!("{}.env", pid.display())).unwrap();
        assert!(!environment.contains("HOME=") && !environment.contains("PATH=/root"), "{environment}");
    }
}
