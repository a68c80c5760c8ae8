//! Why something about installed state could not be done.

use jackfield_package::{PackageName, Refusal};

use crate::failure::{Failure, HostFault};

/// Why installing, granting or reading back failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for is wrong; the refusal says how to put it right.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nothing is installed under that name.
    #[error("`{name}` is not installed")]
    NotInstalled {
        /// What was asked for.
        name: PackageName,
        /// What is installed.
        installed: Vec<PackageName>,
    },
    /// The host itself failed.
    #[error(transparent)]
    Fault(#[from] HostFault),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => Self::Refused(refusal),
            Error::NotInstalled { name, .. } => Self::Refused(
                Refusal::new("not-installed", format!("`{name}` is not installed"))
                    .hint("`jackfield list` shows what is"),
            ),
            Error::Fault(fault) => Self::Host(fault),
        }
    }
}
