//! What the log shows: its newest checkpoint, and proofs from its tiles.

use std::sync::atomic::Ordering;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use jackfield_db::Conn;
use jackfield_package::{
    Digest, Refusal,
    log::{
        Checkpoint, KeyName, SignedNote, TlogProof, VerifierKey,
        merkle::{self, Hash, Node},
        note::NoteSignature,
        tile::{Tile, Tiles},
    },
};

use super::store::{self, CheckpointRow};
use crate::{Problem, Registry};

/// Tiles read or written at once.
pub(super) const TILES_AT_ONCE: usize = 8;

/// A published checkpoint.
#[derive(Clone, Debug)]
pub struct LogCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note, with the witnesses' cosignatures so far.
    pub note: SignedNote,
}

/// The log's name.
///
/// # Errors
/// 500: the configuration's origin can't be one.
pub fn origin(registry: &Registry) -> Result<KeyName, Problem> {
    registry.config.origin.parse().map_err(damaged)
}

/// The key that the log's checkpoints are verified with; its text is a vkey.
///
/// # Errors
/// Those of [`origin`].
pub fn verifier(registry: &Registry) -> Result<VerifierKey, Problem> {
    Ok(VerifierKey::of_log(origin(registry)?, registry.keys.log.public_key()))
}

/// Refuses a log that was begun under another name or key: nothing could be added to it, and what is made out to this name would be
/// worth nothing to those who know the other.
pub(crate) async fn is_of_this_registry(registry: &Registry) -> Result<(), Problem> {
    let Some(row) = store::newest_signed(&mut registry.db.read().await?).await? else { return Ok(()) };
    let verifier = verifier(registry)?;
    let opened = SignedNote::parse(row.note.as_bytes()).and_then(|note| Checkpoint::open(&note, &verifier));
    opened.map(drop).map_err(|refusal| {
        let origin = row.note.lines().next().unwrap_or_default();
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "log-of-another",
            format!(
                "the log is that of `{origin}`, and is not signed by this registry, `{}`: {refusal}",
                registry.config.origin
            ),
        )
        .hint(format!("start with --origin {origin} and the keys it began with, or on an empty folder and database"))
    })
}

/// A statement's index, once a published checkpoint covers it: from then on it is in the log, for ever and for everybody.
///
/// # Errors
/// Those of the database.
pub async fn published_index(conn: &mut Conn, statement: &Digest) -> jackfield_db::Result<Option<u64>> {
    let Some(newest) = store::newest_published(conn).await? else { return Ok(None) };
    let index = store::logged_statement(conn, &statement.to_string(), newest.size).await?;
    Ok(index.and_then(|index| u64::try_from(index).ok()))
}

/// The newest published checkpoint; none before the log's first.
///
/// # Errors
/// Those of the database.
pub async fn checkpoint(registry: &Registry) -> Result<Option<LogCheckpoint>, Problem> {
    let mut conn = registry.db.read().await?;
    match store::newest_published(&mut conn).await? {
        Some(row) => with_cosignatures(&mut conn, row).await.map(Some),
        None => Ok(None),
    }
}

/// The proof that the entry of this index is in the log: under the newest of those checkpoints that the most witnesses have
/// cosigned.
///
/// # Errors
/// 404 `log-entry-unknown` if no published checkpoint covers it; 503 `storage-unavailable`.
pub async fn proof(registry: &Registry, index: u64) -> Result<TlogProof, Problem> {
    let unknown = || Problem::not_found("log-entry-unknown", format!("no published checkpoint covers entry {index}"));
    let mut conn = registry.db.read().await?;
    let above = i64::try_from(index).map_err(|_| unknown())?;
    let row = store::best_published(&mut conn, above).await?.ok_or_else(unknown)?;
    let LogCheckpoint { checkpoint, note } = with_cosignatures(&mut conn, row).await?;
    let size = newest_size(&mut conn).await?;
    drop(conn);
    let nodes = merkle::inclusion_nodes(index, checkpoint.size);
    let tiles = fetch(registry, size, &nodes).await?;
    let hashes = merkle::prove_inclusion(index, checkpoint.size, |node| tiles.node(node)).map_err(damaged)?;
    Ok(TlogProof { index, hashes, checkpoint: note, extra: None })
}

