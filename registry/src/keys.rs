//! What the registry signs with: one key for the log's checkpoints, one for statements (checks, index, status).

use std::path::Path;

use jackfield_package::key::SigningKey;
pub(crate) use jackfield_server::ids::{random, uuid_v7};
use zeroize::Zeroizing;

use crate::{Config, Problem};

/// The keys. Each is used for one purpose.
#[derive(Debug)]
pub struct Keys {
    /// Signs checkpoints, as a C2SP signed note.
    pub log: SigningKey,
    /// Signs statements.
    pub statements: SigningKey,
    /// Makes the short-lived tokens of OCI clients (HMAC-SHA256).
    pub oci_tokens: MacKey,
}

/// 32 secret bytes.
pub struct MacKey(Zeroizing<Vec<u8>>);

impl MacKey {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey")
    }
}

impl Keys {
    /// Whether they were made.
    pub(crate) fn are_there(config: &Config) -> bool {
        ["passphrase", "log.pem", "statements.pem", "oci-tokens"]
            .iter()
            .all(|name| config.data.join("keys").join(name).is_file())
    }

    /// Reads `<data>/keys/{log,statements}.pem` and `<data>/keys/oci-tokens`, or makes them: encrypted PKCS#8 of mode 0600, with the passphrase in
    /// `<data>/keys/passphrase` beside them, since a server starts without a person.
    pub(crate) fn open(config: &Config) -> Result<Self, Problem> {
        let folder = config.data.join("keys");
        std::fs::create_dir_all(&folder).map_err(|error| Problem::internal(&error))?;
        let passphrase = secret_file(&folder.join("passphrase"), || Ok(Zeroizing::new(hex::encode(random::<32>()?))))?;
        let open = |name: &str| -> Result<SigningKey, Problem> {
            let pem = secret_file(&folder.join(format!("{name}.pem")), || {
                let key = SigningKey::from_seed(random()?);
                Ok(key.to_pem(passphrase.trim().as_bytes(), random()?, random()?)?)
            })?;
            Ok(SigningKey::from_pem(&pem, passphrase.trim().as_bytes())?)
        };
        let mac = secret_file(&folder.join("oci-tokens"), || Ok(Zeroizing::new(hex::encode(random::<32>()?))))?;
        let mac = hex::decode(mac.trim()).map_err(|error| Problem::internal(&error))?;
        Ok(Self { log: open("log")?, statements: open("statements")?, oci_tokens: MacKey(Zeroizing::new(mac)) })
    }
}

/// A file's text, made once: two processes that start at the same time end with the same one.
fn secret_file(
    path: &Path,
    make: impl FnOnce() -> Result<Zeroizing<String>, Problem>,
) -> Result<Zeroizing<String>, Problem> {
    use std::io::Write as _;
    let fault = |error: std::io::Error| Problem::internal(&error);
    if !path.exists() {
        let folder = path.parent().unwrap_or(Path::new("."));
        // Mode 0600 by tempfile's own choice.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fault)?;
        file.write_all(make()?.as_bytes()).map_err(fault)?;
        file.as_file().sync_all().map_err(fault)?;
        match file.persist_noclobber(path) {
            Ok(_) => {}
            Err(lost) if lost.error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(lost) => return Err(fault(lost.error)),
        }
    }
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(fault)
}
