//! Statements about a release that stand in a registry's log, as the registry lists them. Which of them there are is its word; each is
//! proven by its digest.

use jackfield_package::{Digest, PackageName, key::KeyId};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{error::Failed, page::Page, remote::Remote};

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StatementLine {
    pub(crate) digest: Digest,
    /// publish, checks, audit or status.
    pub(crate) kind: String,
    /// Who signed.
    pub(crate) key_id: KeyId,
    /// Its place in the log.
    pub(crate) log_index: Option<u64>,
    /// When the registry accepted it (RFC 3339).
    pub(crate) accepted_at: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    statements: Vec<StatementLine>,
}

/// Those of a release, in the order of the log.
pub(crate) async fn of(remote: &Remote, name: &PackageName, version: &Version) -> Result<Vec<StatementLine>, Failed> {
    let path = format!("/v1/packages/{}/{}/{version}/statements", name.namespace(), name.name());
    Ok(remote.get::<Listed>(&path).await?.statements)
}

/// A table of them for a person.
pub(crate) fn write(page: &mut Page, statements: &[StatementLine]) {
    let entry = |line: &StatementLine| line.log_index.map_or_else(|| "not yet".to_owned(), |index| index.to_string());
    let row = |line: &StatementLine| vec![line.kind.clone(), entry(line), line.digest.to_string()];
    page.table(&["statement", "entry", "digest"], &statements.iter().map(row).collect::<Vec<_>>());
}
