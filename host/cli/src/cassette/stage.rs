//! Where cassettes are played, one after the other: in the sandbox that runs the connector later, with no way to any network.

use std::{collections::BTreeMap, fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::PathBuf, sync::Arc};

use jackfield_host::{
    Denial, FileSource, Invocation, Outcome,
    grant::{Grant, Source},
    limits::{Limit, Limits},
};
use jackfield_package::{Label, Package, manifest::AuthType};

use super::{
    Cassette, Connection, Expectation,
    replay::{Ejected, Player},
};
use crate::{
    error::{Failed, Kind},
    sandbox::Sandbox,
};

/// Stands in the place of every secret. Nothing ever sends it: the replay has no wire to put it on.
const NO_SECRET: &[u8] = b"no-secret:replayed-from-a-cassette";

/// The most that a call may have of some limits, whatever the manifest wishes for.
pub(crate) type Ceilings = BTreeMap<Limit, u64>;

/// One package, and a player for its cassettes.
pub(crate) struct Stage<'a> {
    sandbox: Sandbox,
    player: Player,
    package: &'a Package,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(package: &'a Package) -> Result<Self, Failed> {
        let player = Player::default();
        Ok(Self { sandbox: Sandbox::with_transport(Arc::new(player.clone()))?, player, package })
    }

    /// The sandbox. While no cassette is played its requests have no answer.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Makes the call that the cassette is of. What came of it, and what is otherwise than the cassette says: nothing, if it holds.
    pub(crate) async fn play(&self, cassette: Cassette, ceilings: &Ceilings) -> Result<(Outcome, Vec<String>), Failed> {
        let input = cassette.input.to_string();
        let (outcome, Ejected { strayed, unsent }, expect) = self.perform(cassette, input, ceilings).await?;
        // After a request that does not fit, what is left says nothing new.
        let mut problems = if strayed.is_empty() { unsent } else { strayed };
        problems.extend(expect.problems(&outcome));
        if !problems.is_empty() {
            // First what was denied on the way: the rest follows from that.
            problems.splice(0..0, outcome.denials.iter().map(told));
        }
        Ok((outcome, problems))
    }

    /// Makes a call of another input in the cassette's place. What came of it, and which requests the cassette has no answer to.
    pub(crate) async fn call(
        &self,
        cassette: Cassette,
        input: String,
        ceilings: &Ceilings,
    ) -> Result<(Outcome, Vec<String>), Failed> {
        let (outcome, Ejected { strayed, .. }, _) = self.perform(cassette, input, ceilings).await?;
        Ok((outcome, strayed))
    }

    async fn perform(
        &self,
        cassette: Cassette,
        input: String,
        ceilings: &Ceilings,
    ) -> Result<(Outcome, Ejected, Expectation), Failed> {
        let Cassette { operation, config, connection, idempotency_key, files, exchanges, expect, .. } = cassette;
        let manifest = self.package.manifest();
        let mut grant = Grant::all_of(manifest);
        let asked = Limits::in_force(&manifest.limits, &grant.limits);
        grant.limits.extend(ceilings.iter().map(|(limit, most)| (*limit, asked.get(*limit).min(*most))));
        grant.config = config;
        for id in self.bound(&connection)? {
            grant.credentials.insert(id.clone(), Source::File(self.no_secret(&id)?));
        }
        let installation = self.sandbox.install(self.package, grant).await?;

        self.player.insert(exchanges);
        let mut invocation = Invocation::new(operation, input).idempotency_key(idempotency_key);
        for (id, content) in files {
            invocation = invocation.file(id, FileSource::Bytes(content.to_bytes().into()));
        }
        let outcome = self.sandbox.host().invoke(&installation.name, invocation).await;
        Ok((outcome, self.player.eject(), expect))
    }

    /// The `auth` entries that get a credential. What signs requests can't be bound to a file, and is left out.
    fn bound(&self, connection: &Connection) -> Result<Vec<Label>, Failed> {
        let auth = &self.package.manifest().auth;
        match connection {
            Connection::None => Ok(Vec::new()),
            Connection::One(id) if auth.iter().any(|auth| auth.id == *id) => Ok(vec![id.clone()]),
            Connection::One(id) => {
                let known: Vec<&str> = auth.iter().map(|auth| auth.id.as_str()).collect();
                let message = format!("`connection`: {} asks for no credential `{id}`", self.package.manifest().name);
                Err(Failed::new(Kind::Refused, "cassette-malformed", message).hint(match known[..] {
                    [] => "it asks for none".to_owned(),
                    _ => format!("it asks for: {}", known.join(", ")),
                }))
            }
            Connection::All => {
                let signs = |kind: AuthType| matches!(kind, AuthType::Hmac | AuthType::Sigv4);
                Ok(auth.iter().filter(|auth| !signs(auth.r#type)).map(|auth| auth.id.clone()).collect())
            }
        }
    }

    /// A file such as a host wants it.
    fn no_secret(&self, id: &Label) -> Result<PathBuf, Failed> {
        let path = self.sandbox.folder().join(format!("{id}.secret"));
        let written = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(NO_SECRET));
        written.map_err(|error| Failed::file(format!("cannot write `{}`", path.display()), &error))?;
        Ok(path)
    }
}

/// A denial, with the lines that would have prevented it.
fn told(denial: &Denial) -> String {
    let mut text = denial.to_string();
    if let Some(fix) = &denial.fix {
        text.push_str("\nto allow it:");
        text.extend(fix.lines().map(|line| format!("\n  {line}")));
    }
    text
}
