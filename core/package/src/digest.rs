//! Naming bytes by their SHA-256.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::Refusal;

/// SHA-256 of some bytes, written `sha256:<64 lower-case hex digits>` as OCI does (image-spec, descriptor.md).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The name of bytes that hash to these.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The 64 hex digits, without `sha256:`. What in-toto puts into a subject's `digest.sha256`.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads 64 lower-case hex digits.
    ///
    /// # Errors
    /// `digest-malformed` for anything else, upper case included: two spellings of one name invite confusion.
    pub fn from_hex(text: &str) -> Result<Self, Refusal> {
        let malformed =
            || Refusal::new("digest-malformed", format!("`{text}` is not a digest: expected 64 lower-case hex digits"));
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(malformed());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| malformed())?;
        Ok(Self(bytes))
    }
}

impl FromStr for Digest {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let hex = text.strip_prefix("sha256:").ok_or_else(|| {
            Refusal::new("digest-malformed", format!("`{text}` is not a digest: expected `sha256:` and 64 hex digits"))
        })?;
        Self::from_hex(hex)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
