//! CSV, TSV and their kin to JSON lines and back, as streams: memory stays small however large the file is.
//!
//! The path of a row: [`encoding`] makes UTF-8 of the bytes → [`rows`] finds rows and fields → [`plan`] says what
//! becomes of each column → [`convert`] writes the JSON line. A row that can't be converted goes to the rejects, with
//! its line number and the reason; nothing is dropped in silence.
//!
//! Everything but the two operations below is plain Rust over `Read` and `Write`.

pub mod convert;
mod date;
mod encoding;
mod filter;
mod json;
pub mod options;
mod plan;
mod rows;
mod sniff;
mod value;

use std::io::{self, Write};

use jackfield_sdk::{FileWriter, prelude::*};

use convert::Counts;
use options::{FromJsonLines, ToJsonLines};

/// What became of the rows, and the files that hold them.
#[derive(Serialize, JsonSchema)]
struct Converted {
    #[serde(flatten)]
    counts: Counts,
    /// The converted rows.
    output: FileRef,
    /// The rows that could not be converted, as JSON lines of `line`, `reason` and `raw`; null if there are none.
    rejects: Option<FileRef>,
}

/// Converts CSV, TSV or the like to JSON lines, one object a row, with typed, renamed, selected and filtered columns.
/// Rows that can't be converted go to a second file with the reason.
#[operation(effect = "read", idempotent, title = "CSV to JSON lines")]
fn to_json_lines(input: ToJsonLines, context: &Context) -> Result<Converted> {
    let reader = context.open(&input.file)?;
    let mut output = context.create("rows.jsonl", "application/jsonl")?;
    let mut rejects = Rejects { context, file: None };
    let counts = convert::to_json_lines(reader, &mut output, &mut rejects, &input.options).map_err(explain)?;
    converted(counts, output, rejects)
}

/// Converts JSON lines, one object a row, to CSV or the like. Rows that can't be converted go to a second file with the
/// reason.
#[operation(effect = "read", idempotent, title = "JSON lines to CSV")]
fn from_json_lines(input: FromJsonLines, context: &Context) -> Result<Converted> {
    let reader = context.open(&input.file)?;
    let mut output = context.create("rows.csv", "text/csv")?;
    let mut rejects = Rejects { context, file: None };
    let counts = convert::from_json_lines(reader, &mut output, &mut rejects, &input.options).map_err(explain)?;
    converted(counts, output, rejects)
}

connector!(to_json_lines, from_json_lines);

/// The file of rejects, made when the first one comes.
struct Rejects<'a> {
    context: &'a Context,
    file: Option<FileWriter>,
}

impl Write for Rejects<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.file.is_none() {
            self.file = Some(self.context.create("rejects.jsonl", "application/jsonl")?);
        }
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

fn converted(counts: Counts, output: FileWriter, rejects: Rejects<'_>) -> Result<Converted> {
    let output = output.finish()?;
    let rejects = rejects.file.map(FileWriter::finish).transpose()?;
    Ok(Converted { counts, output, rejects })
}

/// The converter says `InvalidInput` where options and file don't go together: the caller's to mend.
fn explain(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidInput => Error::invalid_input(error.to_string()).with_code("options-do-not-fit"),
        _ => error.into(),
    }
}
