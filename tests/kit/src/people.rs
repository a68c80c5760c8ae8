//! A certified OpenID provider, and people who sign in there with a real browser: npm's oidc-provider and Debian's Chromium,
//! spoken to in lines of JSON. Without Node or Chromium a test says so loudly, if it was told that they are missing, and
//! fails if it was not.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

/// What the provider's client `basic` has for a secret: characters that must be encoded before RFC 7617.
pub const CLIENT_SECRET: &str = "s3cret/with+odd:chars%";

/// The scripts and their packages; none if the tests are told to go without Node.
fn scripts() -> Option<PathBuf> {
    if env::var_os("JACKFIELD_TEST_WITHOUT_NODE").is_some() {
        eprintln!("NOT RUN: no Node, so no certified OpenID provider");
        return None;
    }
    let folder = env::var_os("JACKFIELD_TEST_PROVIDERS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../providers"));
    assert!(
        folder.join("node_modules/oidc-provider").exists(),
        "the provider is not installed: `npm ci` in tests/providers, or JACKFIELD_TEST_WITHOUT_NODE=1"
    );
    Some(folder)
}

/// A script that is spoken to in lines.
struct Script {
    child: Child,
    says: BufReader<ChildStdout>,
    hears: ChildStdin,
}

impl Script {
    fn start(folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("node");
        command.arg(name).args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Node starts");
        let says = BufReader::new(child.stdout.take().expect("it was asked for"));
        let hears = child.stdin.take().expect("it was asked for");
        Self { child, says, hears }
    }

    fn line(&mut self) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.says.read_line(&mut line).expect("lines of text"), 0, "the script has ended");
            if line.starts_with('{') {
                return serde_json::from_str(&line).expect("JSON");
            }
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// oidc-provider on loopback, until it is dropped. Its clients are `basic` with [`CLIENT_SECRET`] and `keyed` with [`Self::key`];
/// whoever signs in is who they say.
pub struct OpenIdProvider {
    /// Its issuer.
    pub issuer: String,
    /// The private key of the client `keyed`, PEM.
    pub key: String,
    _script: Script,
}

impl OpenIdProvider {
    /// One that sends people back to this address alone; none without Node.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(redirect_uri: &str) -> Option<Self> {
        let mut script = Script::start(&scripts()?, "server.mjs", &[redirect_uri]);
        let started = script.line();
        let text = |name: &str| started[name].as_str().expect("it says so").to_owned();
        Some(Self { issuer: text("issuer"), key: text("key"), _script: script })
    }
}

/// A real browser, with a profile for each person.
pub struct Browser(Script);

impl Browser {
    /// A browser; none without Node or Chromium.
    ///
    /// # Panics
    /// If it is neither there nor said to be missing.
    pub fn start() -> Option<Self> {
        let scripts = scripts()?;
        if env::var_os("JACKFIELD_TEST_WITHOUT_CHROMIUM").is_some() {
            eprintln!("NOT RUN: no Chromium, so nobody signs in by a real browser");
            return None;
        }
        let named = env::var_os("JACKFIELD_TEST_CHROMIUM").map(PathBuf::from);
        let path = named.unwrap_or_else(|| PathBuf::from("/usr/bin/chromium"));
        assert!(path.exists(), "there is no Chromium: install it, or JACKFIELD_TEST_WITHOUT_CHROMIUM=1");
        Some(Self(Script::start(&scripts, "browser.mjs", &[path.to_str().expect("a path in UTF-8")])))
    }

    /// Does it, and says what is then seen. Blocks.
    ///
    /// # Panics
    /// If it can't be done.
    pub fn act(&mut self, deed: &Value) -> Value {
        writeln!(self.0.hears, "{deed}").expect("the browser listens");
        let seen = self.0.line();
        assert!(seen.get("error").is_none(), "{deed}: {seen:#}");
        seen
    }

    /// Opens a link of ours and goes on to the provider's own page. Blocks.
    ///
    /// # Panics
    /// If it can't be done.
    pub fn depart(&mut self, who: &str, url: &str) -> Value {
        let seen = self.act(&json!({ "who": who, "do": "open", "url": url }));
        self.act(&json!({ "who": who, "do": "press", "name": "Go on to 127.0.0.1" }));
        self.act(&json!({ "who": who, "do": "wait", "text": "Sign-in" }));
        seen
    }

    /// Signs in at the provider, and consents. Blocks.
    ///
    /// # Panics
    /// If it can't be done.
    pub fn sign_in(&mut self, who: &str) -> Value {
        self.act(&json!({ "who": who, "do": "signIn", "user": who }))
    }
}
