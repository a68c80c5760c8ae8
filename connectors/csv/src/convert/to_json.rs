//! CSV to JSON lines.

use std::io::{self, Read, Write};

use crate::{
    convert::{CHUNK_BYTES, Counts, one_character, refuse, rejects::Rejects},
    encoding::Decoder,
    json,
    options::{Kind, Ragged, ReadOptions},
    plan::{Plan, unique_names},
    rows::{Dialect, Found, Row, RowReader},
    sniff,
};

/// Converts CSV to JSON lines: one object a row to `output`, and `{"line", "reason", "raw"}` to `rejects` for each row
/// that can't be converted.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] if the options don't go together or not with the file; else what reading or writing
/// says.
pub fn to_json_lines(
    input: impl Read,
    mut output: impl Write,
    rejects: impl Write,
    options: &ReadOptions,
) -> io::Result<Counts> {
    let mut rows = RowReader::new(Decoder::new(input, options.encoding)?);
    settle_dialect(&mut rows, options)?;
    let mut rejects = Rejects::new(rejects);
    let mut counts = Counts::default();
    let mut converter = None;
    let mut buffer = Vec::with_capacity(2 * CHUNK_BYTES);
    if options.header {
        let names = header(&mut rows)?;
        converter = Some(Converter::new(options, &names)?);
    }
    loop {
        let row = match rows.next()? {
            Found::End => break,
            Found::Bad(bad) => {
                counts.rows_in += 1;
                counts.rows_bad += 1;
                rejects.add(bad.line, bad.reason, bad.raw)?;
                continue;
            }
            Found::Row(row) => row,
        };
        let converter = match &mut converter {
            Some(converter) => converter,
            None => {
                let names = unique_names((0..row.len()).map(|_| String::new()));
                converter.insert(Converter::new(options, &names)?)
            }
        };
        counts.rows_in += 1;
        let start = buffer.len();
        match converter.convert(&row, &mut buffer) {
            Ok(true) => counts.rows_out += 1,
            Ok(false) => counts.rows_filtered += 1,
            Err(reason) => {
                buffer.truncate(start);
                counts.rows_bad += 1;
                rejects.add(row.line, &reason, row.raw)?;
            }
        }
        if buffer.len() >= CHUNK_BYTES {
            output.write_all(&buffer)?;
            buffer.clear();
        }
    }
    output.write_all(&buffer)?;
    rejects.flush()?;
    counts.lines_skipped = rows.skipped();
    Ok(counts)
}

fn settle_dialect<R: Read>(rows: &mut RowReader<R>, options: &ReadOptions) -> io::Result<()> {
    let quote = match options.quote.as_str() {
        "" => None,
        quote => Some(one_character("quote", quote)?),
    };
    let comment = options.comment.as_deref().map(|comment| one_character("comment", comment)).transpose()?;
    rows.skip_lines(options.skip_lines)?;
    let hint = sniff::excel_hint(rows.peek()?);
    if hint.is_some() {
        rows.skip_lines(1)?;
    }
    let delimiter = match options.delimiter.as_str() {
        "auto" => match hint {
            Some(delimiter) => delimiter,
            None => sniff::delimiter(rows.peek()?, quote, comment),
        },
        "tab" => b'\t',
        delimiter => one_character("delimiter", delimiter)?,
    };
    if quote == Some(delimiter) || comment == Some(delimiter) || (comment.is_some() && comment == quote) {
        return Err(refuse("delimiter, quote and comment must be different characters"));
    }
    rows.set_dialect(Dialect { delimiter, quote, comment, trim: options.trim });
    Ok(())
}

/// The names of the columns; none if the file is empty.
fn header<R: Read>(rows: &mut RowReader<R>) -> io::Result<Vec<String>> {
    match rows.next()? {
        Found::End => Ok(Vec::new()),
        Found::Bad(bad) => Err(refuse(format!("line {}: the header can't be read: {}", bad.line, bad.reason))),
        Found::Row(row) => {
            let mut scratch = Vec::new();
            let mut names = Vec::with_capacity(row.len());
            for index in 0..row.len() {
                let name = String::from_utf8(row.value(index, &mut scratch).to_vec()).map_err(|_| {
                    refuse(format!("line {}: the header is not in the file's encoding: set `encoding`", row.line))
                })?;
                names.push(name);
            }
            Ok(unique_names(names))
        }
    }
}

/// Makes a line of a row.
struct Converter {
    plan: Plan,
    scratch: Vec<u8>,
}

impl Converter {
    fn new(options: &ReadOptions, names: &[String]) -> io::Result<Self> {
        // An empty file has no columns to miss.
        let empty = ReadOptions::default();
        let options = if names.is_empty() { &empty } else { options };
        Ok(Self { plan: Plan::new(options, names).map_err(refuse)?, scratch: Vec::new() })
    }

    /// Appends the row's line. False: a filter is not met. What it appended before an error is to be taken away.
    fn convert(&mut self, row: &Row<'_>, out: &mut Vec<u8>) -> Result<bool, String> {
        let Self { plan, scratch } = self;
        if std::str::from_utf8(row.raw).is_err() {
            return Err("the row is not in the file's encoding: set `encoding`?".to_owned());
        }
        if row.len() != plan.width && plan.ragged == Ragged::Reject {
            return Err(format!("{} fields where the header has {}", row.len(), plan.width));
        }
        for condition in &plan.conditions {
            let text = row.value(condition.index, scratch);
            let null = text.is_empty() || plan.is_null(text, Kind::String);
            match condition.is_met(text, null) {
                Some(true) => {}
                Some(false) => return Ok(false),
                None => return Err(wrong(&condition.name, text, condition.expected())),
            }
        }
        out.push(b'{');
        let mut first = true;
        for column in &plan.columns {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(&column.key);
            let text = row.value(column.index, scratch);
            if column.index >= row.len() || plan.is_null(text, column.typed.kind) {
                out.extend_from_slice(b"null");
            } else if !column.typed.write(text, out) {
                return Err(wrong(&column.name, text, expected(column.typed.kind)));
            }
        }
        if row.len() > plan.width {
            if !first {
                out.push(b',');
            }
            write_extra(row, plan.width, scratch, out);
        }
        out.extend_from_slice(b"}\n");
        Ok(true)
    }
}

/// `"_extra":["x"]`: the fields too many.
fn write_extra(row: &Row<'_>, width: usize, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"_extra\":[");
    for index in width..row.len() {
        if index > width {
            out.push(b',');
        }
        json::write_string(out, row.value(index, scratch));
    }
    out.push(b']');
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "a text",
        Kind::Integer => "a whole number of 64 bits",
        Kind::Number => "a number",
        Kind::Boolean => "a boolean",
        Kind::Date => "a date in the column's order",
        Kind::Datetime => "a date and time in the column's order",
    }
}

fn wrong(column: &str, text: &[u8], expected: &str) -> String {
    let shown: String = String::from_utf8_lossy(text).chars().take(80).collect();
    format!("column `{column}`: `{shown}` is not {expected}")
}
