//! What nobody may guess.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_package::Refusal;

/// 256 random bits in 43 characters that may stand in a URL, a cookie or a form.
pub(crate) fn token() -> Result<String, Refusal> {
    let mut bytes = [0; 32];
    crate::error::random(&mut bytes).map_err(|error| Refusal::new("randomness-missing", error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
