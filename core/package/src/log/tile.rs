//! The tree in pieces that never change (c2sp.org/tlog-tiles): 256 hashes a tile, and the entries in bundles of 256.

use std::{collections::BTreeMap, fmt};

use super::merkle::{self, Hash, Node, leaf_hash, node_hash};
use crate::{Refusal, limits::LOG_ENTRY_BYTES};

/// Hashes of a full tile, entries of a full bundle.
pub const WIDTH: u64 = 256;
/// Levels of the tree that one tile spans: 2^8 = 256.
const HEIGHT: u32 = 8;
/// Levels of tiles that a size of 63 bits can need.
const LEVELS: u8 = 8;

/// What a path under the log's prefix names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// Of hashes, by level; or of entries.
    pub kind: Kind,
    /// Its place in the level.
    pub index: u64,
    /// Hashes or entries in it: 1 to 256, where 256 is a full one.
    pub width: u64,
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Hashes; at level 0 of entries, above of full tiles below.
    Hashes(u8),
    /// Entries, each after its length in two bytes, the larger first.
    Entries,
}

impl Tile {
    /// The first entry beyond what it covers.
    pub fn end(&self) -> Option<u64> {
        let level = match self.kind {
            Kind::Hashes(level) => u32::from(level),
            Kind::Entries => 0,
        };
        let hashes = self.index.checked_mul(WIDTH)?.checked_add(self.width)?;
        let per_hash = 1_u64.checked_shl(level * HEIGHT)?;
        hashes.checked_mul(per_hash)
    }

    /// Reads `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`, what stands after `tile/`.
    ///
    /// # Errors
    /// `log-tile-malformed`: each tile has one path.
    pub fn parse(path: &str) -> Result<Self, Refusal> {
        let malformed = || Refusal::new("log-tile-malformed", "not the path of a tile (c2sp.org/tlog-tiles)");
        let (level, rest) = path.split_once('/').ok_or_else(malformed)?;
        let kind = match level {
            "entries" => Kind::Entries,
            level => {
                let level = super::decimal(level).and_then(|level| u8::try_from(level).ok());
                Kind::Hashes(level.filter(|level| *level < LEVELS).ok_or_else(malformed)?)
            }
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, super::decimal(width).ok_or_else(malformed)?),
            None => (rest, WIDTH),
        };
        let partial = index.len() < rest.len();
        if partial && !(1..WIDTH).contains(&width) {
            return Err(malformed());
        }
        let mut number: u64 = 0;
        let mut groups = index.split('/').peekable();
        while let Some(group) = groups.next() {
            let digits = match groups.peek() {
                Some(_) => group.strip_prefix('x').ok_or_else(malformed)?,
                None => group,
            };
            if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(malformed());
            }
            let group: u64 = digits.parse().map_err(|_| malformed())?;
            number = number.checked_mul(1000).and_then(|number| number.checked_add(group)).ok_or_else(malformed)?;
        }
        let tile = Self { kind, index: number, width };
        // Leading groups of zeros would be a second path.
        if tile.to_string() == format!("tile/{path}") { Ok(tile) } else { Err(malformed()) }
    }
}

/// Its path under the log's prefix.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
            Kind::Entries => write!(f, "tile/entries/")?,
        }
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        write!(f, "{}", groups.join("/"))?;
        if self.width < WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// The tile of hashes, as wide as a tree of this size has it, that a node is read from. None if the tree has no such node.
pub fn tile_of(node: Node, size: u64) -> Option<Tile> {
    let level = node.level / HEIGHT;
    let first = node.index.checked_shl(node.level % HEIGHT)?;
    let index = first / WIDTH;
    let hashes = size.checked_shr(level * HEIGHT).unwrap_or(0);
    let width = hashes.saturating_sub(index * WIDTH).min(WIDTH);
    let inside = first % WIDTH + (1 << (node.level % HEIGHT)) <= width;
    inside.then_some(Tile { kind: Kind::Hashes(u8::try_from(level).ok()?), index, width })
}

/// Tiles of hashes at hand, each as wide as the tree of one size has it.
#[derive(Clone, Debug)]
pub struct Tiles {
    size: u64,
    tiles: BTreeMap<Tile, Vec<Hash>>,
}

impl Tiles {
    /// None yet, of the tree of this size.
    pub fn new(size: u64) -> Self {
        Self { size, tiles: BTreeMap::new() }
    }

    /// The tiles that these nodes are read from.
    pub fn needed(&self, nodes: &[Node]) -> Vec<Tile> {
        let mut tiles: Vec<_> = nodes.iter().filter_map(|node| tile_of(*node, self.size)).collect();
        tiles.sort_unstable();
        tiles.dedup();
        tiles
    }

    /// Adds one.
    ///
    /// # Errors
    /// `log-tile-malformed` if it has not the length that its width asks for.
    pub fn insert(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), Refusal> {
        self.tiles.insert(tile, hashes(tile, bytes)?);
        Ok(())
    }

    /// A node, from the tile that holds it. Nothing says yet that the tile is right: a proof made from it may not hold.
    ///
    /// # Errors
    /// `log-tile-missing`.
    pub fn node(&self, node: Node) -> Result<Hash, Refusal> {
        let found = tile_of(node, self.size).and_then(|tile| {
            let hashes = self.tiles.get(&tile)?;
            let first = usize::try_from((node.index << (node.level % HEIGHT)) % WIDTH).ok()?;
            Some(complete(&hashes[first..first + (1 << (node.level % HEIGHT))]))
        });
        found.ok_or_else(|| Refusal::new("log-tile-missing", "a tile of the log is missing"))
    }
}

