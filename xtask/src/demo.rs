//! `cargo xtask demo`: the main job, from source to a denied request, on real input. Every step is checked; the first that does not do
//! what it says ends the demo with an error.
//!
//! What is the same on every run goes to stdout, and stands in README.md word for word. What differs (progress, figures) goes
//! to stderr.

mod account;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::{
    Failure, need,
    registry::Registry,
    run::{jackfield, root, run, target},
    server::Loopback,
};

/// Runs the whole story in a home of its own, which goes with it.
pub(crate) fn demo() -> Result<(), Failure> {
    need::wasm_target()?;
    run(&mut jackfield())?;
    let folder = tempfile::Builder::new().prefix("jackfield-demo-").tempdir()?;
    let mut story = Story::new(folder.path())?;

    story.chapter("An author builds three connectors and one that misbehaves");
    let csv = story.build("connectors/csv")?;
    let http = story.build("connectors/http")?;
    let github = story.build("connectors/github")?;
    let misbehave = story.build("examples/misbehave")?;

    story.chapter("The author signs them with a new key");
    fs::write(folder.path().join("passphrase"), "correct horse battery staple\n")?;
    story.jackfield(&["key", "new", "demo"])?.done("made the key `demo`, encrypted")?;
    for component in [&csv, &misbehave] {
        story.sign(component)?;
    }

    story.chapter("An admin trusts the key, and installs only what it signed");
    story.jackfield(&["trust", "add", "demo"])?.done("trusts `demo`")?;
    story.jackfield(&["install", &http.text(), "--grant-all"])?.refused(
        3,
        "signature-missing",
        "http, not signed yet, is refused",
    )?;
    let tampered = story.tampered(&csv)?;
    story.jackfield(&["install", &tampered, "--grant-all"])?.refused(
        3,
        "subject-mismatch",
        "csv with one byte changed is refused",
    )?;
    story.sign(&http)?;
    story.jackfield(&["install", &csv.text(), "--grant-all"])?.done("installed csv, with the limits it asks for")?;

    story.chapter("A workflow turns 7 000 rows of CSV into typed JSON lines, in the sandbox");
    story.convert("home")?;

    story.chapter("A request that nobody has granted is denied, with the command that grants it");
    story.request(&http)?;

    story.chapter("The sandbox has limits");
    story.jackfield(&["install", &misbehave.text(), "--grant-all"])?.done("installed misbehave")?;
    story.limited("spin", "fuel", "a guest that computes for ever is stopped by fuel")?;
    story.limited("hoard", "memory-bytes", "a guest that asks for ever more memory is stopped by its limit")?;

    story.connect()?;
    story.publish(&csv, &http, &github)?;
    story.end()
}

/// What has been told so far, and where it happens.
struct Story {
    folder: PathBuf,
    binary: PathBuf,
    told: String,
}

/// A component on disk.
struct Component(PathBuf);

impl Component {
    fn text(&self) -> String {
        self.0.display().to_string()
    }
}

impl Story {
    fn new(folder: &Path) -> Result<Self, Failure> {
        let binary = target().join("debug").join("jackfield");
        Ok(Self { folder: folder.to_owned(), binary, told: String::new() })
    }

    fn tell(&mut self, line: &str) {
        println!("{line}");
        self.told.push_str(line);
        self.told.push('\n');
    }

    fn chapter(&mut self, title: &str) {
        let title = if self.told.is_empty() { title.to_owned() } else { format!("\n{title}") };
        self.tell(&title);
    }

