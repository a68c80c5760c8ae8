//! The receipt statement: a workspace says that it has used a release.

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{Bundle, frame};
use crate::{
    Digest, PackageName, Refusal,
    key::{PublicKey, SigningKey},
};

/// `predicateType` of a receipt statement.
pub const RECEIPT_PREDICATE_TYPE: &str = "https://jackfield.dev/spec/receipt/v1";

/// What a host signs with its workspace's key so that somebody there may review the package. It stands outside the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptStatement {
    /// The workspace's receipt key, which signs this: it tells workspaces apart, and nothing more about them.
    pub workspace: PublicKey,
    /// The package.
    pub name: PackageName,
    /// The release's version.
    pub version: Version,
    /// Digest of the component that ran.
    pub component: Digest,
    /// How many calls were successful.
    pub calls: u64,
    /// The day of the first, in days since 1970-01-01 UTC.
    pub first_day: u32,
    /// The day of the last.
    pub last_day: u32,
}

impl ReceiptStatement {
    /// Signs it.
    pub fn sign(&self, key: &SigningKey) -> Bundle {
        Bundle::sign(self.to_payload(), key)
    }

    /// The statement's JSON, the same bytes for the same statement.
    pub fn to_payload(&self) -> Vec<u8> {
        let Self { workspace, name, version, component, calls, first_day, last_day } = self.clone();
        let form = Form { workspace, name, version, calls, first_day, last_day };
        frame::write(RECEIPT_PREDICATE_TYPE, &[(frame::COMPONENT, component)], &form)
    }

    /// Reads a payload whose signature has been checked.
    ///
    /// # Errors
    /// The codes of [`crate::strict_json::parse_with`], `statement-type`, `statement-malformed`.
    pub fn from_verified_payload(payload: &[u8]) -> Result<Self, Refusal> {
        let (mut subjects, form) = frame::read::<Form>(payload, RECEIPT_PREDICATE_TYPE)?;
        let component = subjects.required(frame::COMPONENT)?;
        subjects.nothing_left()?;
        let Form { workspace, name, version, calls, first_day, last_day } = form;
        if last_day < first_day {
            return Err(frame::malformed("the receipt's last day lies before its first"));
        }
        Ok(Self { workspace, name, version, component, calls, first_day, last_day })
    }

    /// Reads a receipt that was signed by the workspace it names. As with a first keyset, who signs can be told from the
    /// receipt alone, so it is read before the signature is checked, and given out only if that holds.
    ///
    /// # Errors
    /// Those of [`Self::from_verified_payload`], `signature-invalid`.
    pub fn from_bundle(bundle: &Bundle) -> Result<Self, Refusal> {
        let receipt = Self::from_verified_payload(bundle.envelope().unverified_payload())?;
        super::quorum::verified(bundle, &receipt.workspace)?;
        Ok(receipt)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    workspace: PublicKey,
    name: PackageName,
    version: Version,
    calls: u64,
    first_day: u32,
    last_day: u32,
}