/// A tile's bytes as hashes.
fn hashes(tile: Tile, bytes: &[u8]) -> Result<Vec<Hash>, Refusal> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || hashes.len() as u64 != tile.width {
        return Err(Refusal::new("log-tile-malformed", format!("{tile} has {} bytes", bytes.len())));
    }
    Ok(hashes.iter().map(|hash| Hash(*hash)).collect())
}

/// The hash over a power of two of hashes.
fn complete(hashes: &[Hash]) -> Hash {
    match hashes {
        [hash] => *hash,
        hashes => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&complete(left), &complete(right))
        }
    }
}

/// Entries as a bundle's bytes.
///
/// # Errors
/// `log-entry-malformed` if one is longer than two bytes can say.
pub fn encode_entries<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len())
            .map_err(|_| Refusal::new("log-entry-malformed", "a log entry has more than 65535 bytes"))?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// A bundle's bytes as entries.
///
/// # Errors
/// `log-tile-malformed` if it does not hold exactly as many as its width.
pub fn decode_entries(tile: Tile, mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
    let malformed = || Refusal::new("log-tile-malformed", format!("{tile} does not hold {} entries", tile.width));
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or_else(malformed)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length > LOG_ENTRY_BYTES || length > rest.len() || entries.len() as u64 == tile.width {
            return Err(malformed());
        }
        let (entry, rest) = rest.split_at(length);
        entries.push(entry.to_vec());
        bytes = rest;
    }
    if entries.len() as u64 == tile.width { Ok(entries) } else { Err(malformed()) }
}

/// A tree's right edge: the hashes of its partial tiles, which is all that is needed to go on.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    size: u64,
    /// By level, 0 to 255 hashes each.
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// Of the empty tree.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The partial tiles that [`Self::read`] wants of the tree of this size.
    pub fn tiles_of(size: u64) -> Vec<Tile> {
        let levels = 0..LEVELS;
        let at = |level: u8| size.checked_shr(u32::from(level) * HEIGHT).unwrap_or(0);
        let partial = levels.filter(|level| at(*level) % WIDTH > 0);
        partial
            .map(|level| Tile { kind: Kind::Hashes(level), index: at(level) / WIDTH, width: at(level) % WIDTH })
            .collect()
    }

    /// The edge of the tree of this size, from its partial tiles. Its root is what its tiles say: hold it against a
    /// checkpoint.
    ///
    /// # Errors
    /// `log-tile-missing`; those of the reader; `log-tile-malformed`.
    pub fn read(size: u64, mut tile: impl FnMut(Tile) -> Result<Vec<u8>, Refusal>) -> Result<Self, Refusal> {
        let mut edge = Self { size, levels: Vec::new() };
        for wanted in Self::tiles_of(size) {
            let Kind::Hashes(level) = wanted.kind else { continue };
            edge.levels.resize(usize::from(level) + 1, Vec::new());
            edge.levels[usize::from(level)] = hashes(wanted, &tile(wanted)?)?;
        }
        Ok(edge)
    }

    /// Entries in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root.
    pub fn root(&self) -> Hash {
        let read = |node: Node| {
            let level = usize::try_from(node.level / HEIGHT).unwrap_or(usize::MAX);
            let first = usize::try_from((node.index << (node.level % HEIGHT)) % WIDTH).unwrap_or(usize::MAX);
            let hashes =
                self.levels.get(level).and_then(|hashes| hashes.get(first..first + (1 << (node.level % HEIGHT))));
            hashes.map(complete).ok_or_else(|| Refusal::new("log-tile-missing", "the edge is not whole"))
        };
        // A tree's nodes are all in its partial tiles, since a full tile is one hash of the level above.
        merkle::root(self.size, read).unwrap_or_else(|_| merkle::empty_root())
    }

    /// Appends an entry's hash, and gives out each tile that became full by it.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(Tile, &[Hash])) {
        let mut carry = Some(leaf);
        let mut level = 0;
        while let Some(hash) = carry.take() {
            if self.levels.len() <= level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(hash);
            if self.levels[level].len() as u64 == WIDTH {
                let hashes = std::mem::take(&mut self.levels[level]);
                let kind = Kind::Hashes(u8::try_from(level).unwrap_or(u8::MAX));
                let index = self.size >> (HEIGHT * (u32::try_from(level).unwrap_or(0) + 1));
                full(Tile { kind, index, width: WIDTH }, &hashes);
                carry = Some(complete(&hashes));
                level += 1;
            }
        }
        self.size += 1;
    }

    /// Appends an entry.
    pub fn push_entry(&mut self, entry: &[u8]) {
        self.push(leaf_hash(entry), |_, _| {});
    }

    /// The partial tiles as they are now.
    pub fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        let tiles = Self::tiles_of(self.size).into_iter();
        tiles
            .filter_map(|tile| {
                let Kind::Hashes(level) = tile.kind else { return None };
                Some((tile, to_bytes(self.levels.get(usize::from(level))?)))
            })
            .collect()
    }
}

/// Hashes as a tile's bytes.
pub fn to_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}
