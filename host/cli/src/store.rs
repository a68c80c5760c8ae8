//! The two small things that this home keeps for signing and trusting: keys, and whom we trust.
//!
//! ```text
//! keys/<name>.pem      the secret half: PKCS#8, encrypted, 0600
//! keys/<name>.pub.pem  the public half, so that showing a key needs no passphrase
//! trust.json           whose signatures count
//! ```
//!
//! Every file is written aside, synced and renamed into place: a reader sees the old or the new, never half.

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use jackfield_package::{
    Label,
    key::{KeyId, PublicKey, SigningKey},
    limits::KEY_PEM_BYTES,
    verify::{Namespaces, Trust, TrustedKey},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    context::{Context, read_bounded},
    error::{Done, Failed, Kind},
    words::nearest,
};

/// Bytes of trust.json: thousands of keys.
const TRUST_BYTES: u64 = 1 << 20;

/// The keys of this home.
pub(crate) struct KeyStore {
    folder: PathBuf,
}

/// A key's public half, as this home calls it.
#[derive(Debug, Serialize)]
pub(crate) struct KnownKey {
    pub(crate) name: String,
    pub(crate) keyid: KeyId,
    /// SubjectPublicKeyInfo PEM.
    pub(crate) public_pem: String,
    #[serde(skip)]
    pub(crate) public: PublicKey,
}

impl KeyStore {
    pub(crate) fn of(context: &Context) -> Self {
        Self { folder: context.home().join("keys") }
    }

    pub(crate) fn secret_path(&self, name: &Label) -> PathBuf {
        self.folder.join(format!("{name}.pem"))
    }

    fn public_path(&self, name: &Label) -> PathBuf {
        self.folder.join(format!("{name}.pub.pem"))
    }

    pub(crate) fn contains(&self, name: &Label) -> bool {
        self.secret_path(name).exists()
    }

    /// Keeps a new key. The secret half goes first and never over another: from there on the name is taken. A crash before
    /// the public half leaves a key that can sign, and [`KeyStore::public`] says how to complete it.
    pub(crate) fn add(&self, name: &Label, key: &SigningKey, passphrase: &[u8]) -> Result<KnownKey, Failed> {
        let (mut salt, mut iv) = ([0; 16], [0; 16]);
        random(&mut salt)?;
        random(&mut iv)?;
        let pem = key.to_pem(passphrase, salt, iv)?;
        private_folder(&self.folder)?;
        if !write_aside(&self.secret_path(name), pem.as_bytes(), 0o600)?.keep_new()? {
            return Err(taken(name));
        }
        let public = key.public_key();
        write_aside(&self.public_path(name), public.to_pem().as_bytes(), 0o644)?.replace()?;
        Ok(known(name.to_string(), public))
    }

    /// Reads and decrypts a key.
    pub(crate) fn secret(
        &self,
        name: &Label,
        passphrase: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, Failed>,
    ) -> Result<SigningKey, Failed> {
        self.must_have(name)?;
        let path = self.secret_path(name);
        let bytes = Zeroizing::new(read_bounded(&path, "the key", KEY_PEM_BYTES as u64)?);
        let pem = std::str::from_utf8(&bytes).map_err(|_| not_pem(&path))?;
        SigningKey::from_pem(pem, &passphrase()?).map_err(|refusal| {
            match refusal.code {
                "key-passphrase-wrong" => refusal.hint(format!(
                    "it is the passphrase of the key `{name}`, and no password of an account; nobody can recover it"
                )),
                _ => refusal,
            }
            .into()
        })
    }

    /// A key's public half.
    pub(crate) fn public(&self, name: &Label) -> Result<KnownKey, Failed> {
        self.must_have(name)?;
        let path = self.public_path(name);
        if !path.exists() {
            let secret = self.secret_path(name);
            return Err(Failed::new(
                Kind::NotFound,
                "key-public-missing",
                format!("the public half of key `{name}` is missing"),
            )
            .hint(format!(
                "write it from the secret half: openssl pkey -in {} -pubout -out {}",
                secret.display(),
                path.display()
            )));
        }
        Ok(known(name.to_string(), read_public_key(&path)?))
    }

