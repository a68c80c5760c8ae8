//! What goes into the log.

use jackfield_db::{Conn, Result};
use jackfield_package::{Digest, PackageName, key::PublicKey, log::leaf, statement::Bundle};

use super::store;
use crate::clock::Micros;

/// What a statement is about; a column's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatementKind {
    /// These bytes are that release.
    Publish,
    /// These are the namespace's keys.
    Keyset,
    /// The registry has checked a release.
    Checks,
    /// Somebody has read a release.
    Audit,
    /// A release or a key is taken back.
    Status,
}

impl StatementKind {
    /// The column's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Keyset => "keyset",
            Self::Checks => "checks",
            Self::Audit => "audit",
            Self::Status => "status",
        }
    }
}

/// A statement whose signature the caller has verified, and found to be somebody's who may say it.
#[derive(Clone, Debug)]
pub struct NewStatement {
    /// It. Its key hint is the key's id; log entries in it are dropped.
    pub bundle: Bundle,
    /// What it is about.
    pub kind: StatementKind,
    /// Who signed.
    pub key: PublicKey,
    /// Whom it is about.
    pub namespace: String,
    /// The package, if it is about one.
    pub package: Option<PackageName>,
    /// The release's version, if it is about one.
    pub version: Option<String>,
    /// The component, if it is about one.
    pub component: Option<Digest>,
}

/// Stores a statement, to be served by the digest that comes back; the sequencer gives it an index. The same signature
/// again changes nothing and gives the same digest.
///
/// # Errors
/// Those of the database.
pub async fn submit(conn: &mut Conn, statement: NewStatement, now: Micros) -> Result<Digest> {
    let NewStatement { bundle, kind, key, namespace, package, version, component } = statement;
    let entry = leaf(&bundle, &key);
    let bytes = bundle.without_log_entries().to_bytes();
    let row = store::StatementRow {
        digest: Digest::of(&bytes).to_string(),
        leaf: Digest::of(&entry).to_string(),
        entry,
        kind: kind.as_str().to_owned(),
        key_id: key.id().to_string(),
        namespace,
        package: package.map(|package| package.to_string()),
        version,
        component: component.map(|component| component.to_string()),
        bundle: bytes,
    };
    let leaf = row.leaf.clone();
    let digest = row.digest.clone();
    let stored = if store::insert_statement(conn, row, now).await? {
        digest
    } else {
        store::statement_of_leaf(conn, &leaf).await?.unwrap_or(digest)
    };
    Ok(stored.parse().unwrap_or_else(|_| Digest::of(stored.as_bytes())))
}
