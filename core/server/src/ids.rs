//! Randomness, and ids of rows.

use crate::{Problem, clock::Micros};

/// N random bytes of the system.
///
/// # Errors
/// 500 if the system has none.
pub fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Problem::internal(&error))?;
    Ok(bytes)
}

/// A UUIDv7 (RFC 9562) of that time: ids of rows that sort as they came.
///
/// # Errors
/// Those of [`random`].
pub fn uuid_v7(now: Micros) -> Result<String, Problem> {
    let millis = u64::try_from(now / 1000).unwrap_or(0);
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random()?).into_uuid().to_string())
}
