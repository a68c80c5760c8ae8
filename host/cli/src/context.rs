//! What every command stands on: where this home is, and how to talk.

use std::path::{Path, PathBuf};

use jackfield_host::{Compiler, Host};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::{
    error::{Failed, Kind},
    flags::Global,
    ui::Ui,
};

/// Bytes of a file of root certificates: a whole system's bundle has a quarter of this.
const CA_FILE_BYTES: u64 = 1 << 20;

/// The hidden command that compiles one component: see `commands/compile_component.rs`.
const COMPILE_COMMAND: &str = "compile-component";

/// Bytes of a component that is read: ten times the largest that a language's tools make (Python, 18 MB). The core
/// crate has its own cap; this one stands before anything is in memory.
const COMPONENT_BYTES: u64 = 256 << 20;

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) ui: Ui,
    home: PathBuf,
    ca_file: Option<PathBuf>,
    /// Where connections are, if not in the home.
    broker_database: Option<String>,
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
        // A variable that is empty says nothing.
        let broker_database = flags.broker_database.filter(|url| !url.is_empty());
        Ok(Self { ui, home, ca_file: flags.ca_file, broker_database })
    }

    /// The same with another home.
    pub(crate) fn at(&self, home: &Path) -> Self {
        let (ca_file, broker_database) = (self.ca_file.clone(), self.broker_database.clone());
        Self { ui: self.ui, home: home.to_owned(), ca_file, broker_database }
    }

    /// How components are compiled: in a child process, this same program, since a component may be a stranger's.
    pub(crate) fn compiler() -> Result<Compiler, Failed> {
        let program =
            std::env::current_exe().map_err(|error| Failed::file("cannot find this program itself", &error))?;
        Ok(Compiler::Child { program, arguments: vec![COMPILE_COMMAND.to_owned()] })
    }

    /// Where keys, trust and installations stand; it may not exist yet.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The host of this home.
    pub(crate) fn host(&self) -> Result<Host, Failed> {
        self.host_at(self.home.clone())
    }

    /// A host with another home.
    pub(crate) fn host_at(&self, home: PathBuf) -> Result<Host, Failed> {
        let builder =
            Host::builder().home(home).compiler(Self::compiler()?).root_certificates(self.root_certificates()?);
        let builder = match &self.broker_database {
            Some(url) => builder.database(url),
            None => builder,
        };
        Ok(builder.build()?)
    }

    /// Those of `--ca-file`.
    pub(crate) fn root_certificates(&self) -> Result<Vec<CertificateDer<'static>>, Failed> {
        let Some(path) = &self.ca_file else { return Ok(Vec::new()) };
        let pem = read_bounded(path, "the root certificates", CA_FILE_BYTES)?;
        let malformed = |why: String| Failed::usage("ca-file-malformed", format!("`{}` {why}", path.display()));
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| malformed(format!("is not PEM: {error}")))?;
        if certificates.is_empty() {
            return Err(
                malformed("holds no certificate".to_owned()).hint("it must have -----BEGIN CERTIFICATE----- in it")
            );
        }
        Ok(certificates)
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
