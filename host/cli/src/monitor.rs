//! Watching a log: everything that it takes in is read, made anew, and held against what was seen before.

mod indexes;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jackfield_package::{
    PackageName, Refusal,
    key::PublicKey,
    log::{
        Checkpoint, Leaf, VerifierKey,
        tile::{Edge, Kind as TileKind, Tile, WIDTH, decode_entries},
    },
    statement::{Bundle, KeysetStatement, PublishStatement},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    believed_log::newest,
    context::{Context, read_bounded},
    error::{Done, Failed, Kind},
    remote::Remote,
    store::write_aside,
    words::count,
};

/// Bytes of the state: a line of 150 bytes for each version of each package.
const STATE_BYTES: u64 = 256 << 20;
/// Bytes of a bundle of entries.
const ENTRIES_BYTES: usize = 256 * (4 << 10);

/// What was seen so far, and how to go on.
#[derive(Debug)]
pub(crate) struct Monitor {
    path: PathBuf,
    log: VerifierKey,
    statements_key: PublicKey,
    seen: Seen,
}

/// The state file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    log_key: String,
    /// The checkpoint's note: evidence, should another be shown.
    checkpoint: Option<String>,
    size: u64,
    /// The tree's right edge, tile by tile in base64.
    edge: Vec<String>,
    /// Component by `name@version`, as the log's first statement has it.
    published: BTreeMap<String, String>,
    /// The package of the log whose index was held against it last; empty: begin at the first.
    #[serde(default)]
    held_to: String,
    /// Where the registry's list of packages goes on; none: from its beginning.
    #[serde(default)]
    listed_to: Option<String>,
    /// Alarms that were never resolved: a log does not unsay things.
    alarms: Vec<Finding>,
}

/// Something that somebody should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// Stable kebab-case word.
    alarm: String,
    index: Option<u64>,
    message: String,
}

/// What one look found.
#[derive(Debug)]
pub(crate) struct Report {
    checkpoint: Checkpoint,
    read: u64,
    found: Vec<Finding>,
    notes: Vec<String>,
}

impl Report {
    pub(crate) fn show(&self, context: &Context) -> Done {
        let answer = json!({
            "origin": self.checkpoint.origin.as_str(), "size": self.checkpoint.size,
            "root": self.checkpoint.root.to_string(), "read": self.read, "alarms": self.found, "notes": self.notes,
        });
        context.ui.answer(&answer, |page| {
            let (origin, size) = (&self.checkpoint.origin, self.checkpoint.size);
            page.line(&format!("{origin}: {size} entries, {} new", self.read));
            for finding in &self.found {
                page.line(&format!("  ALARM {}: {}", finding.alarm, finding.message));
            }
            for note in &self.notes {
                page.line(&format!("  {note}"));
            }
        })
    }

    pub(crate) fn verdict(&self) -> Done {
        if self.found.is_empty() {
            return Ok(());
        }
        let message = format!("the log gives cause for {}", count(self.found.len(), "alarm"));
        Err(Failed::new(Kind::Refused, "log-alarm", message).hint("keep the state file: it holds the evidence"))
    }
}

impl Monitor {
    /// Goes on where the state file ends, or begins at the beginning.
    pub(crate) fn open(path: &Path, log: VerifierKey, statements_key: PublicKey) -> Result<Self, Failed> {
        let mut seen = Seen { log_key: log.to_string(), ..Seen::default() };
        if path.exists() {
            let bytes = read_bounded(path, "the monitor's state", STATE_BYTES)?;
            seen = serde_json::from_slice(&bytes).map_err(|error| {
                Failed::new(Kind::Fault, "log-state-malformed", format!("`{}` is damaged: {error}", path.display()))
            })?;
        }
        if seen.log_key != log.to_string() {
            let message = format!("`{}` is of the log {}, and this is {log}", path.display(), seen.log_key);
            return Err(Failed::new(Kind::Refused, "log-key-changed", message)
                .hint("a log's key does not change by itself: ask its operator, and keep the state file"));
        }
        Ok(Self { path: path.to_owned(), log, statements_key, seen })
    }

    /// Reads what is new. The state is written before anything is reported.
    pub(crate) async fn look(&mut self, remote: &Remote) -> Result<Report, Failed> {
        let (checkpoint, note) = newest(remote, &self.log).await?;
        let mut seen = self.seen.clone();
        let mut report = Report { checkpoint: checkpoint.clone(), read: 0, found: Vec::new(), notes: Vec::new() };
        let mut edge = seen.edge()?;
        let last_root = edge.root();
        if checkpoint.size < seen.size {
            report.alarm("log-rollback", None, format!("it had {} entries, and has {}", seen.size, checkpoint.size));
            return self.keep(seen, report);
        }
        let mut touched = BTreeSet::new();
        let entries = entries(remote, seen.size, checkpoint.size).await?;
        for entry in &entries {
            edge.push_entry(entry);
        }
        if edge.root() != checkpoint.root {
            let message = format!(
                "the {} entries seen before ({last_root}) and the new ones do not make {}; keep both: {}",
                seen.size, checkpoint.root, note
            );
            report.alarm("log-fork", None, message);
            return self.keep(seen, report);
        }
        let bundles = bundles(remote, seen.size, checkpoint.size).await?;
        for (offset, entry) in entries.iter().enumerate() {
            let index = seen.size + offset as u64;
            let bundle = bundles.get(offset).and_then(Option::as_ref);
            judge(index, entry, bundle, &mut seen, &mut report, &mut touched);
        }
        report.read = entries.len() as u64;
        self.hold_indexes(remote, touched, &mut seen, &mut report).await?;
        seen.size = checkpoint.size;
        seen.checkpoint = Some(note.to_string());
        seen.edge = edge.partial().iter().map(|(_, bytes)| STANDARD.encode(bytes)).collect();
        self.keep(seen, report)
    }