    /// Runs the command as a program would: JSON out, no terminal.
    fn jackfield(&mut self, words: &[&str]) -> Result<Step<'_>, Failure> {
        self.jackfield_at("home", words)
    }

    /// The same, as somebody else: each home is another person's machine.
    fn jackfield_at(&mut self, home: &str, words: &[&str]) -> Result<Step<'_>, Failure> {
        eprintln!("    $ jackfield {}", words.join(" "));
        let output = self.command(home, words).output();
        let output = output.map_err(|error| format!("`{}` could not be run: {error}", self.binary.display()))?;
        Ok(self.step(words, &output))
    }

    fn command(&self, home: &str, words: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(root()).args(words).args(["--output", "json"]);
        command.env("JACKFIELD_HOME", self.folder.join(home));
        command.env("JACKFIELD_PASSPHRASE_FILE", self.folder.join("passphrase"));
        let authority = self.folder.join("authority.pem");
        if authority.exists() {
            command.env("JACKFIELD_CA_FILE", authority);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What a command that has ended answered.
    fn step(&mut self, words: &[&str], output: &Output) -> Step<'_> {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        // Notes may go before the error, one JSON document a line.
        let mut error = stderr
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|line| line["error"].clone());
        Step {
            answer: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
            error: error.rfind(|error| !error.is_null()).unwrap_or(Value::Null),
            code: output.status.code().unwrap_or(-1),
            stderr,
            shown: format!("jackfield {}", words.join(" ")),
            story: self,
        }
    }

    fn build(&mut self, project: &str) -> Result<Component, Failure> {
        let step = self.jackfield(&["build", project])?;
        let answer = step.expect(0)?;
        let (name, path) = (text(&answer["name"])?, PathBuf::from(text(&answer["path"])?));
        let bytes = answer["bytes"].as_u64().ok_or("a component has a size")?;
        eprintln!("      {} bytes, {}", bytes, text(&answer["digest"])?);
        self.tell(&format!("  ok  built {name}, every check passed"));
        // Where no bundle of an earlier run lies beside it.
        let copy = self.folder.join(path.file_name().unwrap_or_default());
        fs::copy(&path, &copy)?;
        Ok(Component(copy))
    }

    fn sign(&mut self, component: &Component) -> Result<(), Failure> {
        let name = component.0.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.jackfield(&["sign", &component.text(), "--key", "demo"])?.done(&format!("signed {name}"))
    }

    /// The same component and the same signature, with the last byte of its README changed.
    fn tampered(&mut self, component: &Component) -> Result<String, Failure> {
        let copy = self.folder.join("tampered.wasm");
        let mut bytes = fs::read(&component.0)?;
        let last = bytes.last_mut().ok_or("a component has bytes")?;
        *last = if *last == b'\n' { b' ' } else { b'\n' };
        fs::write(&copy, bytes)?;
        fs::copy(format!("{}.sigstore.json", component.text()), self.folder.join("tampered.wasm.sigstore.json"))?;
        Ok(copy.display().to_string())
    }

    fn convert(&mut self, home: &str) -> Result<(), Failure> {
        let input = serde_json::json!({
            "file": {"$file": "strikes"},
            "columns": [
                {"name": "Airport Name", "as": "airport"},
                {"name": "Flight Date", "as": "date", "type": "date"},
                {"name": "Wildlife Species", "as": "species"},
                {"name": "Cost Total $", "as": "cost", "type": "integer"},
            ],
            "filters": [{"column": "Cost Total $", "op": "gt", "value": 0}],
        });
        let out = self.folder.join(home).join("out");
        let data = format!("strikes={}", root().join("examples/data/wildlife-strikes.csv").display());
        let words = [
            "invoke",
            "jackfield:csv",
            "to-json-lines",
            "--input",
            &input.to_string(),
            "--file",
            &data,
            "--out",
            &out.display().to_string(),
            "--bill",
        ];
        let step = self.jackfield_at(home, &words)?;
        let answer = step.expect(0)?;
        bill(&answer["bill"]);
        let counts = &answer["result"];
        let rows = fs::read_to_string(out.join("rows.jsonl"))?;
        let first: Value = serde_json::from_str(rows.lines().next().ok_or("there are rows")?)?;
        let written = u64::try_from(rows.lines().count())?;
        let [read, kept, bad, left] =
            ["rows_in", "rows_out", "rows_bad", "rows_filtered"].map(|name| counts[name].as_u64().unwrap_or(u64::MAX));
        if read != 7_000 || kept != written || read != kept + bad + left || !first["cost"].is_i64() {
            return Err(format!("the rows do not add up: {counts}, {written} written, the first {first}").into());
        }
        self.tell(&format!("  ok  {read} rows read, {kept} with a cost kept, {left} without left out, {bad} bad"));
        self.tell(&format!("  ok  the first: {first}"));
        Ok(())
    }

    fn request(&mut self, http: &Component) -> Result<(), Failure> {
        let server = Loopback::start()?;
        let url = format!("http://{}/hello", server.address());
        let input = serde_json::json!({"url": url}).to_string();
        let config = r#"{"hosts":["127.0.0.1"]}"#;
        let request = ["invoke", "jackfield:http", "request", "--input", &input];
        self.jackfield(&["install", &http.text(), "--grant-none", "--config", config])?
            .done("installed http, with no destination granted")?;

        let step = self.jackfield(&request)?;
        let fix = text(&step.error["hint"])?;
        step.refused(5, "denied-grant", "the request is denied, and nothing reached the server")?;
        if server.requests() != 0 {
            return Err("a denied request has reached the server".into());
        }
        eprintln!("      fix: {fix}");
        let words = unquoted(fix.trim().strip_prefix("jackfield ").ok_or_else(|| format!("`{fix}` is no command"))?);
        self.jackfield(&words.iter().map(String::as_str).collect::<Vec<_>>())?.done("granted by that very command")?;

        let step = self.jackfield(&request)?;
        let answer = step.expect(0)?;
        bill(&answer["bill"]);
        if answer["result"]["status"] != 200 || server.requests() != 1 {
            return Err(format!("the server should have answered once: {answer}").into());
        }
        self.tell("  ok  the same request is answered with 200");
        Ok(())
    }

    /// From the author's machine to another's by way of a registry, and what those meet who would cheat on the way.
    fn publish(&mut self, csv: &Component, http: &Component, github: &Component) -> Result<(), Failure> {
        let mut registry = Registry::start(&self.binary, &self.folder)?;
        let url = registry.url();

        self.chapter("A registry is served, and a namespace belongs to a key");
        let token = registry.operator_token();
        self.jackfield(&["login", "--registry", &url, "--token-file", &token])?
            .done("signed in with the token that the registry's first start left")?;
        self.jackfield(&["namespace", "create", "jackfield"])?.expect(0)?;
        self.jackfield(&["namespace", "keyset", "jackfield", "--key", "demo"])?
            .done("made the namespace `jackfield`, whose releases `demo` must sign")?;

        self.chapter("The author publishes: checked, logged, released");
        self.publish_one(csv)?;
        registry.copy("backup")?;
        let published = self.publish_one(http)?;

        self.chapter("Another admin, on another machine, installs from the registry");
        self.jackfield_at("second", &["registry", "add", &url])?.done("believes the registry, its keys pinned")?;
        self.jackfield_at("second", &["install", "jackfield:csv@^0.1", "--grant-all"])?
            .done("installed csv: its statement, keys, log and checks all hold")?;
        self.convert("second")?;

        self.chapter("Who would cheat on the way is refused");
        self.jackfield_at("thief", &["login", "--registry", &url, "--token-file", &token])?.expect(0)?;
        self.jackfield_at("thief", &["key", "new", "thief"])?.expect(0)?;
        self.jackfield_at("thief", &["publish", &github.text(), "--key", "thief"])?
            .refused_by(&["signer-unknown"], "a stolen token without the key stages, and releases nothing")?;
        self.jackfield_at("second", &["install", "jackfield:github", "--grant-all"])?.refused_by(
            &["package-not-found", "release-not-found", "index-not-found"],
            "what is only staged, nobody else sees",
        )?;
        registry.serve("backup")?;
        self.jackfield_at("second", &["install", "jackfield:csv", "--grant-all"])?.refused_by(
            &["index-rollback", "log-rollback"],
            "a registry that goes back to an older log is refused, and the evidence kept",
        )?;
        registry.serve("data")?;
        registry.tamper(&published)?;
        self.jackfield_at("third", &["registry", "add", &url])?.expect(0)?;
        self.jackfield_at("third", &["install", "jackfield:http", "--grant-none"])?
            .refused_by(&["component-mismatch"], "a release that was changed in the registry's own store is refused")?;
        let key = self.jackfield(&["key", "show", "demo"])?.expect(0)?;
        let key = text(&key["keyid"])?;
        let before = self.log_size()?;
        self.jackfield(&["namespace", "revoke-key", "jackfield", &key, "--key", "demo", "--reason", "it was stolen"])?
            .expect(0)?;
        // It counts once it is in the log.
        for _ in 0..100 {
            if self.log_size()? > before {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        self.jackfield_at("third", &["install", "jackfield:csv@=0.1.0", "--grant-all"])?
            .refused_by(&["key-revoked", "release-revoked"], "a release of a revoked key is refused")?;
        registry.stop()
    }

    fn log_size(&mut self) -> Result<u64, Failure> {
        let answer = self.jackfield(&["log", "checkpoint"])?.expect(0)?;
        answer["size"].as_u64().ok_or_else(|| "a checkpoint has a size".into())
    }

    /// Publishes, and answers with the component's digest.
    fn publish_one(&mut self, component: &Component) -> Result<String, Failure> {
        let step = self.jackfield(&["publish", &component.text(), "--key", "demo"])?;
        let answer = step.expect(0)?;
        let name = text(&answer["name"])?;
        let checks = answer["checks"].as_array().map_or(0, Vec::len);
        self.tell(&format!("  ok  published {name}: {checks} checks held, in the log, released"));
        text(&answer["component"])
    }

    fn limited(&mut self, operation: &str, limit: &str, line: &str) -> Result<(), Failure> {
        let step = self.jackfield(&["invoke", "example:misbehave", operation, "--input", "{}", "--bill"])?;
        bill(&step.answer["bill"]);
        eprintln!("      {}", text(&step.error["message"])?);
        step.refused(6, &format!("limit-{limit}"), line)
    }

    /// What was told is what the README says.
    fn end(self) -> Result<(), Failure> {
        let readme = fs::read_to_string(root().join("README.md"))?;
        if !readme.contains(self.told.trim_end()) {
            return Err("README.md shows another output than this; put it right".into());
        }
        Ok(())
    }
}

/// One command that was run.
struct Step<'a> {
    answer: Value,
    error: Value,
    code: i32,
    stderr: String,
    shown: String,
    story: &'a mut Story,
}

