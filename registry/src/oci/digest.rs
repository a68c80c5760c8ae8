//! Names of content as OCI spells them: `sha256:…` and `sha512:…`.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256, Sha512};

use crate::Problem;

/// What a digest is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-256, the one that everybody knows.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// The digest of a blob or a manifest (image-spec, descriptor.md): algorithm and lower-case hex of the full length.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContentDigest {
    text: String,
    algorithm: Algorithm,
}

impl ContentDigest {
    /// The digest of bytes.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// What it was made with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of its object in the blob store: `blobs/sha256/…`.
    pub fn object(&self) -> String {
        format!("blobs/{}", self.text.replacen(':', "/", 1))
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<jackfield_package::Digest> for ContentDigest {
    fn from(digest: jackfield_package::Digest) -> Self {
        Self { text: digest.to_string(), algorithm: Algorithm::Sha256 }
    }
}

impl FromStr for ContentDigest {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let found = match text.split_once(':') {
            Some(("sha256", hex)) => Some((Algorithm::Sha256, hex, 64)),
            Some(("sha512", hex)) => Some((Algorithm::Sha512, hex, 128)),
            _ => None,
        };
        match found {
            Some((algorithm, hex, digits))
                if hex.len() == digits && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) =>
            {
                Ok(Self { text: text.to_owned(), algorithm })
            }
            _ => Err(Problem::bad_request(
                "digest-invalid",
                format!(
                    "`{}` is not a digest: expected `sha256:` and 64, or `sha512:` and 128 lower-case hex digits",
                    text.chars().take(160).collect::<String>().escape_debug()
                ),
            )),
        }
    }
}

/// Makes a digest of what arrives piece by piece.
#[derive(Clone, Debug)]
pub enum Hasher {
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-512.
    Sha512(Sha512),
}

impl Hasher {
    /// Of nothing yet.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all of them.
    pub fn finish(self) -> ContentDigest {
        match self {
            Self::Sha256(hasher) => ContentDigest {
                text: format!("sha256:{}", hex::encode(hasher.finalize())),
                algorithm: Algorithm::Sha256,
            },
            Self::Sha512(hasher) => ContentDigest {
                text: format!("sha512:{}", hex::encode(hasher.finalize())),
                algorithm: Algorithm::Sha512,
            },
        }
    }
}
