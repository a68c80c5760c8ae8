//! A secret in a file that holds it and nothing else.

use std::path::Path;

use jackfield_package::Refusal;

use crate::{
    Secret,
    limits::{SECRET_BYTES, SECRET_BYTES_LEAST},
    private_file,
};

/// Reads it: one line of visible ASCII characters.
pub(super) fn load(path: &Path) -> Result<Secret, Refusal> {
    let shown = path.display();
    let refuse = |reason: String| Err(Refusal::new("secret-malformed", format!("`{shown}` {reason}")));
    let mut bytes = private_file::read(path, SECRET_BYTES + 2)?;
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    if bytes.len() > SECRET_BYTES {
        return refuse(format!("holds more than {SECRET_BYTES} bytes"));
    }
    if bytes.len() < SECRET_BYTES_LEAST {
        return refuse(format!(
            "holds fewer than {SECRET_BYTES_LEAST} characters, too few to tell it from ordinary text"
        ));
    }
    if !bytes.iter().all(u8::is_ascii_graphic) {
        return refuse("holds more than one line of visible ASCII characters".into());
    }
    Secret::new(bytes)
}
