//! Statements: everything that is signed is one of these.
//!
//! A statement is JSON in the in-toto Statement v1 form, with a predicate of its own for each kind ([`publish`],
//! [`keyset`], [`checks`], [`audit`], [`status`], [`index`], [`receipt`]), signed in a DSSE v1 envelope ([`dsse`]), and
//! carried in a Sigstore bundle v0.3 ([`bundle`]) beside the component: `<component>.wasm.sigstore.json`. Where several
//! must sign, there are several bundles over the same bytes ([`quorum`]).

pub mod audit;
pub mod bundle;
pub mod checks;
pub mod dsse;
mod frame;
pub mod index;
pub mod keyset;
pub mod publish;
pub mod quorum;
pub mod receipt;
pub mod status;

pub use audit::{AUDIT_PREDICATE_TYPE, AuditStatement, Verdict};
pub use bundle::{BUNDLE_MEDIA_TYPE, Bundle, bundle_file_name};
pub use checks::{CHECKS_PREDICATE_TYPE, ChecksStatement};
pub use dsse::{PAYLOAD_TYPE, pae};
pub use frame::STATEMENT_TYPE;
pub use index::{INDEX_PREDICATE_TYPE, IndexRelease, IndexStatement, ReleaseStatus};
pub use keyset::{KEYSET_PREDICATE_TYPE, KeysetStatement, accept_keyset, accept_recovery};
pub use publish::{PUBLISH_PREDICATE_TYPE, PublishStatement};
pub use receipt::{RECEIPT_PREDICATE_TYPE, ReceiptStatement};
pub use status::{STATUS_PREDICATE_TYPE, StatusAction, StatusStatement, StatusSubject};

use crate::{Package, key::SigningKey};

/// Signs that the key's owner publishes this package, for any registry and without a predecessor. For more, fill in a
/// [`PublishStatement`] and call [`PublishStatement::sign`].
pub fn sign_publish(package: &Package, key: &SigningKey) -> Bundle {
    PublishStatement::of(package).sign(key)
}

/// What a statement is, by its predicate type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// [`PublishStatement`].
    Publish,
    /// [`KeysetStatement`].
    Keyset,
    /// [`ChecksStatement`].
    Checks,
    /// [`AuditStatement`].
    Audit,
    /// [`StatusStatement`].
    Status,
    /// [`IndexStatement`], which stands outside the log.
    Index,
    /// [`ReceiptStatement`], which stands outside the log.
    Receipt,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Publish, Self::Keyset, Self::Checks, Self::Audit, Self::Status, Self::Index, Self::Receipt];

    /// What a payload claims to be, before anything of it is believed: to sort statements, never to decide by it.
    pub fn claimed_by(payload: &[u8]) -> Option<Self> {
        let claimed = frame::predicate_type(payload)?;
        Self::ALL.into_iter().find(|kind| kind.predicate_type() == claimed)
    }

    /// The predicate type.
    pub fn predicate_type(self) -> &'static str {
        match self {
            Self::Publish => PUBLISH_PREDICATE_TYPE,
            Self::Keyset => KEYSET_PREDICATE_TYPE,
            Self::Checks => CHECKS_PREDICATE_TYPE,
            Self::Audit => AUDIT_PREDICATE_TYPE,
            Self::Status => STATUS_PREDICATE_TYPE,
            Self::Index => INDEX_PREDICATE_TYPE,
            Self::Receipt => RECEIPT_PREDICATE_TYPE,
        }
    }

    /// The word for it: the last but one part of the predicate type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Keyset => "keyset",
            Self::Checks => "checks",
            Self::Audit => "audit",
            Self::Status => "status",
            Self::Index => "index",
            Self::Receipt => "receipt",
        }
    }
}
