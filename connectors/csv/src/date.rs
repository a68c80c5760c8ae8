//! Days and times, as tables write them.

use std::io::Write;

use crate::options::DateOrder;

/// A day and perhaps a time and a zone, all in range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moment {
    year: u16,
    month: u8,
    day: u8,
    second_of_day: u32,
    nanosecond: u32,
    /// How many digits of the second's fraction were written.
    precision: u8,
    /// Minutes east of UTC.
    zone: Option<i16>,
}

impl Moment {
    /// Reads a day: `2026-01-31`, or in another order; parted by `-`, `/` or `.`.
    pub(crate) fn date(text: &[u8], order: DateOrder) -> Option<Self> {
        let separator = *text.iter().find(|byte| !byte.is_ascii_digit())?;
        if !b"-/.".contains(&separator) {
            return None;
        }
        let mut parts = text.split(|&byte| byte == separator);
        let parts = [parts.next()?, parts.next()?, parts.next().filter(|_| parts.next().is_none())?];
        let [year, month, day] = match order {
            DateOrder::Ymd => parts,
            DateOrder::Dmy => [parts[2], parts[1], parts[0]],
            DateOrder::Mdy => [parts[2], parts[0], parts[1]],
        };
        let year = number(year, 4..=4)? as u16;
        let month = number(month, 1..=2)? as u8;
        let day = number(day, 1..=2)? as u8;
        ((1..=12).contains(&month) && day >= 1 && day <= days_in(year, month)).then_some(Self {
            year,
            month,
            day,
            second_of_day: 0,
            nanosecond: 0,
            precision: 0,
            zone: None,
        })
    }

    /// Reads a day, `T` or a space, and a time: `10:00`, `10:00:59.25`, with `Z`, `+01:00`, `+0100` or no zone. A day
    /// alone is its midnight.
    pub(crate) fn datetime(text: &[u8], order: DateOrder) -> Option<Self> {
        let Some(parted) = text.iter().position(|byte| matches!(byte, b'T' | b't' | b' ')) else {
            return Self::date(text, order);
        };
        let mut moment = Self::date(&text[..parted], order)?;
        let (time, zone) = split_zone(&text[parted + 1..])?;
        moment.zone = zone;
        let mut parts = time.split(|&byte| byte == b':');
        let hour = number(parts.next()?, 1..=2)?;
        let minute = number(parts.next()?, 2..=2)?;
        let second = match parts.next() {
            None => 0,
            Some(second) => {
                let (whole, fraction) = match second.iter().position(|&byte| byte == b'.' || byte == b',') {
                    Some(point) => (&second[..point], Some(&second[point + 1..])),
                    None => (second, None),
                };
                if let Some(fraction) = fraction {
                    moment.precision = fraction.len().min(9) as u8;
                    moment.nanosecond = number(fraction, 1..=9)? * 10_u32.pow(9 - u32::from(moment.precision));
                }
                number(whole, 2..=2)?
            }
        };
        if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        moment.second_of_day = hour * 3600 + minute * 60 + second;
        Some(moment)
    }

    /// Nanoseconds since 1970, to compare by. Without a zone it counts as UTC.
    pub(crate) fn instant(&self) -> i128 {
        // Howard Hinnant's days_from_civil.
        let (year, month) = (i64::from(self.year) - i64::from(self.month <= 2), i64::from(self.month));
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(self.day) - 1;
        let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
        let seconds = days * 86_400 + i64::from(self.second_of_day) - i64::from(self.zone.unwrap_or(0)) * 60;
        i128::from(seconds) * 1_000_000_000 + i128::from(self.nanosecond)
    }

    /// Appends `2026-01-31`.
    pub(crate) fn write_date(&self, out: &mut Vec<u8>) {
        // A Vec takes whatever is written.
        let _ = write!(out, "{:04}-{:02}-{:02}", self.year, self.month, self.day);
    }

