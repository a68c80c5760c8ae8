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

/// Before every [`uuid_v7`] of that time and after all of an earlier one.
pub fn uuid_v7_floor(at: Micros) -> String {
    let millis = u64::try_from(at / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
    use super::*;

    #[test]
    fn a_floor_parts_two_milliseconds() {
        let at = 1_800_000_000_000_000;
        let (before, now) = (uuid_v7(at - 1_000).unwrap(), uuid_v7(at).unwrap());
        let floor = uuid_v7_floor(at);
        assert!(before < floor && floor <= now, "{before} {floor} {now}");
    }
}
