//! Ed25519 keys (RFC 8032): who signs, and how keys are stored and named.

use std::{fmt, str::FromStr};

use ed25519_dalek::{
    Signer as _,
    pkcs8::{KeypairBytes, PublicKeyBytes},
};
use pkcs8::{
    DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, EncryptedPrivateKeyInfoRef, LineEnding,
    PrivateKeyInfoRef, SecretDocument,
    pkcs5::{
        self,
        pbes2::{EncryptionScheme, Kdf, Parameters, Salt, ScryptParams},
    },
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    Refusal,
    limits::{KEY_PBKDF2_ROUNDS, KEY_PEM_BYTES, KEY_SCRYPT_BYTES},
};

const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// What signs. The secret is wiped when dropped, and has no text form but the encrypted one.
pub struct SigningKey {
    secret: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key of 32 random bytes, which the caller draws.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        Self { secret: ed25519_dalek::SigningKey::from_bytes(&seed) }
    }

    /// Its public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey { key: self.secret.verifying_key() }
    }

    /// The name of its public half.
    pub fn key_id(&self) -> KeyId {
        self.public_key().id()
    }

    /// Signs bytes, as pure Ed25519.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }

    /// The key as encrypted PKCS#8 PEM (RFC 5958, RFC 8018 PBES2 with scrypt N=2^14 r=8 p=1 and AES-256-CBC), which
    /// `openssl pkey` reads. `salt` and `iv` must be random and new for each call; the caller draws them.
    ///
    /// # Errors
    /// `key-passphrase-empty`; `key-malformed` if the encoding fails.
    pub fn to_pem(&self, passphrase: &[u8], salt: [u8; 16], iv: [u8; 16]) -> Result<Zeroizing<String>, Refusal> {
        if passphrase.is_empty() {
            return Err(Refusal::new("key-passphrase-empty", "a key is stored encrypted, and the passphrase is empty"));
        }
        let encoding = |what: &str| Refusal::new("key-malformed", format!("the key can't be encoded: {what}"));
        // Without the public half, which would make it a version that OpenSSL 3.0 does not read.
        let plain = KeypairBytes { secret_key: self.secret.to_bytes(), public_key: None }
            .to_pkcs8_der()
            .map_err(|error| encoding(&error.to_string()))?;
        let info = PrivateKeyInfoRef::try_from(plain.as_bytes()).map_err(|error| encoding(&error.to_string()))?;
        let parameters = Parameters {
            kdf: Kdf::Scrypt(ScryptParams {
                salt: Salt::new(salt).map_err(|error| encoding(&error.to_string()))?,
                cost_parameter: 1 << 14,
                block_size: 8,
                parallelization: 1,
                key_length: None,
            }),
            encryption: EncryptionScheme::Aes256Cbc { iv },
        };
        let encrypted =
            info.encrypt_with_params(parameters, passphrase).map_err(|error| encoding(&error.to_string()))?;
        encrypted.to_pem(ENCRYPTED_LABEL, LineEnding::LF).map_err(|error| encoding(&error.to_string()))
    }

    /// Reads what [`Self::to_pem`] or `openssl genpkey -algorithm ed25519 -aes-256-cbc` wrote.
    ///
    /// # Errors
    /// `key-malformed`, `key-not-encrypted`, `key-cost` (the file asks for too much work), `key-passphrase-wrong`,
    /// `key-algorithm` (not Ed25519).
    pub fn from_pem(pem: &str, passphrase: &[u8]) -> Result<Self, Refusal> {
        if pem.len() > KEY_PEM_BYTES {
            return Err(Refusal::new("key-malformed", format!("the key file has more than {KEY_PEM_BYTES} bytes")));
        }
        let (label, document) = SecretDocument::from_pem(pem.trim())
            .map_err(|error| Refusal::new("key-malformed", format!("the key is not PEM: {error}")))?;
        if label == "PRIVATE KEY" {
            return Err(Refusal::new("key-not-encrypted", "the key is stored without a passphrase")
                .hint("encrypt it: openssl pkcs8 -topk8 -scrypt -in plain.pem -out key.pem"));
        }
        if label != ENCRYPTED_LABEL {
            return Err(Refusal::new(
                "key-malformed",
                format!("the PEM holds `{}`: expected `{ENCRYPTED_LABEL}`", label.escape_debug()),
            ));
        }
        let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
            .map_err(|error| Refusal::new("key-malformed", format!("the key is not encrypted PKCS#8: {error}")))?;
        check_cost(&encrypted.encryption_algorithm)?;
        let plain = encrypted.decrypt(passphrase).map_err(|_| {
            Refusal::new(
                "key-passphrase-wrong",
                "the key can't be decrypted: the passphrase is wrong, or the file is damaged",
            )
        })?;
        let info = PrivateKeyInfoRef::try_from(plain.as_bytes())
            .map_err(|_| Refusal::new("key-malformed", "the decrypted key is not PKCS#8"))?;
        let keypair = KeypairBytes::try_from(info).map_err(|_| {
            Refusal::new("key-algorithm", "the key is not an Ed25519 key").hint("make one: jackfield key new NAME")
        })?;
        Ok(Self::from_seed(keypair.secret_key))
    }
}

