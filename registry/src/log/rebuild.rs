//! The registry's state, made anew from what the log says, and held against the rows that are served.
//!
//! Nothing but the log's statements goes in: who may sign what was decided when they were accepted, and is not decided here
//! again.

use std::collections::BTreeMap;

use jackfield_package::{
    log::Leaf,
    statement::{
        Bundle, KeysetStatement, PublishStatement, StatusStatement,
        status::{StatusAction, StatusSubject},
    },
};

use super::{
    read::{self, damaged},
    store,
};
use crate::{Problem, Registry};

/// Rows read at once.
const PAGE: i64 = 500;

/// What the log says there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Entries that were read.
    pub size: u64,
    /// By namespace and version: threshold, and keys in 64 hex digits each.
    pub keysets: BTreeMap<(String, u64), (u64, Vec<String>)>,
    /// Component by package and version, as its first publish statement says.
    pub published: BTreeMap<(String, String), String>,
    /// What was last said of a release: `yank`, `quarantine`, `revoke` or `lift`.
    pub statuses: BTreeMap<(String, String), &'static str>,
}

/// Reads the whole log, up to the newest published checkpoint.
///
/// # Errors
/// Those of the database; 500 if a statement can't be read or is not that of its entry.
pub async fn rebuild(registry: &Registry) -> Result<Rebuilt, Problem> {
    let mut rebuilt = Rebuilt::default();
    let mut conn = registry.db.read().await?;
    let size = read::newest_size(&mut conn).await?;
    while rebuilt.size < size {
        let from = i64::try_from(rebuilt.size).map_err(|error| Problem::internal(&error))?;
        let left = i64::try_from(size - rebuilt.size).map_err(|error| Problem::internal(&error))?;
        let rows = store::logged(&mut conn, from, left.min(PAGE)).await?;
        if rows.is_empty() {
            return Err(damaged(jackfield_package::Refusal::new("log-damaged", "a statement of the log is missing")));
        }
        for row in rows {
            let leaf = Leaf::parse(&row.entry).map_err(damaged)?;
            let bundle = Bundle::parse(&row.bundle).map_err(damaged)?;
            let payload = bundle.envelope().verified_payload(&leaf.key).map_err(damaged)?;
            rebuilt.take_in(payload);
            rebuilt.size += 1;
        }
    }
    Ok(rebuilt)
}

impl Rebuilt {
    fn take_in(&mut self, payload: &[u8]) {
        if let Ok(publish) = PublishStatement::from_verified_payload(payload) {
            let release = (publish.name.to_string(), publish.version.to_string());
            self.published.entry(release).or_insert_with(|| publish.component.to_string());
        } else if let Ok(keyset) = KeysetStatement::from_verified_payload(payload) {
            let keys = keyset.keys.iter().map(|key| hex::encode(key.to_bytes())).collect();
            let version = (keyset.namespace.to_string(), keyset.version);
            self.keysets.entry(version).or_insert((keyset.threshold, keys));
        } else if let Ok(status) = StatusStatement::from_verified_payload(payload)
            && let StatusSubject::Release { name, version, .. } = status.subject
        {
            let said = match status.action {
                StatusAction::Yank => "yank",
                StatusAction::Quarantine => "quarantine",
                StatusAction::Revoke => "revoke",
                StatusAction::Lift => "lift",
            };
            self.statuses.insert((name.to_string(), version.to_string()), said);
        }
    }
}

/// Where the rows that are served say other things than the log, in words for an operator. Empty: they are the same.
///
/// # Errors
/// Those of [`rebuild`].
pub async fn compare(registry: &Registry) -> Result<Vec<String>, Problem> {
    let rebuilt = rebuild(registry).await?;
    let mut differences = Vec::new();
    let mut conn = registry.db.read().await?;
    for row in store::served_releases(&mut conn).await? {
        let release = (row.package.clone(), row.version.clone());
        let shown = format!("{} {}", row.package, row.version);
        match rebuilt.published.get(&release) {
            Some(component) if *component == row.component => {}
            Some(component) => differences.push(format!("{shown} is {}, and {component} in the log", row.component)),
            None => differences.push(format!("{shown} is served, and not in the log")),
        }
        let said = rebuilt.statuses.get(&release).copied();
        let right = match row.state.as_str() {
            "yanked" => said == Some("yank"),
            "quarantined" => said == Some("quarantine"),
            "revoked" => said == Some("revoke"),
            // A quarantine ends by itself.
            _ => matches!(said, None | Some("lift" | "quarantine")),
        };
        if !right {
            differences.push(format!("{shown} is {}, and the log's last word is {said:?}", row.state));
        }
    }
    for row in store::served_keysets(&mut conn).await? {
        let version = u64::try_from(row.version).unwrap_or(0);
        let served: Vec<String> = serde_json::from_str(&row.keys).unwrap_or_default();
        let logged = rebuilt.keysets.get(&(row.namespace.clone(), version));
        if logged
            .is_none_or(|(threshold, keys)| *threshold != u64::try_from(row.threshold).unwrap_or(0) || *keys != served)
        {
            differences.push(format!("keyset {version} of {} is not that of the log", row.namespace));
        }
    }
    Ok(differences)
}