    /// Appends `2026-01-31T10:00:00.25+01:00`, as much of it as was there.
    pub(crate) fn write_datetime(&self, out: &mut Vec<u8>) {
        self.write_date(out);
        let second = self.second_of_day;
        let _ = write!(out, "T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        if self.precision > 0 {
            let precision = usize::from(self.precision);
            let digits = self.nanosecond / 10_u32.pow(9 - u32::from(self.precision));
            let _ = write!(out, ".{digits:0precision$}");
        }
        match self.zone {
            None => {}
            Some(0) => out.push(b'Z'),
            Some(zone) => {
                let sign = if zone < 0 { '-' } else { '+' };
                let _ = write!(out, "{sign}{:02}:{:02}", zone.abs() / 60, zone.abs() % 60);
            }
        }
    }
}

/// The time, and minutes east of UTC if a zone follows it.
fn split_zone(text: &[u8]) -> Option<(&[u8], Option<i16>)> {
    if let [time @ .., b'Z' | b'z'] = text {
        return Some((time.trim_ascii_end(), Some(0)));
    }
    let Some(at) = text.iter().position(|byte| matches!(byte, b'+' | b'-')) else { return Some((text, None)) };
    let (hours, minutes) = match &text[at + 1..] {
        [hours @ .., b':', m1, m2] => (hours, [*m1, *m2]),
        [h1, h2, m1, m2] => (&[*h1, *h2][..], [*m1, *m2]),
        hours => (hours, *b"00"),
    };
    let (hours, minutes) = (number(hours, 2..=2)? as i16, number(&minutes, 2..=2)? as i16);
    let zone = hours * 60 + minutes;
    let zone = if text[at] == b'-' { -zone } else { zone };
    (hours <= 23 && minutes <= 59).then_some((text[..at].trim_ascii_end(), Some(zone)))
}

fn number(digits: &[u8], lengths: std::ops::RangeInclusive<usize>) -> Option<u32> {
    if !lengths.contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(order: DateOrder, text: &str, expect: Option<&str>) {
        let written = Moment::datetime(text.as_bytes(), order).map(|moment| {
            let mut out = Vec::new();
            moment.write_datetime(&mut out);
            String::from_utf8(out).unwrap()
        });
        assert_eq!(written.as_deref(), expect, "{text}");
    }

    #[test]
    fn moments() {
        check(DateOrder::Ymd, "2026-01-31T10:00:59Z", Some("2026-01-31T10:00:59Z"));
        check(DateOrder::Ymd, "2026-01-31 10:00", Some("2026-01-31T10:00:00"));
        check(DateOrder::Ymd, "2026-01-31 9:00:00.050 +0130", Some("2026-01-31T09:00:00.050+01:30"));
        check(DateOrder::Ymd, "2026-01-31T10:00:00-08", Some("2026-01-31T10:00:00-08:00"));
        check(DateOrder::Ymd, "2024-02-29", Some("2024-02-29T00:00:00"));
        check(DateOrder::Ymd, "2023-02-29", None);
        check(DateOrder::Ymd, "1900-02-29", None);
        check(DateOrder::Ymd, "31/01/2026", None);
        check(DateOrder::Dmy, "31/1/2026 23:59", Some("2026-01-31T23:59:00"));
        check(DateOrder::Dmy, "31.01.2026", Some("2026-01-31T00:00:00"));
        check(DateOrder::Mdy, "31/01/2026", None);
        check(DateOrder::Mdy, "01/31/2026", Some("2026-01-31T00:00:00"));
        for bad in [
            "",
            "2026",
            "2026-01",
            "2026-01-31-1",
            "2026-01/31",
            "2026-01-31T24:00",
            "2026-01-31T10",
            "x",
            "2026-1-1T1:1",
        ] {
            check(DateOrder::Ymd, bad, None);
        }
    }

    #[test]
    fn instants() {
        let instant =
            |text: &str| Moment::datetime(text.as_bytes(), DateOrder::Ymd).map(|m| m.instant() / 1_000_000_000);
        assert_eq!(instant("1970-01-01"), Some(0));
        assert_eq!(instant("2000-03-01T00:00:00Z"), Some(951_868_800));
        assert_eq!(instant("2026-01-31T11:00:00+01:00"), instant("2026-01-31T10:00:00Z"));
        assert_eq!(instant("1969-12-31T23:59:59Z"), Some(-1));
    }
}
