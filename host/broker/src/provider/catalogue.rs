//! All providers that are known here: those that come with the program, and the admin's own.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use include_dir::{Dir, include_dir};
use jackfield_package::{Label, Refusal};

use super::Entry;
use crate::limits::{PROVIDER_FILE_BYTES, PROVIDERS};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/catalogue");

/// Entries by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    entries: BTreeMap<String, Entry>,
    /// Where the admin's own stand; none, and nothing can be added.
    folder: Option<PathBuf>,
}

impl Catalogue {
    /// Those that come with the program.
    ///
    /// # Errors
    /// `provider-invalid`, if the program was built wrongly.
    pub fn built_in() -> Result<Self, Refusal> {
        let mut catalogue = Self::default();
        for file in BUILT_IN.files() {
            let entry = Entry::parse(file.contents_utf8().unwrap_or_default())?;
            catalogue.entries.insert(entry.name.to_string(), entry);
        }
        Ok(catalogue)
    }

    /// Those, and the files of a folder, which need not exist.
    ///
    /// # Errors
    /// `provider-invalid`, `provider-name-taken`, `provider-unreadable`, each naming the file.
    pub fn open(folder: &Path) -> Result<Self, Refusal> {
        let mut catalogue = Self { folder: Some(folder.to_owned()), ..Self::built_in()? };
        let unreadable = |path: &Path, error: &io::Error| {
            Refusal::new("provider-unreadable", format!("`{}` can't be read: {error}", path.display()))
        };
        let files = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(catalogue),
            files => files.map_err(|error| unreadable(folder, &error))?,
        };
        for file in files.take(PROVIDERS) {
            let path = file.map_err(|error| unreadable(folder, &error))?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let entry = read(&path)?;
            catalogue.claim(&entry)?;
            catalogue.entries.insert(entry.name.to_string(), entry);
        }
        Ok(catalogue)
    }

    /// Every entry, by name.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The entry of that name.
    ///
    /// # Errors
    /// `provider-unknown`.
    pub fn find(&self, name: &str) -> Result<&Entry, Refusal> {
        self.entries.get(name).ok_or_else(|| {
            let nearest = self.entries.keys().find(|known| known.starts_with(name) || name.starts_with(known.as_str()));
            let hint = match nearest {
                Some(known) => format!("did you mean `{known}`? jackfield provider list"),
                None => "see those there are: jackfield provider list; add one: jackfield provider add".to_owned(),
            };
            Refusal::new("provider-unknown", format!("there is no provider `{name}`")).hint(hint)
        })
    }

    /// Keeps an entry of the admin's own. One of the same name that was added before is replaced.
    ///
    /// # Errors
    /// `provider-name-taken` by one that comes with the program, `provider-unwritable`.
    pub fn add(&mut self, entry: Entry) -> Result<PathBuf, Refusal> {
        self.claim(&entry)?;
        let unwritable = |error: &dyn std::fmt::Display| {
            Refusal::new("provider-unwritable", format!("the provider `{}` can't be kept: {error}", entry.name))
        };
        let folder = self.folder.clone().ok_or_else(|| unwritable(&"there is no folder for it"))?;
        let path = folder.join(format!("{}.toml", entry.name));
        let write = || -> io::Result<()> {
            fs::create_dir_all(&folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            io::Write::write_all(&mut file, entry.to_toml().as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            fs::File::open(&folder)?.sync_all()
        };
        write().map_err(|error| unwritable(&error))?;
        self.entries.insert(entry.name.to_string(), entry);
        Ok(path)
    }

    /// A name that the program brings is not another's: whoever connects an account by that name must reach that provider.
    fn claim(&self, entry: &Entry) -> Result<(), Refusal> {
        match is_built_in(&entry.name) {
            true => Err(Refusal::new(
                "provider-name-taken",
                format!("the name `{}` is of a provider that comes with Jackfield", entry.name),
            )
            .hint("give it a name of its own, such as `acme-gitlab`")),
            false => Ok(()),
        }
    }
}

/// Whether an entry of that name comes with the program.
pub fn is_built_in(name: &Label) -> bool {
    BUILT_IN.get_file(format!("{name}.toml")).is_some()
}

/// Reads one file.
///
/// # Errors
/// `provider-unreadable`, `provider-invalid`.
pub fn read(path: &Path) -> Result<Entry, Refusal> {
    use io::Read as _;
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(PROVIDER_FILE_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| Refusal::new("provider-unreadable", format!("`{}` can't be read: {error}", path.display())))?;
    if text.len() as u64 > PROVIDER_FILE_BYTES {
        let message = format!("`{}` is longer than {PROVIDER_FILE_BYTES} bytes", path.display());
        return Err(Refusal::new("provider-invalid", message));
    }
    Entry::parse(&text).map_err(|refusal| {
        let message = format!("`{}`: {}", path.display(), refusal.message);
        Refusal { message, ..refusal }
    })
}
