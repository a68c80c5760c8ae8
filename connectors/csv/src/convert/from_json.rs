//! JSON lines to CSV.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Read, Write},
};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{
    convert::{CHUNK_BYTES, Counts, one_character, refuse, rejects::Rejects},
    encoding::Decoder,
    options::{Encoding, LineEnding, WriteOptions, WrittenColumn},
    rows::{Dialect, Found, RowReader},
};

/// Converts JSON lines to CSV: one row an object to `output`, and `{"line", "reason", "raw"}` to `rejects` for each line
/// that can't be converted. Text stands as it is, arrays and objects as JSON.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] if the options don't go together; else what reading or writing says.
pub fn from_json_lines(
    input: impl Read,
    mut output: impl Write,
    rejects: impl Write,
    options: &WriteOptions,
) -> io::Result<Counts> {
    let delimiter = match options.delimiter.as_str() {
        "tab" => b'\t',
        delimiter => one_character("delimiter", delimiter)?,
    };
    if delimiter == b'"' {
        return Err(refuse("delimiter: a quote can't part fields"));
    }
    let mut lines = RowReader::new(Decoder::new(input, Encoding::UTF_8)?);
    // A line feed never stands within a line of JSON, so a line is a row of one field, whatever is in it.
    lines.set_dialect(Dialect { delimiter: b'\n', quote: None, comment: None, trim: false });
    let mut rejects = Rejects::new(rejects);
    let mut counts = Counts::default();
    let mut table = Table::new(options, delimiter);
    let mut buffer = Vec::with_capacity(2 * CHUNK_BYTES);
    if options.byte_order_mark {
        buffer.extend_from_slice("\u{feff}".as_bytes());
    }
    table.begin(options.columns.as_deref(), &mut buffer);
    loop {
        let (line, raw) = match lines.next()? {
            Found::End => break,
            Found::Row(row) => (row.line, row.raw),
            Found::Bad(bad) => {
                counts.rows_in += 1;
                counts.rows_bad += 1;
                rejects.add(bad.line, bad.reason, bad.raw)?;
                continue;
            }
        };
        counts.rows_in += 1;
        match table.add(raw, &mut buffer) {
            Ok(()) => counts.rows_out += 1,
            Err(reason) => {
                counts.rows_bad += 1;
                rejects.add(line, &reason, raw)?;
            }
        }
        if buffer.len() >= CHUNK_BYTES {
            output.write_all(&buffer)?;
            buffer.clear();
        }
    }
    output.write_all(&buffer)?;
    rejects.flush()?;
    counts.lines_skipped = lines.skipped();
    Ok(counts)
}

/// The table as it grows: its columns, once they are known, and how its rows are written.
struct Table<'o> {
    options: &'o WriteOptions,
    delimiter: u8,
    columns: Option<Vec<String>>,
    /// Whether a key without a column is dropped because the caller chose the columns.
    chosen: bool,
    /// Which bytes need quotes around their field.
    special: [bool; 256],
}

impl<'o> Table<'o> {
    fn new(options: &'o WriteOptions, delimiter: u8) -> Self {
        let mut special = [false; 256];
        for byte in [delimiter, b'"', b'\n', b'\r'] {
            special[usize::from(byte)] = true;
        }
        Self { options, delimiter, columns: None, chosen: false, special }
    }

    /// Takes the columns that the caller chose, if any.
    fn begin(&mut self, columns: Option<&[WrittenColumn]>, out: &mut Vec<u8>) {
        let Some(columns) = columns else { return };
        self.chosen = true;
        self.write_header(columns.iter().map(|column| column.rename.as_deref().unwrap_or(&column.name)), out);
        self.columns = Some(columns.iter().map(|column| column.name.clone()).collect());
    }

