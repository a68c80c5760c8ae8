//! JSON (RFC 8259) without its ambiguities: what two parsers could read differently is refused.
//!
//! Refused: duplicate keys at any depth, more than [`JSON_DEPTH`] levels, a byte order mark, anything after the value,
//! bytes that are not UTF-8 and, where asked, numbers that are not integers.

use std::{cell::RefCell, fmt};

use serde::{
    Deserializer, Serialize,
    de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

use crate::{Refusal, limits::JSON_DEPTH, refusal::shown};

/// What to do with numbers that are not integers of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floats {
    /// Take them: schemas and examples may need them.
    Allowed,
    /// Refuse them: in what is signed, two readers must see the same number.
    Refused,
}

/// Reads one JSON value; floats are allowed.
///
/// # Errors
/// `json-bom`, `json-not-utf8`, `json-duplicate-key`, `json-too-deep`, `json-trailing`, `json-malformed`.
pub fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    parse_with(bytes, Floats::Allowed)
}

/// Reads one JSON value.
///
/// # Errors
/// Those of [`parse`], and `json-float` where floats are refused.
pub fn parse_with(bytes: &[u8], floats: Floats) -> Result<Value, Refusal> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(
            Refusal::new("json-bom", "the JSON begins with a byte order mark").hint("save it as UTF-8 without BOM")
        );
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Refusal::new("json-not-utf8", format!("byte {} of the JSON is not UTF-8", error.valid_up_to()))
    })?;
    let state = State { floats, refusal: RefCell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { state: &state, depth: 0 }.deserialize(&mut deserializer).map_err(|error| {
        // The visitor's own refusal carries the code; serde's error wraps it with the position.
        match state.refusal.take() {
            Some(refusal) => Refusal { message: error.to_string(), ..refusal },
            None => Refusal::new("json-malformed", format!("not JSON: {error}")),
        }
    })?;
    deserializer
        .end()
        .map_err(|error| Refusal::new("json-trailing", format!("something follows the JSON value: {error}")))?;
    Ok(value)
}

/// Reads one JSON value of a known shape.
///
/// # Errors
/// Those of [`parse_with`]; `code` when the JSON is well-formed and of another shape, with the JSON path to the place.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8], floats: Floats, code: &'static str) -> Result<T, Refusal> {
    from_value(parse_with(bytes, floats)?, code)
}

/// Gives a parsed value its shape.
///
/// # Errors
/// `code`, with the JSON path to the place.
pub fn from_value<T: DeserializeOwned>(value: Value, code: &'static str) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { "at the top".to_owned() } else { format!("at `{}`", path.escape_debug()) };
        Refusal::new(code, format!("{place}: {}", shown(&error.inner().to_string())))
    })
}

/// The one text of a value: keys sorted, no white space, whatever order the fields were declared in.
///
/// # Panics
/// Where a type can't be JSON at all (a map whose keys are no strings), which is a fault of that type's author; the
/// types of this crate always can.
pub fn to_canonical_string<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(mut value) => {
            value.sort_all_objects();
            value.to_string()
        }
        Err(error) => unreachable!("a type that is not JSON: {error}"),
    }
}

struct State {
    floats: Floats,
    refusal: RefCell<Option<Refusal>>,
}

impl State {
    fn refuse<E: serde::de::Error>(&self, code: &'static str, message: String) -> E {
        self.refusal.replace(Some(Refusal::new(code, message.clone())));
        E::custom(message)
    }
}

#[derive(Clone, Copy)]
struct Strict<'s> {
    state: &'s State,
    depth: usize,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == JSON_DEPTH {
            return Err(self.state.refuse("json-too-deep", format!("nested deeper than {JSON_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        if self.state.floats == Floats::Refused {
            return Err(self.state.refuse("json-float", format!("{value} is not an integer of 64 bits")));
        }
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| self.state.refuse("json-malformed", format!("{value} is no JSON number")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = access.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                let key = key.chars().take(80).collect::<String>();
                return Err(self
                    .state
                    .refuse("json-duplicate-key", format!("the key `{}` stands twice", key.escape_debug())));
            }
            let value = access.next_value_seed(inner)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &[u8], floats: Floats) -> &'static str {
        match parse_with(text, floats) {
            Ok(_) => "ok",
            Err(refusal) => refusal.code,
        }
    }

    #[test]
    fn each_ambiguity_is_refused_by_name() {
        let deep_good = format!("{}{}", "[".repeat(32), "]".repeat(32));
        let deep_bad = format!("{}{}", "[".repeat(33), "]".repeat(33));
        let bomb = "[".repeat(1_000_000);
        let rows: &[(&str, &[u8])] = &[
            ("ok", br#"{"a":[1,-1,true,null,"x"]}"#),
            ("ok", b" {} \n"),
            ("ok", deep_good.as_bytes()),
            ("json-too-deep", deep_bad.as_bytes()),
            ("json-too-deep", bomb.as_bytes()),
            ("json-duplicate-key", br#"{"a":1,"a":1}"#),
            ("json-duplicate-key", br#"{"a":1,"\u0061":1}"#),
            ("json-duplicate-key", br#"[{"b":{"a":1,"a":1}}]"#),
            ("json-bom", b"\xef\xbb\xbf{}"),
            ("json-trailing", b"{} {}"),
            ("json-trailing", b"{}\0"),
            ("json-not-utf8", b"{\"a\":\"\xff\"}"),
            ("json-malformed", b"{\"a\":\"\\ud800\"}"),
            ("json-malformed", b"{'a':1}"),
            ("json-malformed", b"{\"a\":1,}"),
            ("json-malformed", b"{\"a\":NaN}"),
            ("json-malformed", b"{\"a\":01}"),
            ("json-malformed", b""),
            ("json-float", b"1.0"),
            ("json-float", b"1e3"),
            ("json-float", b"18446744073709551616"),
        ];
        for (expected, bytes) in rows {
            assert_eq!(
                code(bytes, Floats::Refused),
                *expected,
                "{:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(60)])
            );
        }
        assert_eq!(code(b"1.5", Floats::Allowed), "ok");
    }

    #[test]
    fn a_wrong_shape_names_its_place() {
        let refusal =
            from_slice::<crate::Manifest>(br#"{"name":"a:b","version":1}"#, Floats::Allowed, "manifest-invalid")
                .expect_err("the version is no string");
        assert_eq!(refusal.code, "manifest-invalid");
        assert!(refusal.message.contains("`version`"), "{}", refusal.message);
    }
}
