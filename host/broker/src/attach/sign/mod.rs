//! Signing requests: the secret stays here, and what goes out is good for one request.

mod hmac;
mod sigv4;
#[cfg(test)]
mod tests;

pub(super) use hmac::Hmac;
pub(super) use sigv4::Sigv4;

use zeroize::Zeroizing;

/// The two halves of `id:secret`.
fn halves(secret: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = secret.iter().position(|byte| *byte == b':')?;
    Some((&secret[..colon], &secret[colon + 1..]))
}

/// A signature, as it must not come back.
type Signed = Zeroizing<Vec<u8>>;
