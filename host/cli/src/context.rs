//! What every command stands on: where this home is, and how to talk.

use std::path::{Path, PathBuf};

use crate::{
    error::{Failed, Kind},
    flags::Global,
    ui::Ui,
};

/// Bytes of a component that is read: ten times the largest that a language's tools make (Python, 18 MB). The core
/// crate has its own cap; this one stands before anything is in memory.
const COMPONENT_BYTES: u64 = 256 << 20;

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) ui: Ui,
    home: PathBuf,
    ca_file: Option<PathBuf>,
}

impl Context {
    /// # Errors
    /// Exit code 2 if there is no home: neither `--home`, nor a variable that says where.
    pub(crate) fn new(flags: Global) -> Result<Self, Failed> {
        let ui = Ui::new(&flags);
        let home = match flags.home {
            Some(home) => std::path::absolute(&home)
                .map_err(|error| Failed::file(format!("cannot use `{}` as the home", home.display()), &error))?,
            None => default_home().ok_or_else(|| {
                Failed::usage(
                    "home-unknown",
                    "there is no home: neither XDG_DATA_HOME nor HOME is set to an absolute path",
                )
                .hint("say where it is: --home DIR, or JACKFIELD_HOME=DIR")
            })?,
        };
        Ok(Self { ui, home, ca_file: flags.ca_file })
    }

    /// Where keys, trust and installations stand; it may not exist yet.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Reads a component file.
    pub(crate) fn read_component(&self, path: &Path) -> Result<Vec<u8>, Failed> {
        if path.is_dir() {
            return Err(Failed::usage(
                "component-is-folder",
                format!("`{}` is a folder, expected a component file", path.display()),
            )
            .hint(format!("build it first: jackfield build {}", path.display())));
        }
        read_bounded(path, "the component", COMPONENT_BYTES)
    }
}

/// The whole of a file that is at most `most` bytes long. `what` names it in errors.
pub(crate) fn read_bounded(path: &Path, what: &str, most: u64) -> Result<Vec<u8>, Failed> {
    use std::io::Read as _;
    let fail = |error: &std::io::Error| Failed::file(format!("cannot read {what} `{}`", path.display()), error);
    let file = std::fs::File::open(path).map_err(|error| fail(&error))?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| fail(&error))?;
    if bytes.len() as u64 > most {
        return Err(Failed::new(
            Kind::Refused,
            "file-too-long",
            format!("{what} `{}` is longer than {most} bytes", path.display()),
        ));
    }
    Ok(bytes)
}

/// `$XDG_DATA_HOME/jackfield`, else `~/.local/share/jackfield` (XDG Base Directory Specification 0.8: relative paths
/// are ignored).
fn default_home() -> Option<PathBuf> {
    let absolute = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/share")))
        .map(|data| data.join("jackfield"))
}