impl Step<'_> {
    fn expect(self, code: i32) -> Result<Value, Failure> {
        if self.code != code {
            return Err(format!("`{}` ended with {}, not {code}:\n{}", self.shown, self.code, self.stderr).into());
        }
        Ok(self.answer)
    }

    fn done(self, line: &str) -> Result<(), Failure> {
        if self.code != 0 {
            return self.expect(0).map(drop);
        }
        self.story.tell(&format!("  ok  {line}"));
        Ok(())
    }

    fn refused(self, exit: i32, code: &str, line: &str) -> Result<(), Failure> {
        if self.code != exit || self.error["code"] != code {
            return Err(format!(
                "`{}` ended with {}, expected {exit} and `{code}`:\n{}",
                self.shown, self.code, self.stderr
            )
            .into());
        }
        self.story.tell(&format!("  ok  {line} (exit code {exit})"));
        Ok(())
    }
}

impl Step<'_> {
    /// Refused for one of these reasons: which of them is met first depends on when the registry signed what.
    fn refused_by(self, codes: &[&str], line: &str) -> Result<(), Failure> {
        let code = self.error["code"].as_str().unwrap_or_default().to_owned();
        if self.code == 0 || !codes.contains(&code.as_str()) {
            return Err(format!(
                "`{}` ended with {}, expected one of {codes:?}:\n{}",
                self.shown, self.code, self.stderr
            )
            .into());
        }
        eprintln!("      {code}");
        self.story.tell(&format!("  ok  {line}"));
        Ok(())
    }
}

fn text(value: &Value) -> Result<String, Failure> {
    value.as_str().map(ToOwned::to_owned).ok_or_else(|| format!("expected text, got {value}").into())
}

fn bill(bill: &Value) {
    let Some(entries) = bill.as_object() else { return };
    let used = entries.iter().filter(|(_, value)| **value != 0).map(|(name, value)| format!("{name} {value}"));
    eprintln!("      bill: {}", used.collect::<Vec<_>>().join(", "));
}

/// The words of a command line with single quotes, which is all that a fix uses.
fn unquoted(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut within = false;
    for c in line.chars() {
        match c {
            '\'' => within = !within,
            ' ' if !within => words.push(String::new()),
            c => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