/// The proofs of several entries under one checkpoint, as [`proof`] would choose it for the last of them.
///
/// # Errors
/// Those of [`proof`].
pub async fn proofs(registry: &Registry, indexes: &[u64]) -> Result<(LogCheckpoint, Vec<Vec<Hash>>), Problem> {
    let last = indexes.iter().copied().max().unwrap_or(0);
    let unknown = || Problem::not_found("log-entry-unknown", format!("no published checkpoint covers entry {last}"));
    let mut conn = registry.db.read().await?;
    let above = i64::try_from(last).map_err(|_| unknown())?;
    let row = store::best_published(&mut conn, above).await?.ok_or_else(unknown)?;
    let shown = with_cosignatures(&mut conn, row).await?;
    let size = newest_size(&mut conn).await?;
    drop(conn);
    let nodes: Vec<Node> =
        indexes.iter().flat_map(|index| merkle::inclusion_nodes(*index, shown.checkpoint.size)).collect();
    let tiles = fetch(registry, size, &nodes).await?;
    let prove = |index: &u64| merkle::prove_inclusion(*index, shown.checkpoint.size, |node| tiles.node(node));
    let hashes = indexes.iter().map(prove).collect::<Result<_, _>>().map_err(damaged)?;
    Ok((shown, hashes))
}

/// The proof that the tree of size `to` begins with that of size `from`.
///
/// # Errors
/// 400 `log-range` unless `from` ≤ `to` ≤ the published size; 503 `storage-unavailable`.
pub async fn consistency(registry: &Registry, from: u64, to: u64) -> Result<Vec<Hash>, Problem> {
    let size = newest_size(&mut registry.db.read().await?).await?;
    if from > to || to > size {
        return Err(Problem::bad_request(
            "log-range",
            format!("no proof from {from} to {to}: expected from ≤ to ≤ {size}, the log's size"),
        ));
    }
    let nodes = merkle::consistency_nodes(from, to);
    let tiles = fetch(registry, size, &nodes).await?;
    merkle::prove_consistency(from, to, |node| tiles.node(node)).map_err(damaged)
}

/// Entries under the newest published checkpoint.
/// Whether a published checkpoint covers the log up to there. What was once is for ever, so that only what is new costs a query.
pub(super) async fn covers(registry: &Registry, end: u64) -> Result<bool, Problem> {
    if end <= registry.log_size.load(Ordering::Relaxed) {
        return Ok(true);
    }
    let size = newest_size(&mut registry.db.read().await?).await?;
    registry.log_size.fetch_max(size, Ordering::Relaxed);
    Ok(end <= size)
}

pub(super) async fn newest_size(conn: &mut Conn) -> Result<u64, Problem> {
    let newest = store::newest_published(conn).await?;
    Ok(newest.and_then(|row| u64::try_from(row.size).ok()).unwrap_or(0))
}

pub(super) async fn with_cosignatures(conn: &mut Conn, row: CheckpointRow) -> Result<LogCheckpoint, Problem> {
    let mut note = SignedNote::parse(row.note.as_bytes()).map_err(damaged)?;
    for line in store::cosignatures(conn, row.size).await? {
        note.add(NoteSignature::parse(&line).map_err(damaged)?);
    }
    Ok(LogCheckpoint { checkpoint: Checkpoint::parse(note.text()).map_err(damaged)?, note })
}

/// The tiles that these nodes are in, as a tree of this size has them.
async fn fetch(registry: &Registry, size: u64, nodes: &[Node]) -> Result<Tiles, Problem> {
    let mut tiles = Tiles::new(size);
    let read = stream::iter(tiles.needed(nodes))
        .map(|tile| async move { Ok::<_, Problem>((tile, read_tile(registry, tile).await?)) })
        .buffer_unordered(TILES_AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    for (tile, bytes) in read {
        tiles.insert(tile, &bytes).map_err(damaged)?;
    }
    Ok(tiles)
}

/// A tile's name in the blob store.
pub(super) fn blob_name(tile: Tile) -> String {
    format!("log/{tile}")
}

pub(super) async fn read_tile(registry: &Registry, tile: Tile) -> Result<bytes::Bytes, Problem> {
    let found = registry.blobs.get(&blob_name(tile)).await?;
    found.ok_or_else(|| damaged(Refusal::new("log-tile-missing", format!("{tile} is missing"))))
}

/// What the registry has written itself can't be read: an operator's matter.
pub(super) fn damaged(refusal: Refusal) -> Problem {
    Problem::internal(&refusal)
}