    fn keep(&mut self, mut seen: Seen, report: Report) -> Result<Report, Failed> {
        for finding in &report.found {
            if !seen.alarms.contains(finding) {
                seen.alarms.push(finding.clone());
            }
        }
        let bytes = serde_json::to_vec_pretty(&seen)
            .map_err(|error| Failed::new(Kind::Fault, "json-fault", format!("cannot write the state: {error}")))?;
        write_aside(&self.path, &bytes, 0o644)?.replace()?;
        self.seen = seen;
        Ok(report)
    }
}

impl Seen {
    fn edge(&self) -> Result<Edge, Failed> {
        let mut tiles = Edge::tiles_of(self.size).into_iter().zip(&self.edge).collect::<BTreeMap<Tile, _>>();
        let read = |tile: Tile| {
            let text = tiles.remove(&tile).map(String::as_str).unwrap_or_default();
            STANDARD.decode(text).map_err(|_| Refusal::new("log-state-malformed", "the monitor's state is damaged"))
        };
        Ok(Edge::read(self.size, read)?)
    }
}

impl Report {
    fn alarm(&mut self, alarm: &str, index: Option<u64>, message: String) {
        self.found.push(Finding { alarm: alarm.to_owned(), index, message });
    }
}

/// One entry against its statement, and both against what was there before.
fn judge(
    index: u64,
    entry: &[u8],
    bundle: Option<&Bundle>,
    seen: &mut Seen,
    report: &mut Report,
    touched: &mut BTreeSet<PackageName>,
) {
    let leaf = match Leaf::parse(entry) {
        Ok(leaf) => leaf,
        Err(refusal) => return report.alarm("entry-malformed", Some(index), format!("entry {index}: {refusal}")),
    };
    let Some(bundle) = bundle else {
        return report.alarm("statement-missing", Some(index), format!("the registry does not show entry {index}"));
    };
    let payload = match bundle.envelope().verified_payload(&leaf.key) {
        Ok(payload) if Leaf::of(bundle, &leaf.key) == leaf => payload,
        _ => return report.alarm("statement-wrong", Some(index), format!("what is shown for entry {index} is not it")),
    };
    if let Ok(publish) = PublishStatement::from_verified_payload(payload) {
        let key = format!("{}@{}", publish.name, publish.version);
        let component = publish.component.to_string();
        let first = seen.published.entry(key.clone()).or_insert_with(|| component.clone());
        if *first != component {
            let message = format!("{key} is {first}, and by entry {index} also {component}");
            report.alarm("version-published-twice", Some(index), message);
        }
        touched.insert(publish.name);
    } else if let Ok(keyset) = KeysetStatement::from_verified_payload(payload)
        && keyset.version > 1
    {
        let message = format!("the keys of {} are now version {}: {}", keyset.namespace, keyset.version, keyset.reason);
        report.alarm("keyset-changed", Some(index), message);
    }
}

/// Entries from the log's tiles.
async fn entries(remote: &Remote, from: u64, to: u64) -> Result<Vec<Vec<u8>>, Failed> {
    let mut entries = Vec::new();
    let mut at = from - from % WIDTH;
    while at < to {
        let tile = Tile { kind: TileKind::Entries, index: at / WIDTH, width: (to - at).min(WIDTH) };
        let bytes = remote.get_bytes(&format!("/log/{tile}"), ENTRIES_BYTES).await?;
        let skip = usize::try_from(from.saturating_sub(at)).unwrap_or(0);
        entries.extend(decode_entries(tile, &bytes)?.into_iter().skip(skip));
        at += WIDTH;
    }
    Ok(entries)
}

/// Statements in the log's order; a gap where one can't be read.
async fn bundles(remote: &Remote, from: u64, to: u64) -> Result<Vec<Option<Bundle>>, Failed> {
    let mut bundles = Vec::new();
    while from + (bundles.len() as u64) < to {
        let next = from + bundles.len() as u64;
        let page: Value = remote.get(&format!("/v1/log/statements?from={next}")).await?;
        let page = page["statements"].as_array().cloned().unwrap_or_default();
        if page.is_empty() {
            break;
        }
        bundles.extend(page.iter().map(|bundle| Bundle::parse(bundle.to_string().as_bytes()).ok()));
    }
    Ok(bundles)
}
