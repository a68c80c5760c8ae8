//! Publishing as a visible state machine.

pub mod routes;
pub mod worker;

use jackfield_db::Conn;
use jackfield_package::{Digest, PackageName};
use semver::Version;

use crate::{Problem, Shared, account::Actor};

/// What an OCI push brought: bytes in the blob store that members of the namespace see and nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staged {
    /// The component.
    pub component: Digest,
    /// Its size in bytes.
    pub size: i64,
    /// The manifest it was pushed under.
    pub oci_manifest: Digest,
}

/// Begins a release, in the transaction of the push. The same bytes again are fine; others are, as long as nothing has been
/// decided about the earlier ones.
///
/// # Errors
/// 409 if that version is taken.
pub async fn stage(
    _registry: &Shared,
    _conn: &mut Conn,
    _actor: &Actor,
    _package: &PackageName,
    _version: &Version,
    _staged: Staged,
) -> Result<(), Problem> {
    Ok(())
}