    /// Every key that has its public half here, by name.
    pub(crate) fn list(&self) -> Result<Vec<KnownKey>, Failed> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failed::file(format!("cannot list `{}`", self.folder.display()), &error)),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let entry =
                entry.map_err(|error| Failed::file(format!("cannot list `{}`", self.folder.display()), &error))?;
            let file = entry.file_name();
            let name = file
                .to_str()
                .and_then(|file| file.strip_suffix(".pub.pem"))
                .and_then(|name| name.parse::<Label>().ok());
            if let Some(name) = name {
                keys.push(known(name.to_string(), read_public_key(&entry.path())?));
            }
        }
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(keys)
    }

    fn must_have(&self, name: &Label) -> Done {
        if self.contains(name) {
            return Ok(());
        }
        let names: Vec<String> = self.list()?.into_iter().map(|key| key.name).collect();
        let hint = match nearest(name.as_str(), names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`? See: jackfield key list"),
            None => format!("make it: jackfield key new {name}"),
        };
        Err(Failed::new(
            Kind::NotFound,
            "key-not-found",
            format!("there is no key `{name}` in {}", self.folder.display()),
        )
        .hint(hint))
    }
}

/// The name is another key's.
pub(crate) fn taken(name: &Label) -> Failed {
    Failed::usage("key-exists", format!("there is a key `{name}` already"))
        .hint("choose another name; a key is never written over, since what it has signed would be orphaned")
}

fn known(name: String, public: PublicKey) -> KnownKey {
    KnownKey { name, keyid: public.id(), public_pem: public.to_pem(), public }
}

/// A public key from a PEM file.
pub(crate) fn read_public_key(path: &Path) -> Result<PublicKey, Failed> {
    let bytes = read_bounded(path, "the public key", KEY_PEM_BYTES as u64)?;
    let pem = std::str::from_utf8(&bytes).map_err(|_| not_pem(path))?;
    PublicKey::from_pem(pem).map_err(|mut refusal| {
        refusal.message = format!("`{}`: {}", path.display(), refusal.message);
        refusal.into()
    })
}

fn not_pem(path: &Path) -> Failed {
    Failed::new(Kind::Refused, "key-malformed", format!("`{}` is not PEM: it is not even text", path.display()))
}

/// A trusted key, as trust.json has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustEntry {
    pub(crate) keyid: KeyId,
    /// 32 bytes in hex.
    pub(crate) key: PublicKey,
    pub(crate) namespaces: Namespaces,
    /// What a person calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

/// trust.json.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustStore {
    pub(crate) keys: Vec<TrustEntry>,
}

impl TrustStore {
    fn path(context: &Context) -> PathBuf {
        context.home().join("trust.json")
    }

    /// Nobody is trusted where the file is not there.
    pub(crate) fn load(context: &Context) -> Result<Self, Failed> {
        let path = Self::path(context);
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = read_bounded(&path, "the trusted keys", TRUST_BYTES)?;
        let malformed = |why: String| {
            Failed::new(
                Kind::Fault,
                "trust-malformed",
                format!("`{}` does not list trusted keys: {why}", path.display()),
            )
            .hint("mend it, or move it away and add the keys again with `jackfield trust add`")
        };
        let store: Self = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        // The id is written for people; a file whose id and key disagree has been tampered with or mended badly.
        match store.keys.iter().find(|entry| entry.key.id() != entry.keyid) {
            Some(entry) => Err(malformed(format!("keyid {} is not the id of its key", entry.keyid))),
            None => Ok(store),
        }
    }

    /// Changes what stands there, with nobody else changing it in between.
    pub(crate) fn change<T>(
        context: &Context,
        change: impl FnOnce(&mut Self) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let _editing = Editing::begin(context.home())?;
        let mut store = Self::load(context)?;
        let changed = change(&mut store)?;
        store.save(context)?;
        Ok(changed)
    }

    fn save(&self, context: &Context) -> Done {
        let json = serde_json::to_vec_pretty(self).map_err(|error| {
            Failed::new(Kind::Fault, "json-fault", format!("cannot write the trusted keys: {error}"))
        })?;
        private_folder(context.home())?;
        write_aside(&Self::path(context), &json, 0o600)?.replace()
    }

    /// As the core crate wants it.
    pub(crate) fn to_trust(&self) -> Trust {
        let keys = self.keys.iter().map(|entry| TrustedKey { key: entry.key, namespaces: entry.namespaces.clone() });
        Trust::new(keys.collect())
    }
}

/// Fills `bytes` with randomness of the operating system.
pub(crate) fn random(bytes: &mut [u8]) -> Done {
    getrandom::fill(bytes)
        .map_err(|error| Failed::new(Kind::Fault, "no-randomness", format!("the system gives no randomness: {error}")))
}

/// A folder that only its owner looks into.
pub(crate) fn private_folder(path: &Path) -> Done {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| Failed::unwritable(path, &error))
}

/// Held while one of the home's own files (trust.json, policy.toml, jackfield.lock, credentials.toml, what was seen of
/// registries) is read, changed and written: of two commands at once none undoes what the other did.
pub(crate) struct Editing {
    _file: File,
}

impl Editing {
    pub(crate) fn begin(home: &Path) -> Result<Self, Failed> {
        private_folder(home)?;
        let path = home.join("edit.lock");
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(&path);
        let file =
            file.and_then(|file| file.lock().map(|()| file)).map_err(|error| Failed::unwritable(&path, &error))?;
        Ok(Self { _file: file })
    }
}

/// A file written and synced, and not yet in its place.
pub(crate) struct Aside {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

/// Writes `bytes` beside `path`. The mode is set before anything is in the file.
pub(crate) fn write_aside(path: &Path, bytes: &[u8], mode: u32) -> Result<Aside, Failed> {
    let fail = |error: io::Error| Failed::unwritable(path, &error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.as_file().set_permissions(Permissions::from_mode(mode)).map_err(fail)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
    Ok(Aside { file, path: path.to_owned() })
}

impl Aside {
    /// Puts it in its place, over what is there.
    pub(crate) fn replace(self) -> Done {
        let Self { file, path } = self;
        file.persist(&path).map(drop).map_err(|error| Failed::unwritable(&path, &error.error))
    }

    /// Puts it in its place unless something is there; says whether it did.
    pub(crate) fn keep_new(self) -> Result<bool, Failed> {
        let Self { file, path } = self;
        match file.persist_noclobber(&path) {
            Ok(_) => Ok(true),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Failed::unwritable(&path, &error.error)),
        }
    }
}
