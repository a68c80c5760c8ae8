//! Sealing one thing under one key.

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use zeroize::Zeroizing;

use super::{Field, Owner};
use crate::{
    Error, Secret,
    error::{Result, random},
};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// 256 bits that seal a connection's secrets, or wrap its data key.
pub struct DataKey(Zeroizing<[u8; KEY_BYTES]>);

impl DataKey {
    pub(super) fn random() -> Result<Self> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        random(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// From its bytes, as a key management gives them back; `None` unless there are 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        (bytes.len() == KEY_BYTES).then(|| {
            key.copy_from_slice(bytes);
            Self(key)
        })
    }

    /// Its bytes, for a key management to wrap.
    pub fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

/// A secret, sealed: the nonce and then the ciphertext.
pub(super) fn seal(key: &DataKey, owner: &Owner, field: Field, generation: i64, secret: &Secret) -> Result<Vec<u8>> {
    encrypt(key, secret.expose(), &secret_data(owner, field, generation))
}

/// The secret again, if it was sealed under this key for this very place.
pub(super) fn open(key: &DataKey, owner: &Owner, field: Field, generation: i64, sealed: &[u8]) -> Result<Secret> {
    let opened = decrypt(key, sealed, &secret_data(owner, field, generation));
    let bytes = opened.ok_or_else(|| does_not_open(owner))?;
    Secret::new(bytes).map_err(Error::from)
}

/// A data key under a master key.
pub(super) fn wrap(master: &DataKey, id: &str, owner: &Owner, key: &DataKey) -> Result<Vec<u8>> {
    encrypt(master, key.bytes(), &key_data(owner, id))
}

/// The data key again; `None` if it was wrapped by another key, for another owner, or was changed.
pub(super) fn unwrap(master: &DataKey, id: &str, owner: &Owner, wrapped: &[u8]) -> Option<DataKey> {
    DataKey::from_bytes(&decrypt(master, wrapped, &key_data(owner, id))?)
}

pub(super) fn does_not_open(owner: &Owner) -> Error {
    let message = format!(
        "the secrets of the connection `{}` do not open: a row was changed, or put in another's place",
        owner.connection
    );
    Error::refused("vault-tampered", message).hint("connect the account anew, and find out who writes to the database")
}

fn encrypt(key: &DataKey, plain: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let mut sealed = vec![0; NONCE_BYTES];
    random(&mut sealed)?;
    let nonce = XNonce::try_from(&sealed[..]).map_err(|_| Error::Fault("a nonce has 24 bytes".into()))?;
    let payload = Payload { msg: plain, aad: data };
    let text = cipher(key).encrypt(&nonce, payload).map_err(|_| Error::Fault("a secret could not be sealed".into()))?;
    sealed.extend_from_slice(&text);
    Ok(sealed)
}

fn decrypt(key: &DataKey, sealed: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
    let nonce = XNonce::try_from(nonce).ok()?;
    cipher(key).decrypt(&nonce, Payload { msg: text, aad: data }).ok().map(Zeroizing::new)
}

fn cipher(key: &DataKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

fn secret_data(owner: &Owner, field: Field, generation: i64) -> Vec<u8> {
    let generation = generation.to_be_bytes();
    joined(&[
        b"jackfield-vault-secret-v1",
        owner.tenant.as_bytes(),
        owner.connection.as_str().as_bytes(),
        field.as_str().as_bytes(),
        &generation,
    ])
}

fn key_data(owner: &Owner, master: &str) -> Vec<u8> {
    joined(&[
        b"jackfield-vault-key-v1",
        owner.tenant.as_bytes(),
        owner.connection.as_str().as_bytes(),
        master.as_bytes(),
    ])
}

/// Each part with its length before it, so that no two lists of parts give the same bytes.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes()[..], part].concat()).collect()
}
