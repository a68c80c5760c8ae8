//! Where a secret comes from: a file, stdin, or the person at the terminal. Never the command line, which every process of this
//! machine can read.

use std::{fs::File, io, path::PathBuf, str::FromStr};

use jackfield_broker::{Secret, limits::SECRET_BYTES};
use zeroize::Zeroizing;

use crate::{
    context::read_bounded,
    error::Failed,
    passphrase::{ask, first_line_of},
};

/// Bytes by which a secret is seen to be longer than any may be.
const TOO_LONG: u64 = SECRET_BYTES as u64 + 1;

/// A file, or `-` for stdin.
#[derive(Clone, Debug)]
pub(crate) enum SecretSource {
    File(PathBuf),
    Stdin,
}

impl FromStr for SecretSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Self::Stdin } else { Self::File(text.into()) })
    }
}

impl SecretSource {
    /// The first line. `what` names it in errors.
    pub(crate) fn read(&self, what: &str) -> Result<Secret, Failed> {
        let read = match self {
            Self::File(path) => File::open(path).and_then(|file| first_line_of(file, TOO_LONG)),
            Self::Stdin => first_line_of(io::stdin().lock(), TOO_LONG),
        };
        let from = match self {
            Self::File(path) => format!("`{}`", path.display()),
            Self::Stdin => "stdin".to_owned(),
        };
        let bytes = read.map_err(|error| Failed::file(format!("cannot read {what} from {from}"), &error))?;
        Ok(Secret::new(bytes)?)
    }

    /// The whole of a file, which has lines.
    pub(crate) fn whole(path: &std::path::Path, what: &str) -> Result<Secret, Failed> {
        Ok(Secret::new(Zeroizing::new(read_bounded(path, what, SECRET_BYTES as u64)?))?)
    }

    /// Asks the person at the terminal; nothing is echoed.
    pub(crate) fn ask(what: &str) -> Result<Secret, Failed> {
        let typed = ask(&format!("The {what}: ")).map_err(|failed| match failed.code() {
            "passphrase-needed" => {
                Failed::usage("secret-needed", format!("a {what} is needed, and there is no terminal to ask at"))
                    .hint("hand it in: --token-from FILE, or --token-from - for stdin")
            }
            _ => failed,
        })?;
        Ok(Secret::new(typed)?)
    }
}
