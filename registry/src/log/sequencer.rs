//! The one writer of the log.
//!
//! A round has steps, and each is safe to die after:
//!
//! 1. *Order.* Under the lease, waiting statements get their places for good; a publish statement or a change of keys whose
//!    signers do not count at its place gets none. A crash after it: the next round, whosoever it is, finds the same order, so
//!    that it makes the same tree.
//! 2. *Tiles.* Written durably, none of them served yet. A crash between two of them leaves bytes that nobody is shown, and
//!    that the next round writes again, the same. Even a writer that has lost its lease can only write what is right.
//! 3. *Checkpoint.* Its row is the commit point: added only after the row it was built upon, under a lease that is still
//!    held. A crash before it: nothing has happened. After it: the log has grown, and the note that was signed is kept.
//! 4. *Published.* From here on everybody is shown it. A crash before it: the next round publishes the same note.
//!
//! Witnesses are asked afterwards, apart: see [`super::witnesses`].

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jackfield_package::log::{
    Checkpoint,
    merkle::leaf_hash,
    tile::{self, Edge, Kind, Tile, WIDTH},
};

use super::{
    read::{self, TILES_AT_ONCE, blob_name, damaged},
    store,
};
use crate::{
    Problem, Registry,
    clock::SECOND,
    fault::{self, Point},
    keys,
    limits::LOG_BATCH_ENTRIES,
    publish::signers,
};

/// How long a writer that fell silent keeps others from taking over. Losing it early costs nothing but a round.
const LEASE: i64 = 10 * SECOND;

/// Where a round stands; tests end or hold the process there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The order is fixed.
    Ordered,
    /// One tile more is durable.
    TileWritten,
    /// All of them are.
    TilesWritten,
    /// The checkpoint's row is written, and not committed.
    Signed,
    /// It is committed.
    Committed,
    /// Everybody is shown it.
    Published,
}

/// What a round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// There was nothing to do.
    Idle,
    /// Another writer has the lease, or was faster.
    Behind,
    /// The log has this many entries more, and is published.
    Grown(u64),
}

/// A writer. Several may run, in one process or in many; the lease lets one write.
pub struct Sequencer {
    holder: String,
    /// Of the newest committed tree, as far as this writer knows it.
    edge: Option<Edge>,
    at: Box<dyn Fn(Step) + Send + Sync>,
}

