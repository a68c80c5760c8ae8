//! Asking witnesses to cosign what was published (c2sp.org/tlog-witness).

use std::time::Duration;

use jackfield_package::log::{VerifierKey, note::NoteSignature, witness::AddCheckpoint};
use tokio_util::sync::CancellationToken;

use super::{read, store};
use crate::{Problem, Registry, Shared, limits::WITNESS_ANSWER_BYTES};

/// How long a witness may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often to look whether there is something to cosign.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long to leave a witness alone that failed.
const AFTER_FAULT: Duration = Duration::from_secs(15);

/// Somebody who cosigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its key, of type 4.
    pub key: VerifierKey,
    /// Its submission prefix.
    pub url: String,
}

impl std::str::FromStr for Witness {
    type Err = Problem;

    /// `<vkey> <url>`, as in a line of a policy file.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let (key, url) = text.trim().split_once(char::is_whitespace).ok_or_else(|| {
            Problem::bad_request("config-invalid", format!("a witness is `<vkey> <url>`, and this is `{text}`"))
        })?;
        Ok(Self { key: key.parse()?, url: url.trim().trim_end_matches('/').to_owned() })
    }
}

/// Posts a body, and gives the status and the beginning of what comes back. The transport, apart from the protocol.
#[async_trait::async_trait]
pub trait Post: Send + Sync {
    /// # Errors
    /// What stood in the way, for the operator.
    async fn post(&self, url: &str, body: String) -> Result<(u16, String), String>;
}

/// What asking came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// There is nothing that it has not cosigned.
    Nothing,
    /// It cosigned this size.
    Cosigned(u64),
    /// It says no, or does not make sense.
    Refused(String),
}

/// Asks one witness once to cosign the newest published checkpoint.
///
/// # Errors
/// Those of rows and tiles.
pub async fn ask(registry: &Registry, witness: &Witness, post: &dyn Post) -> Result<Asked, Problem> {
    let Some(newest) = read::checkpoint(registry).await? else { return Ok(Asked::Nothing) };
    let size = newest.checkpoint.size;
    let name = witness.key.name.as_str();
    let mut old_size = {
        let mut conn = registry.db.read().await?;
        u64::try_from(store::last_cosigned(&mut conn, name).await?).unwrap_or(0)
    };
    if old_size >= size {
        return Ok(Asked::Nothing);
    }
    let mut checkpoint = newest.note.clone();
    // Twice: the first answer may say where the witness really stands.
    for _ in 0..2 {
        let consistency = if old_size == 0 { Vec::new() } else { read::consistency(registry, old_size, size).await? };
        let request = AddCheckpoint { old_size, consistency, checkpoint: checkpoint.clone() };
        let (status, body) = match post.post(&format!("{}/add-checkpoint", witness.url), request.to_text()).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Asked::Refused(error)),
        };
        match status {
            200 => {
                for line in body.lines() {
                    let Ok(signature) = NoteSignature::parse(line) else { continue };
                    checkpoint.add(signature.clone());
                    if signature.name != witness.key.name || signature.key_id != witness.key.id() {
                        continue;
                    }
                    if let Err(refusal) = checkpoint.verify(&witness.key) {
                        return Ok(Asked::Refused(refusal.to_string()));
                    }
                    let row = i64::try_from(size).map_err(|error| Problem::internal(&error))?;
                    let mut tx = registry.db.begin().await?;
                    store::add_cosignature(&mut tx, row, name, line, registry.now()).await?;
                    tx.commit().await?;
                    return Ok(Asked::Cosigned(size));
                }
                return Ok(Asked::Refused("it answered without a cosignature of its key".to_owned()));
            }
            409 => match body.trim().parse::<u64>() {
                Ok(stands) if stands <= size && stands != old_size => old_size = stands,
                Ok(stands) if stands > size => {
                    // Somebody signed more than these rows know of: a restored backup, or two logs of one key.
                    tracing::error!(witness = name, stands, size, "a witness has seen a longer log than this one");
                    return Ok(Asked::Refused(format!("it has seen {stands} entries, and this log has {size}")));
                }
                _ => return Ok(Asked::Refused("it has cosigned another tree of this size".to_owned())),
            },
            status => return Ok(Asked::Refused(format!("it answered {status}: {}", body.trim()))),
        }
    }
    Ok(Asked::Refused("it does not stand where it says".to_owned()))
}

/// Asks each witness, for ever, each at its own pace.
pub(crate) async fn run(registry: &Shared, stop: &CancellationToken) {
    let witnesses: Vec<Witness> = registry
        .config
        .witnesses
        .iter()
        .filter_map(|text| {
            text.parse()
                .inspect_err(|problem: &Problem| tracing::error!(%problem, witness = text, "a witness is left out"))
                .ok()
        })
        .collect();
    if witnesses.is_empty() {
        return stop.cancelled().await;
    }
    let post = match Http::new() {
        Ok(post) => post,
        Err(error) => return tracing::error!(error, "witnesses can't be asked"),
    };
    futures_util::future::join_all(witnesses.iter().map(|witness| ask_for_ever(registry, witness, &post, stop))).await;
}

async fn ask_for_ever(registry: &Registry, witness: &Witness, post: &dyn Post, stop: &CancellationToken) {
    loop {
        let pause = match ask(registry, witness, post).await {
            Ok(Asked::Nothing) => INTERVAL,
            Ok(Asked::Cosigned(size)) => {
                tracing::info!(witness = %witness.key.name, size, "cosigned");
                INTERVAL
            }
            Ok(Asked::Refused(why)) => {
                tracing::warn!(witness = %witness.key.name, why, "a witness did not cosign");
                AFTER_FAULT
            }
            Err(problem) => {
                tracing::warn!(witness = %witness.key.name, %problem, "a witness could not be asked");
                AFTER_FAULT
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// [`Post`] by HTTP.
#[derive(Debug)]
pub struct Http(reqwest::Client);

impl Http {
    /// A client with keep-alive.
    ///
    /// # Errors
    /// What TLS says.
    pub fn new() -> Result<Self, String> {
        // Somebody may have installed one before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
        client.map(Self).map_err(|error| error.to_string())
    }
}

#[async_trait::async_trait]
impl Post for Http {
    async fn post(&self, url: &str, body: String) -> Result<(u16, String), String> {
        let mut response = self.0.post(url).body(body).send().await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
            if answer.len() + chunk.len() > WITNESS_ANSWER_BYTES {
                return Err(format!("it answered with more than {WITNESS_ANSWER_BYTES} bytes"));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok((status, String::from_utf8_lossy(&answer).into_owned()))
    }
}