/// An attacker's key file shall not cost more than an honest one.
fn check_cost(scheme: &pkcs5::EncryptionScheme) -> Result<(), Refusal> {
    let bearable = match scheme {
        pkcs5::EncryptionScheme::Pbes2(Parameters { kdf: Kdf::Scrypt(scrypt), .. }) => {
            u128::from(scrypt.cost_parameter)
                * u128::from(scrypt.block_size)
                * u128::from(scrypt.parallelization.max(1))
                * 128
                <= u128::from(KEY_SCRYPT_BYTES)
        }
        pkcs5::EncryptionScheme::Pbes2(Parameters { kdf: Kdf::Pbkdf2(pbkdf2), .. }) => {
            pbkdf2.iteration_count <= KEY_PBKDF2_ROUNDS
        }
        _ => return Err(Refusal::new("key-malformed", "the key is encrypted with an unknown scheme: expected PBES2")),
    };
    if bearable {
        return Ok(());
    }
    Err(Refusal::new("key-cost", "reading the key file would cost too much memory or time: its parameters are extreme"))
}

/// What checks signatures: a point that is valid, canonical and not weak, since no other can be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    key: ed25519_dalek::VerifyingKey,
}

impl PublicKey {
    /// Reads 32 bytes (RFC 8032, 5.1.5), stricter than most libraries: each key has one spelling, and none verifies
    /// signatures that nobody made.
    ///
    /// # Errors
    /// `key-malformed` (not 32 bytes, or no point), `key-weak` (of small or mixed order), `key-not-canonical`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| {
            Refusal::new("key-malformed", format!("an Ed25519 public key has 32 bytes, and this has {}", bytes.len()))
        })?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes)
            .map_err(|_| Refusal::new("key-malformed", "the public key is not a point of the curve"))?;
        let point = key.to_edwards();
        if point.compress().to_bytes() != bytes {
            return Err(Refusal::new("key-not-canonical", "the public key is not in its one canonical spelling"));
        }
        if key.is_weak() || !point.is_torsion_free() {
            return Err(Refusal::new(
                "key-weak",
                "the public key is weak: others can make signatures that pass for its own",
            ));
        }
        Ok(Self { key })
    }

    /// The 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Reads SubjectPublicKeyInfo PEM (RFC 8410), as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// `key-malformed`, and those of [`Self::from_bytes`].
    pub fn from_pem(pem: &str) -> Result<Self, Refusal> {
        if pem.len() > KEY_PEM_BYTES {
            return Err(Refusal::new("key-malformed", format!("the key file has more than {KEY_PEM_BYTES} bytes")));
        }
        let bytes = PublicKeyBytes::from_public_key_pem(pem.trim()).map_err(|error| {
            Refusal::new("key-malformed", format!("not the PEM of an Ed25519 public key: {error}"))
                .hint("write it with: openssl pkey -in key.pem -pubout")
        })?;
        Self::from_bytes(&bytes.to_bytes())
    }

    /// SubjectPublicKeyInfo PEM (RFC 8410).
    pub fn to_pem(&self) -> String {
        match PublicKeyBytes(self.to_bytes()).to_public_key_pem(LineEnding::LF) {
            Ok(pem) => pem,
            Err(error) => unreachable!("32 bytes always encode: {error}"),
        }
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        let canonical = format!(
            r#"{{"keytype":"ed25519","keyval":{{"public":"{}"}},"scheme":"ed25519"}}"#,
            hex::encode(self.to_bytes())
        );
        KeyId(Sha256::digest(canonical.as_bytes()).into())
    }

    /// Whether this key made this signature over these bytes. Strict: no signature has a second spelling.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

/// The name of a public key: SHA-256 of its canonical TUF key object, so that securesystemslib and in-toto tools derive
/// the same from a PEM. 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 32]);

impl KeyId {
    /// The same as a digest: it is the SHA-256 of the canonical key object, and so may be a statement's subject.
    pub fn as_digest(&self) -> crate::Digest {
        crate::Digest::from_bytes(self.0)
    }
}

impl FromStr for KeyId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let malformed = || {
            let shown = text.chars().take(80).collect::<String>();
            Refusal::new(
                "key-id-malformed",
                format!("`{}` is not a key id: expected 64 lower-case hex digits", shown.escape_debug()),
            )
        };
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(malformed());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| malformed())?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.to_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.key_id())
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for KeyId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|refusal: Refusal| serde::de::Error::custom(refusal.message))
    }
}

/// As the 32 bytes in 64 hex digits.
impl serde::Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.to_bytes()))
    }
}

impl<'de> serde::Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(text).map_err(serde::de::Error::custom)?;
        Self::from_bytes(&bytes).map_err(|refusal| serde::de::Error::custom(refusal.message))
    }
}