impl std::fmt::Debug for Sequencer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sequencer").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl Sequencer {
    /// A writer with a name of its own.
    ///
    /// # Errors
    /// 500 without randomness.
    pub fn new() -> Result<Self, Problem> {
        Ok(Self { holder: hex::encode(keys::random::<16>()?), edge: None, at: Box::new(|_| {}) })
    }

    /// The same, and `at` is called after each step.
    #[must_use]
    pub fn watched(mut self, at: impl Fn(Step) + Send + Sync + 'static) -> Self {
        self.at = Box::new(at);
        self
    }

    fn reached(&self, step: Step) {
        fault::reach(Point::Log(step));
        (self.at)(step);
    }

    /// One round: whatever waits gets into the log, up to [`LOG_BATCH_ENTRIES`].
    ///
    /// # Errors
    /// 503 if rows or bytes are not available: try again. 500 if the log is damaged: nothing is signed then.
    pub async fn round(&mut self, registry: &Registry) -> Result<Round, Problem> {
        let newest = store::newest_signed(&mut registry.db.read().await?).await?;
        let Some(newest) = newest else { return self.begin(registry).await };
        if newest.published_at.is_none() {
            // Somebody died between the commit and this.
            self.publish(registry, newest.size).await?;
        }
        if !store::anything_waits(&mut registry.db.read().await?).await? {
            return Ok(Round::Idle);
        }

        let Some(generation) = self.order(registry).await? else { return Ok(Round::Behind) };
        self.reached(Step::Ordered);

        let mut edge = self.edge_at(registry, &newest).await?;
        let from = edge.size();
        let tiles = self.append(registry, &mut edge).await?;
        if edge.size() == from {
            return Ok(Round::Behind);
        }
        self.write(registry, tiles).await?;
        self.reached(Step::TilesWritten);

        if !self.commit(registry, generation, Some(newest.size), &edge).await? {
            self.edge = None;
            return Ok(Round::Behind);
        }
        let grown = edge.size() - from;
        let size = row_size(&edge)?;
        self.edge = Some(edge);
        self.reached(Step::Committed);

        self.publish(registry, size).await?;
        Ok(Round::Grown(grown))
    }

    /// Writes no more: whoever is next need not wait for the lease to run out.
    ///
    /// # Errors
    /// 503 if rows are not available; the lease then runs out by itself.
    pub async fn end(self, registry: &Registry) -> Result<(), Problem> {
        let mut tx = registry.db.begin().await?;
        store::end_lease(&mut tx, &self.holder).await?;
        Ok(tx.commit().await?)
    }

    /// The first checkpoint, of the empty tree, so that there is one to begin from.
    async fn begin(&mut self, registry: &Registry) -> Result<Round, Problem> {
        let mut tx = registry.db.begin().await?;
        let now = registry.now();
        let generation = store::take_lease(&mut tx, &self.holder, now + LEASE, now).await?;
        tx.commit().await?;
        let Some(generation) = generation else { return Ok(Round::Behind) };
        if !self.commit(registry, generation, None, &Edge::empty()).await? {
            return Ok(Round::Behind);
        }
        self.reached(Step::Committed);
        self.publish(registry, 0).await?;
        Ok(Round::Grown(0))
    }

    /// Step 1. None: another has the lease.
    async fn order(&self, registry: &Registry) -> Result<Option<i64>, Problem> {
        let mut tx = registry.db.begin().await?;
        let now = registry.now();
        let Some(generation) = store::take_lease(&mut tx, &self.holder, now + LEASE, now).await? else {
            return Ok(None);
        };
        let from = store::next_place(&mut tx).await?;
        store::fix_order(&mut tx, LOG_BATCH_ENTRIES).await?;
        let own = registry.keys.statements.public_key().id();
        while signers::keysets::take_back_void(&mut tx, from, &own, now).await?
            || signers::take_back_void(&mut tx, from, now).await?
        {
            store::fix_order(&mut tx, LOG_BATCH_ENTRIES).await?;
        }
        tx.commit().await?;
        Ok(Some(generation))
    }

    /// The right edge of the newest tree: from memory, or from its tiles, held against the checkpoint.
    async fn edge_at(&mut self, registry: &Registry, newest: &store::CheckpointRow) -> Result<Edge, Problem> {
        let checkpoint = newest_checkpoint(registry, newest)?;
        if let Some(edge) = self.edge.take().filter(|edge| edge.size() == checkpoint.size) {
            return Ok(edge);
        }
        let mut tiles = BTreeMap::new();
        for tile in Edge::tiles_of(checkpoint.size) {
            tiles.insert(tile, read::read_tile(registry, tile).await?);
        }
        let edge =
            Edge::read(checkpoint.size, |tile| Ok(tiles.get(&tile).map(|bytes| bytes.to_vec()).unwrap_or_default()));
        let edge = edge.map_err(damaged)?;
        if edge.root() != checkpoint.root {
            let message = "the tiles of the log do not lead to its newest checkpoint: restore the blob store";
            return Err(damaged(jackfield_package::Refusal::new("log-damaged", message)));
        }
        Ok(edge)
    }

    /// Puts ordered entries behind the edge, and gives the tiles that this makes or widens.
    async fn append(&self, registry: &Registry, edge: &mut Edge) -> Result<Vec<(Tile, Bytes)>, Problem> {
        let from = edge.size();
        // A bundle of entries that is not full yet is written anew, wider.
        let first = from - from % WIDTH;
        let limit = LOG_BATCH_ENTRIES + i64::try_from(WIDTH).unwrap_or(0);
        let start = i64::try_from(first).map_err(|error| Problem::internal(&error))?;
        let entries = store::fixed_entries(&mut registry.db.read().await?, start, limit).await?;
        let mut tiles = Vec::new();
        for entry in entries.iter().skip(usize::try_from(from - first).unwrap_or(usize::MAX)) {
            edge.push(leaf_hash(entry), |tile, hashes| tiles.push((tile, Bytes::from(tile::to_bytes(hashes)))));
        }
        for (number, bundle) in entries.chunks(usize::try_from(WIDTH).unwrap_or(256)).enumerate() {
            let tile = Tile { kind: Kind::Entries, index: first / WIDTH + number as u64, width: bundle.len() as u64 };
            let bytes = tile::encode_entries(bundle.iter().map(Vec::as_slice)).map_err(damaged)?;
            tiles.push((tile, bytes.into()));
        }
        tiles.extend(edge.partial().into_iter().map(|(tile, bytes)| (tile, Bytes::from(bytes))));
        Ok(tiles)
    }

    /// Step 2.
    async fn write(&self, registry: &Registry, tiles: Vec<(Tile, Bytes)>) -> Result<(), Problem> {
        stream::iter(tiles)
            .map(|(tile, bytes)| async move {
                registry.blobs.put(&blob_name(tile), bytes).await?;
                self.reached(Step::TileWritten);
                Ok::<_, Problem>(())
            })
            .buffer_unordered(TILES_AT_ONCE)
            .try_collect()
            .await
    }

    /// Step 3. False: the lease is gone, or the log is longer than we thought. What was signed is thrown away, unseen;
    /// were it seen, it would still be the one tree of its size, by step 1, and the one note, since Ed25519 draws nothing.
    async fn commit(
        &self,
        registry: &Registry,
        generation: i64,
        after: Option<i64>,
        edge: &Edge,
    ) -> Result<bool, Problem> {
        let size = row_size(edge)?;
        let checkpoint = Checkpoint { origin: read::origin(registry)?, size: edge.size(), root: edge.root() };
        let note = checkpoint.sign(&registry.keys.log).map_err(damaged)?;
        let now = registry.now();
        let mut tx = registry.db.begin().await?;
        if !store::hold_lease(&mut tx, &self.holder, generation, now + LEASE).await? {
            return Ok(false);
        }
        let root = checkpoint.root.to_string();
        match store::insert_checkpoint(&mut tx, after, size, &root, &note.to_string(), now).await {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) if error.is_unique() => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        store::cover(&mut tx, after.unwrap_or(0), size).await?;
        self.reached(Step::Signed);
        // An error here may mean either: the next round looks at the row.
        tx.commit().await?;
        Ok(true)
    }

    /// Step 4.
    async fn publish(&self, registry: &Registry, size: i64) -> Result<(), Problem> {
        let mut tx = registry.db.begin().await?;
        store::mark_published(&mut tx, size, registry.now()).await?;
        tx.commit().await?;
        self.reached(Step::Published);
        Ok(())
    }
}

fn row_size(edge: &Edge) -> Result<i64, Problem> {
    i64::try_from(edge.size()).map_err(|error| Problem::internal(&error))
}

/// The newest checkpoint, made sure to be one of this registry's name and key: with another, nothing is ever signed.
fn newest_checkpoint(registry: &Registry, row: &store::CheckpointRow) -> Result<Checkpoint, Problem> {
    let note = jackfield_package::log::SignedNote::parse(row.note.as_bytes()).map_err(damaged)?;
    let checkpoint = Checkpoint::open(&note, &read::verifier(registry)?).map_err(damaged)?;
    let said = (i64::try_from(checkpoint.size).ok(), checkpoint.root.to_string());
    if said == (Some(row.size), row.root.clone()) {
        return Ok(checkpoint);
    }
    Err(damaged(jackfield_package::Refusal::new("log-damaged", "the newest checkpoint's row contradicts its note")))
}
