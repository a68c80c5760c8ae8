//! Where a passphrase comes from: a descriptor, a file, or the person at the terminal. Never the command line, which
//! every process of this machine can read.

use std::{fs::File, io::Read};

use zeroize::Zeroizing;

use crate::{
    error::{Failed, Kind},
    flags::Passphrase,
};

/// Bytes of a passphrase: a paragraph.
const PASSPHRASE_BYTES: u64 = 4 << 10;

type Secret = Zeroizing<Vec<u8>>;

impl Passphrase {
    /// For a key that exists.
    pub(crate) fn read(&self, key: &str) -> Result<Secret, Failed> {
        match self.handed_in()? {
            Some(passphrase) => Ok(passphrase),
            None => ask(&format!("Passphrase of key `{key}`: ")),
        }
    }

    /// For a key that is being made: a person types it twice.
    pub(crate) fn read_new(&self, key: &str) -> Result<Secret, Failed> {
        let passphrase = match self.handed_in()? {
            Some(passphrase) => passphrase,
            None => {
                let passphrase = ask(&format!("Passphrase for the new key `{key}`: "))?;
                if !passphrase.is_empty() && *passphrase != *ask("Once more: ")? {
                    return Err(Failed::usage(
                        "passphrase-differs",
                        "the two passphrases are not equal: no key was made",
                    ));
                }
                passphrase
            }
        };
        if passphrase.is_empty() {
            return Err(Failed::usage("passphrase-empty", "the passphrase is empty: no key was made").hint(
                "a key is stored encrypted; for machines, let a file or a secret store hold a long random passphrase",
            ));
        }
        Ok(passphrase)
    }

    fn handed_in(&self) -> Result<Option<Secret>, Failed> {
        if let Some(descriptor) = self.passphrase_fd {
            let fail = |error: &std::io::Error| {
                Failed::file(format!("cannot read the passphrase from descriptor {descriptor}"), error)
            };
            let file = File::open(format!("/dev/fd/{descriptor}")).map_err(|error| fail(&error))?;
            return first_line(file).map(Some).map_err(|error| fail(&error));
        }
        let Some(path) = &self.passphrase_file else { return Ok(None) };
        let fail = |error: &std::io::Error| {
            Failed::file(format!("cannot read the passphrase from `{}`", path.display()), error)
        };
        let file = File::open(path).map_err(|error| fail(&error))?;
        first_line(file).map(Some).map_err(|error| fail(&error))
    }
}

/// Editors and `echo` end a file with a newline, which nobody means as part of the passphrase.
pub(crate) fn first_line(file: impl Read) -> std::io::Result<Secret> {
    first_line_of(file, PASSPHRASE_BYTES)
}

/// The same of what may be longer; of what is longer than `most` bytes, these.
pub(crate) fn first_line_of(file: impl Read, most: u64) -> std::io::Result<Secret> {
    // Room for all of it from the start, so that growing leaves no copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most as usize));
    file.take(most).read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    bytes.truncate(end);
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(bytes)
}

/// Asks the person at the terminal; nothing is echoed.
pub(crate) fn ask(prompt: &str) -> Result<Secret, Failed> {
    match rpassword::prompt_password(prompt) {
        Ok(passphrase) => Ok(Zeroizing::new(passphrase.into_bytes())),
        Err(error)
            if error.kind() == std::io::ErrorKind::Interrupted || error.kind() == std::io::ErrorKind::UnexpectedEof =>
        {
            Err(Failed::new(Kind::Cancelled, "cancelled", "cancelled: no passphrase was given"))
        }
        // Opening /dev/tty fails in many words where there is no terminal.
        Err(_) => {
            let what = prompt.trim_end_matches([':', ' ']);
            Err(Failed::usage("passphrase-needed", format!("there is no terminal to ask this at: {what}"))
                .hint("hand it in: --passphrase-file PATH, --passphrase-fd N, or JACKFIELD_PASSPHRASE_FILE=PATH"))
        }
    }
}
