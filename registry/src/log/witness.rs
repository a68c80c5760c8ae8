//! A small witness (c2sp.org/tlog-witness): cosigns a log's checkpoint if, and only if, the log has only grown.
//!
//! What it has cosigned last stands in one file, written aside, synced and renamed before a cosignature leaves. A crash
//! before the rename: nothing was signed. After it: the log asks again and gets the same tree cosigned.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::{StatusCode, header};
use jackfield_package::{
    key::SigningKey,
    log::{
        Checkpoint, KeyName, VerifierKey,
        witness::{ADD_CHECKPOINT_BYTES, AddCheckpoint, Declined, Seen, cosign, judge},
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    Problem,
    clock::{Clock, SECOND},
    limits::WITNESS_LOGS,
};

/// A witness of some logs.
#[derive(Debug)]
pub struct Witness {
    name: KeyName,
    key: SigningKey,
    logs: BTreeMap<KeyName, VerifierKey>,
    clock: Arc<dyn Clock>,
    /// Held from looking a log up to having written it down: nothing goes back in between.
    state: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    seen: BTreeMap<String, Line>,
    /// Locked as long as this lives: two witnesses on one file would sign two histories.
    _lock: File,
}

/// What is kept of one log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    size: u64,
    /// The checkpoint's note, with the log's signature: evidence, should the log ever show another.
    checkpoint: String,
}

impl Witness {
    /// Opens the state file, or begins one.
    ///
    /// # Errors
    /// `witness-state`: it can't be read, written or locked, or there are more logs than [`WITNESS_LOGS`].
    pub fn open(
        name: KeyName,
        key: SigningKey,
        logs: Vec<VerifierKey>,
        path: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, Problem> {
        let fault = |what: &str, error: &dyn std::fmt::Display| {
            let message = format!("the witness's state `{}` {what}: {error}", path.display());
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "witness-state", message)
        };
        if logs.len() > WITNESS_LOGS {
            return Err(fault("is for too many logs", &logs.len()));
        }
        let lock_path = path.with_extension("lock");
        let lock = File::options().create(true).append(true).open(&lock_path);
        let lock = lock.map_err(|error| fault("can't be locked", &error))?;
        lock.try_lock().map_err(|error| fault("is another witness's", &error))?;
        let seen = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| fault("is damaged", &error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(fault("can't be read", &error)),
        };
        let logs = logs.into_iter().map(|log| (log.name.clone(), log)).collect();
        let state = Mutex::new(Kept { path: path.to_owned(), seen, _lock: lock });
        Ok(Arc::new(Self { name, key, logs, clock, state }))
    }

    /// The key that its cosignatures are verified with; its text is a vkey.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey::of_witness(self.name.clone(), self.key.public_key())
    }

    /// Its one route: `POST /add-checkpoint`.
    pub fn router(self: Arc<Self>) -> Router {
        let route = post(|State(witness): State<Arc<Self>>, body: Bytes| async move {
            // Writes and syncs a file: not on a thread that answers others.
            tokio::task::spawn_blocking(move || witness.answer(&body))
                .await
                .unwrap_or_else(|_| (StatusCode::INTERNAL_SERVER_ERROR, "the witness failed\n").into_response())
        });
        let limit = DefaultBodyLimit::max(ADD_CHECKPOINT_BYTES);
        Router::new().route("/add-checkpoint", route).layer(limit).with_state(self)
    }

    /// Serves it until `stop`.
    ///
    /// # Errors
    /// The listener's.
    pub async fn serve(
        self: Arc<Self>,
        listener: tokio::net::TcpListener,
        stop: tokio_util::sync::CancellationToken,
    ) -> std::io::Result<()> {
        axum::serve(listener, self.router()).with_graceful_shutdown(stop.cancelled_owned()).await
    }

    fn answer(&self, body: &[u8]) -> Response {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(refusal) => return (StatusCode::BAD_REQUEST, format!("{refusal}\n")).into_response(),
        };
        match self.add_checkpoint(&request) {
            Ok(line) => (StatusCode::OK, format!("{line}\n")).into_response(),
            Err(Answer::Declined(declined)) => {
                if matches!(declined, Declined::Fork | Declined::Inconsistent(_)) {
                    tracing::error!(checkpoint = %request.checkpoint, "a log showed a tree that is not its own: evidence");
                }
                render(declined)
            }
            Err(Answer::Fault(error)) => {
                tracing::error!(error, "the witness's state could not be written; nothing was signed");
                (StatusCode::INTERNAL_SERVER_ERROR, "the witness could not write its state\n").into_response()
            }
        }
    }

    /// Looks up, judges, writes down, signs: in this order, one request at a time.
    fn add_checkpoint(&self, request: &AddCheckpoint) -> Result<String, Answer> {
        let origin = request.checkpoint.text().lines().next().unwrap_or_default();
        let log = origin.parse().ok().and_then(|origin: KeyName| self.logs.get(&origin));
        let log = log.ok_or(Answer::Declined(Declined::Unknown))?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = match state.seen.get(origin) {
            Some(line) => Some(line.seen().map_err(Answer::Fault)?),
            None => None,
        };
        let next = judge(request, log, seen.as_ref()).map_err(Answer::Declined)?;
        if seen.as_ref() != Some(&next) {
            let line = Line { size: next.size, checkpoint: request.checkpoint.to_string() };
            let mut changed = state.seen.clone();
            changed.insert(origin.to_owned(), line);
            write(&state.path, &changed).map_err(|error| Answer::Fault(error.to_string()))?;
            state.seen = changed;
        }
        let seconds = u64::try_from(self.clock.now() / SECOND).unwrap_or(0);
        Ok(cosign(self.name.clone(), &self.key, &request.checkpoint, seconds).to_string())
    }
}

enum Answer {
    Declined(Declined),
    Fault(String),
}

impl Line {
    fn seen(&self) -> Result<Seen, String> {
        let note = jackfield_package::log::SignedNote::parse(self.checkpoint.as_bytes());
        let checkpoint = note.and_then(|note| Checkpoint::parse(note.text())).map_err(|refusal| refusal.to_string())?;
        Ok(Seen { size: checkpoint.size, root: checkpoint.root })
    }
}

/// Durable when it returns: the file, and its name in the folder.
fn write(path: &Path, seen: &BTreeMap<String, Line>) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec_pretty(seen)?)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

fn render(declined: Declined) -> Response {
    match declined {
        Declined::Unknown => (StatusCode::NOT_FOUND, "not a log that this witness knows\n").into_response(),
        Declined::Unsigned(refusal) => (StatusCode::FORBIDDEN, format!("{refusal}\n")).into_response(),
        Declined::Malformed(refusal) => (StatusCode::BAD_REQUEST, format!("{refusal}\n")).into_response(),
        Declined::Behind(size) => {
            (StatusCode::CONFLICT, [(header::CONTENT_TYPE, "text/x.tlog.size")], format!("{size}\n")).into_response()
        }
        Declined::Fork => (StatusCode::CONFLICT, "another root was cosigned for this size\n").into_response(),
        Declined::Inconsistent(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{refusal}\n")).into_response(),
    }
}
