//! The OpenID provider that the demo's account is at: npm's oidc-provider, which is certified, where there is Node; else a small one
//! of the demo's own. Whoever signs in is who they say.

mod own;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use own::Own;
use serde_json::{Value, json};

use crate::{Failure, need, run::command};

/// The app's id at the provider, and its secret: characters that must be encoded before RFC 7617.
pub(crate) const CLIENT: (&str, &str) = ("basic", "s3cret/with+odd:chars%");

/// A provider on loopback, until it is dropped.
pub(crate) enum OpenId {
    Certified(Script),
    Own(Own),
}

impl OpenId {
    /// One that sends people back to this address alone.
    pub(crate) fn start(redirect_uri: &str) -> Result<Self, Failure> {
        match need::providers() {
            Ok(Some(folder)) => return Ok(Self::Certified(Script::start(&folder, redirect_uri)?)),
            Ok(None) => need::missing(
                "Node and npm",
                "the account is at a small OpenID provider of the demo's own, not at a certified one",
                "install node 20, npm",
            ),
            Err(failure) => need::missing(
                &format!("npm's oidc-provider ({failure})"),
                "the account is at a small OpenID provider of the demo's own, not at a certified one",
                "let npm reach its registry, then run this again",
            ),
        }
        Ok(Self::Own(Own::start(redirect_uri)?))
    }

    /// Its issuer.
    pub(crate) fn issuer(&self) -> &str {
        match self {
            Self::Certified(script) => &script.issuer,
            Self::Own(own) => own.issuer(),
        }
    }

    /// Who it is, for a person.
    pub(crate) fn words(&self) -> &'static str {
        match self {
            Self::Certified(_) => "npm's oidc-provider, certified",
            Self::Own(_) => "the demo's own",
        }
    }

    /// Access tokens live this long from now on.
    pub(crate) fn set_lifetime(&mut self, seconds: u64) -> Result<(), Failure> {
        match self {
            Self::Certified(script) => script.tell(&json!({ "do": "lifetime", "seconds": seconds })).map(drop),
            Self::Own(own) => own.set_lifetime(seconds),
        }
    }

    /// How often it gave a new token for a refresh token.
    pub(crate) fn refreshes(&mut self) -> Result<u64, Failure> {
        match self {
            Self::Certified(script) => {
                Ok(script.tell(&json!({ "do": "given" }))?["refresh_token"].as_u64().unwrap_or(0))
            }
            Self::Own(own) => own.refreshes(),
        }
    }

    /// Everybody takes their consent back: no token of theirs works any more.
    pub(crate) fn withdraw(&mut self) -> Result<(), Failure> {
        match self {
            Self::Certified(script) => script.tell(&json!({ "do": "withdraw" })).map(drop),
            Self::Own(own) => own.withdraw(),
        }
    }
}

/// tests/providers/server.mjs, spoken to in lines of JSON.
pub(crate) struct Script {
    issuer: String,
    child: Child,
    says: BufReader<ChildStdout>,
    hears: ChildStdin,
}

impl Script {
    fn start(folder: &std::path::Path, redirect_uri: &str) -> Result<Self, Failure> {
        let mut node = command("node");
        node.args(["server.mjs", redirect_uri]).current_dir(folder);
        // It warns of what makes it one for tests.
        let mut child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let says = BufReader::new(child.stdout.take().ok_or("the provider has an output")?);
        let hears = child.stdin.take().ok_or("the provider has an input")?;
        let mut script = Self { issuer: String::new(), child, says, hears };
        let started = script.line()?;
        script.issuer = started["issuer"].as_str().ok_or("the provider says who it is")?.to_owned();
        Ok(script)
    }

    fn tell(&mut self, deed: &Value) -> Result<Value, Failure> {
        writeln!(self.hears, "{deed}")?;
        self.line()
    }

    fn line(&mut self) -> Result<Value, Failure> {
        let mut line = String::new();
        if self.says.read_line(&mut line)? == 0 {
            return Err("the OpenID provider has ended".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
