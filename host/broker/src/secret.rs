//! A plaintext secret. Outside this crate it can be made and handed in, never looked into.

use jackfield_package::Refusal;
use zeroize::Zeroizing;

use crate::limits::SECRET_BYTES;

/// Zeroed when dropped. No Debug, Display, Serialize or comparison, so that none slips into a log, an answer or a test's
/// output by accident.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes these bytes over.
    ///
    /// # Errors
    /// `secret-malformed` if there are none, or more than [`SECRET_BYTES`].
    pub fn new(bytes: impl Into<Zeroizing<Vec<u8>>>) -> Result<Self, Refusal> {
        let bytes = bytes.into();
        match bytes.len() {
            0 => Err(Refusal::new("secret-malformed", "the secret is empty")),
            1..=SECRET_BYTES => Ok(Self(bytes)),
            length => {
                let message = format!("the secret has {length} bytes: at most {SECRET_BYTES}");
                Err(Refusal::new("secret-malformed", message))
            }
        }
    }

    /// The bytes. Whoever copies them zeroes the copy.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, if they are; tokens are.
    pub(crate) fn expose_str(&self) -> Result<&str, Refusal> {
        std::str::from_utf8(&self.0).map_err(|_| Refusal::new("secret-malformed", "the secret is not text"))
    }

    /// The same secret once more.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(self.0.clone())
    }
}
