//! docs/guide/first-connector.md, done word for word: its files are written, its commands are run, and what it shows of
//! their output is what comes.
//!
//! - ```` ```console ````: a line that begins with `$ ` is a command; what follows it, up to the next one, is its output,
//!   stdout and stderr together. A command without output shown must succeed, and may say what it likes.
//!   ```` ```console exit=3 ````: the block's last command ends with that code.
//! - ```` ```rust file=src/lib.rs ````, in any language: the block is written to that file, in the folder where the guide
//!   stands at that point.
//! - `…` stands for anything: for any lines where it is a line of its own, else for a part of its line.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A fenced block of the guide.
struct Block {
    /// The line where it begins, from 1.
    line: usize,
    language: String,
    /// `key=value` after the language.
    attributes: Vec<(String, String)>,
    text: String,
}

impl Block {
    fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }
}

#[test]
fn the_guide_to_the_first_connector_is_true() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/first-connector.md");
    let text = fs::read_to_string(&guide).expect("the guide");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut shell = Shell::new(folder.path());
    let mut commands = 0;
    for block in blocks(&text) {
        let place = format!("first-connector.md:{}", block.line);
        if let Some(file) = block.attribute("file") {
            let path = shell.folder.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("the file's folder");
            fs::write(path, &block.text).expect("the file");
        }
        if block.language != "console" {
            continue;
        }
        let exit = block.attribute("exit").map_or(0, |exit| exit.parse().expect("an exit code"));
        let steps = steps(&block.text);
        for (at, (command, expected)) in steps.iter().enumerate() {
            let (output, code) = shell.run(command);
            let expected_code = if at + 1 == steps.len() { exit } else { 0 };
            assert_eq!(code, expected_code, "{place}: `{command}` ended with {code}, and said:\n{output}");
            assert!(
                expected.is_empty() || fits(expected, &output.lines().collect::<Vec<_>>()),
                "{place}: `{command}` was to say:\n{}\n\nand said:\n{output}",
                expected.join("\n")
            );
            commands += 1;
        }
    }
    assert!(commands > 5, "the guide has {commands} commands");
}

/// A shell that remembers where it is. What it runs finds this build's `jackfield`, and a home of its own.
struct Shell {
    folder: PathBuf,
    home: PathBuf,
    path: String,
}

impl Shell {
    fn new(base: &Path) -> Self {
        let bin = Path::new(env!("CARGO_BIN_EXE_jackfield")).parent().expect("a folder").display().to_string();
        let path = format!("{bin}:{}", env::var("PATH").expect("PATH"));
        let base = base.canonicalize().expect("the temporary folder");
        let (folder, home) = (base.join("work"), base.join("home"));
        fs::create_dir(&folder).expect("a folder to work in");
        fs::create_dir(&home).expect("a home");
        Self { folder, home, path }
    }

    fn run(&mut self, command: &str) -> (String, i32) {
        let where_it_ended = self.home.join(".cwd");
        let script = format!("exec 2>&1\n{command}\nstatus=$?\npwd > '{}'\nexit $status", where_it_ended.display());
        let real_home = env::home_dir().expect("a home");
        let or =
            |variable: &str, folder: &str| env::var_os(variable).map_or_else(|| real_home.join(folder), PathBuf::from);
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(&self.folder)
            .env("PATH", &self.path)
            // Rust stays where it is, all else is as on a new account.
            .env("CARGO_HOME", or("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", or("RUSTUP_HOME", ".rustup"))
            .env("HOME", &self.home)
            .env_remove("XDG_DATA_HOME")
            .env_remove("JACKFIELD_HOME")
            .env_remove("JACKFIELD_PASSPHRASE_FILE")
            // What this test itself was built with is no matter of the author's.
            .env_remove("CARGO")
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("RUSTFLAGS")
            .env_remove("RUST_BACKTRACE")
            // The crates that every connector needs are compiled once, not once a test run.
            .env("CARGO_BUILD_BUILD_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("guide"))
            .env("CARGO_TERM_COLOR", "never")
            .output()
            .expect("sh");
        let folder = fs::read_to_string(&where_it_ended).expect("where the shell ended");
        self.folder = PathBuf::from(folder.trim_end());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (said, output.status.code().unwrap_or(-1))
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let mut words = info.split_whitespace();
                let language = words.next().unwrap_or_default().to_owned();
                let attributes = words
                    .filter_map(|word| word.split_once('='))
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect();
                open = Some(Block { line: at + 1, language, attributes, text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Commands with the output that is shown below each. A line that ends in `\` goes on in the next.
fn steps(text: &str) -> Vec<(String, Vec<&str>)> {
    let mut steps: Vec<(String, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command.to_owned(), Vec::new())),
            (None, Some((command, output))) if output.is_empty() && command.ends_with('\\') => {
                command.push('\n');
                command.push_str(line);
            }
            (None, Some((_, output))) => output.push(line),
            (None, None) => panic!("a console block begins with `$ `, not with `{line}`"),
        }
    }
    for (_, output) in &mut steps {
        while output.last().is_some_and(|line| line.is_empty()) {
            output.pop();
        }
    }
    steps
}

/// Whether the lines are as expected; `…` alone stands for any number of lines.
fn fits(expected: &[&str], found: &[&str]) -> bool {
    match expected.split_first() {
        None => found.iter().all(|line| line.is_empty()),
        Some((&"…", rest)) => (0..=found.len()).any(|skipped| fits(rest, &found[skipped..])),
        Some((line, rest)) => {
            found.split_first().is_some_and(|(first, others)| line_fits(line, first) && fits(rest, others))
        }
    }
}

/// Whether the line is as expected; `…` stands for any text.
fn line_fits(expected: &str, found: &str) -> bool {
    let mut parts = expected.trim_end().split('…');
    let found = found.trim_end();
    let Some(mut rest) = parts.next().and_then(|first| found.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[test]
fn the_comparison_is_exact_but_for_the_dots() {
    for (expected, found, good) in [
        ("a\n…\nc", "a\nb\nb\nc", true),
        ("a\n…\nc", "a\nc", true),
        ("a\nc", "a\nb\nc", false),
        ("digest sha256:…", "digest sha256:00ff", true),
        ("digest sha256:… of 3", "digest sha256:00ff of 3", true),
        ("digest sha256:… of 3", "digest sha256:00ff of 4", false),
        ("a", "a\nb", false),
        ("a\n…", "a\nb", true),
    ] {
        let lines = |text: &'static str| text.lines().collect::<Vec<_>>();
        assert_eq!(fits(&lines(expected), &lines(found)), good, "{expected:?} and {found:?}");
    }
}
