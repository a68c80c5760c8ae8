//! What a column's type makes of a field.

use crate::{
    date::Moment,
    json,
    options::{Column, DateOrder, Kind},
};

/// How a column's fields are read.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) kind: Kind,
    date_order: DateOrder,
    decimal: u8,
    group: Option<u8>,
}

impl Typed {
    /// The column's type; a mark that is no ASCII character is refused with words for a person.
    pub(crate) fn new(column: &Column) -> Result<Self, String> {
        let ascii = |mark: char| {
            u8::try_from(mark)
                .ok()
                .filter(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric())
                .ok_or_else(|| format!("column `{}`: `{mark}` is no decimal or group mark", column.name))
        };
        let (decimal, group) = (ascii(column.decimal)?, column.group.map(ascii).transpose()?);
        if group == Some(decimal) {
            return Err(format!("column `{}`: decimal and group mark are the same", column.name));
        }
        Ok(Self { kind: column.kind, date_order: column.date_order, decimal, group })
    }

    /// Appends the JSON of a field that is not null. False: the field is not of this type; `out` is as it was.
    pub(crate) fn write(&self, text: &[u8], out: &mut Vec<u8>) -> bool {
        let length = out.len();
        match self.kind {
            Kind::String => json::write_string(out, text),
            Kind::Integer | Kind::Number => {
                let written = self.write_number(text.trim_ascii(), out);
                if !written {
                    out.truncate(length);
                }
                return written;
            }
            Kind::Boolean => match boolean(text) {
                Some(true) => out.extend_from_slice(b"true"),
                Some(false) => out.extend_from_slice(b"false"),
                None => return false,
            },
            Kind::Date | Kind::Datetime => {
                let Some(moment) = self.moment(text) else { return false };
                out.push(b'"');
                if self.kind == Kind::Date {
                    moment.write_date(out)
                } else {
                    moment.write_datetime(out)
                }
                out.push(b'"');
            }
        }
        true
    }

    /// The field as a number to compare by.
    pub(crate) fn number(&self, text: &[u8]) -> Option<f64> {
        let mut digits = Vec::with_capacity(text.len());
        let as_number = Self { kind: Kind::Number, ..self.clone() };
        as_number.write_number(text.trim_ascii(), &mut digits).then_some(())?;
        std::str::from_utf8(&digits).ok()?.parse().ok()
    }

    /// The field as a day or a time.
    pub(crate) fn moment(&self, text: &[u8]) -> Option<Moment> {
        let text = text.trim_ascii();
        if self.kind == Kind::Date {
            Moment::date(text, self.date_order)
        } else {
            Moment::datetime(text, self.date_order)
        }
    }

    /// Appends a JSON number, digit for digit: without a plus, leading zeros, or group marks.
    fn write_number(&self, mut text: &[u8], out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let negative = text.first() == Some(&b'-');
        if let [b'-' | b'+', rest @ ..] = text {
            text = rest;
        }
        if negative {
            out.push(b'-');
        }
        let digits_from = out.len();
        let (mut digits, mut at) = (0, 0);
        while let Some(&byte) = text.get(at) {
            match byte {
                b'0'..=b'9' => {
                    // A leading zero is dropped, but not the only digit.
                    if out.len() == digits_from + 1 && out[digits_from] == b'0' {
                        out.pop();
                    }
                    out.push(byte);
                    digits += 1;
                }
                _ if Some(byte) == self.group && digits > 0 => {}
                _ => break,
            }
            at += 1;
        }
        if self.kind == Kind::Integer {
            return at == text.len() && digits > 0 && fits_64_bits(&out[start..]);
        }
        if digits == 0 {
            out.push(b'0');
        }
        if text.get(at) == Some(&self.decimal) {
            let fraction = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if fraction > 0 {
                out.push(b'.');
                out.extend_from_slice(&text[at + 1..at + 1 + fraction]);
            }
            digits += fraction;
            at += 1 + fraction;
        }
        if let Some(b'e' | b'E') = text.get(at) {
            let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
            let exponent = &text[at + 1 + sign..];
            if exponent.is_empty() || exponent.len() > 4 || !exponent.iter().all(u8::is_ascii_digit) {
                return false;
            }
            out.extend_from_slice(&text[at..]);
            at = text.len();
        }
        digits > 0 && at == text.len()
    }
}

fn fits_64_bits(digits: &[u8]) -> bool {
    digits.len() < 19 || std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<i64>().is_ok())
}

/// The words for true and false.
pub(crate) fn boolean(text: &[u8]) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.trim_ascii().eq_ignore_ascii_case(word.as_bytes()));
    if is(&["true", "t", "yes", "y", "on", "1"]) {
        Some(true)
    } else if is(&["false", "f", "no", "n", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, marks: (char, Option<char>), text: &str, expect: Option<&str>) {
        let column = Column { kind, decimal: marks.0, group: marks.1, ..Column::text("x") };
        let mut out = b"[".to_vec();
        let written = Typed::new(&column).unwrap().write(text.as_bytes(), &mut out);
        assert_eq!(written.then(|| std::str::from_utf8(&out[1..]).unwrap()), expect, "{text}");
        if !written {
            assert_eq!(out, b"[");
        }
    }

    #[test]
    fn integers() {
        for (text, expect) in [
            ("0", Some("0")),
            ("007", Some("7")),
            ("-0", Some("-0")),
            ("+12", Some("12")),
            (" 12 ", Some("12")),
            ("9223372036854775807", Some("9223372036854775807")),
            ("-9223372036854775808", Some("-9223372036854775808")),
            ("9223372036854775808", None),
            ("1.0", None),
            ("1,000", None),
            ("1e3", None),
            ("12x", None),
            ("-", None),
            ("", None),
        ] {
            check(Kind::Integer, ('.', None), text, expect);
        }
        check(Kind::Integer, ('.', Some(',')), "1,234,567", Some("1234567"));
        check(Kind::Integer, ('.', Some(',')), ",1", None);
    }

    #[test]
    fn numbers() {
        for (text, expect) in [
            ("1.50", Some("1.50")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("-00.5", Some("-0.5")),
            ("1e5", Some("1e5")),
            ("1E-5", Some("1E-5")),
            ("123456789012345678901234567890", Some("123456789012345678901234567890")),
            (".", None),
            ("1e", None),
            ("1.2.3", None),
            ("NaN", None),
            ("inf", None),
            ("0x10", None),
            ("$5", None),
        ] {
            check(Kind::Number, ('.', None), text, expect);
        }
        check(Kind::Number, (',', Some('.')), "1.234,5", Some("1234.5"));
        check(Kind::Number, (',', None), "1.5", None);
    }

    #[test]
    fn booleans_and_dates() {
        check(Kind::Boolean, ('.', None), "Yes", Some("true"));
        check(Kind::Boolean, ('.', None), "0", Some("false"));
        check(Kind::Boolean, ('.', None), "2", None);
        check(Kind::Date, ('.', None), "2026/1/31", Some("\"2026-01-31\""));
        check(Kind::Date, ('.', None), "2026-01-31T10:00", None);
        check(Kind::Datetime, ('.', None), "2026-01-31 10:00", Some("\"2026-01-31T10:00:00\""));
    }
}