    /// Appends the row of a line of JSON, or nothing.
    fn add(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let line = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_owned())?;
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None => {
                let columns = keys(line)?;
                self.write_header(columns.iter().map(String::as_str), out);
                columns
            }
        };
        let written = self.write_row(line, &columns, out);
        self.columns = Some(columns);
        written
    }

    fn write_row(&self, line: &str, columns: &[String], out: &mut Vec<u8>) -> Result<(), String> {
        let slots = Slots { columns, ignore_others: self.chosen };
        let values = parse(line, slots)?;
        let start = out.len();
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                out.push(self.delimiter);
            }
            match value.map_or("null", RawValue::get) {
                "null" => self.write_field(&self.options.null, out),
                json if json.starts_with('"') => {
                    let text: Cow<'_, str> = unescape(json)?;
                    self.write_field(&text, out);
                }
                json => self.write_field(json, out),
            }
        }
        if out.len() == start {
            // A row of one empty field would be a blank line, which readers pass over.
            out.extend_from_slice(b"\"\"");
        }
        self.end_line(out);
        Ok(())
    }

    fn write_header<'n>(&self, names: impl Iterator<Item = &'n str>, out: &mut Vec<u8>) {
        if !self.options.header {
            return;
        }
        let start = out.len();
        for (index, name) in names.enumerate() {
            if index > 0 {
                out.push(self.delimiter);
            }
            self.write_field(name, out);
        }
        if out.len() == start {
            out.extend_from_slice(b"\"\"");
        }
        self.end_line(out);
    }

    fn write_field(&self, text: &str, out: &mut Vec<u8>) {
        let bytes = text.as_bytes();
        let blank_edge =
            bytes.first().is_some_and(|&first| first == b' ') || bytes.last().is_some_and(|&last| last == b' ');
        if !blank_edge && !bytes.iter().any(|&byte| self.special[usize::from(byte)]) {
            out.extend_from_slice(bytes);
            return;
        }
        out.push(b'"');
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'"', rest) {
            out.extend_from_slice(&rest[..=at]);
            out.push(b'"');
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
        out.push(b'"');
    }

    fn end_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.options.line_ending {
            LineEnding::Lf => b"\n",
            LineEnding::Crlf => b"\r\n",
        });
    }
}

/// A JSON string without escapes is lent; with escapes it is made.
fn unescape(json: &str) -> Result<Cow<'_, str>, String> {
    if memchr::memchr(b'\\', json.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(&json[1..json.len() - 1]));
    }
    serde_json::from_str(json).map(Cow::Owned).map_err(|error| error.to_string())
}

fn keys(line: &str) -> Result<Vec<String>, String> {
    parse(line, Keys)
}

fn parse<'de, S: DeserializeSeed<'de>>(line: &'de str, seed: S) -> Result<S::Value, String> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let value = seed.deserialize(&mut deserializer).map_err(|error| explain(&error))?;
    deserializer.end().map_err(|error| explain(&error))?;
    Ok(value)
}

/// The reason without the line, which is always 1 here and means another.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line 1 column ") {
        Some((reason, column)) => format!("{reason} at character {column}"),
        None => text,
    }
}

/// Reads the keys of an object, in order.
struct Keys;

impl<'de> DeserializeSeed<'de> for Keys {
    type Value = Vec<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some((key, _)) = map.next_entry::<String, &RawValue>()? {
            keys.push(key);
        }
        Ok(keys)
    }
}

/// Reads the values of an object into the columns' order.
struct Slots<'c> {
    columns: &'c [String],
    ignore_others: bool,
}

impl<'de> DeserializeSeed<'de> for Slots<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Slots<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = vec![None; self.columns.len()];
        // Keys usually come in the columns' order: the next is looked for where it would be first.
        let mut expected = 0;
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            let index = match self.columns.get(expected) {
                Some(column) if *column == key => Some(expected),
                _ => self.columns.iter().position(|column| *column == key),
            };
            let value: &RawValue = map.next_value()?;
            match index {
                Some(index) => {
                    values[index] = Some(value);
                    expected = index + 1;
                }
                None if self.ignore_others => {}
                None => {
                    let message = format!("key `{key}` has no column: the first row has no such key (name `columns`?)");
                    return Err(serde::de::Error::custom(message));
                }
            }
        }
        Ok(values)
    }
}

/// A key that is lent where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
