//! What a caller asks for.

use std::borrow::Cow;

use jackfield_sdk::FileRef;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

/// Input of `to-json-lines`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToJsonLines {
    /// The file to read.
    pub file: FileRef,
    #[serde(flatten)]
    #[expect(missing_docs, reason = "the fields speak for themselves")]
    pub options: ReadOptions,
}

/// Input of `from-json-lines`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromJsonLines {
    /// The file to read: JSON lines in UTF-8, one object a line.
    pub file: FileRef,
    #[serde(flatten)]
    #[expect(missing_docs, reason = "the fields speak for themselves")]
    pub options: WriteOptions,
}

/// How to read CSV and what to make of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "snake_case")]
pub struct ReadOptions {
    /// What parts the fields: `auto`, `tab`, or one ASCII character.
    pub delimiter: String,
    /// How the text is encoded.
    pub encoding: Encoding,
    /// Whether the first row names the columns. If not, they are `column_1`, `column_2`, …
    pub header: bool,
    /// The quote character; empty: quotes mean nothing.
    pub quote: String,
    /// Lines that start with this character are skipped.
    pub comment: Option<String>,
    /// So many lines before the first row are skipped.
    pub skip_lines: u32,
    /// Whether white space around fields is removed.
    pub trim: bool,
    /// What becomes of a row with too few or too many fields.
    pub ragged: Ragged,
    /// Texts that stand for null. An empty field of a typed column (not `string`) is always null.
    pub null_values: Vec<String>,
    /// The columns to put out, in this order. Left out: all, as text.
    pub columns: Option<Vec<Column>>,
    /// Whether columns that `columns` doesn't name are put out too, after it.
    pub keep_others: bool,
    /// Only rows that meet all of these are put out.
    pub filters: Vec<Filter>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            delimiter: "auto".to_owned(),
            encoding: Encoding::AUTO,
            header: true,
            quote: "\"".to_owned(),
            comment: None,
            skip_lines: 0,
            trim: false,
            ragged: Ragged::Reject,
            null_values: Vec::new(),
            columns: None,
            keep_others: false,
            filters: Vec::new(),
        }
    }
}

/// How text is encoded: `auto`, or a label of the WHATWG [Encoding Standard].
///
/// [Encoding Standard]: https://encoding.spec.whatwg.org/#names-and-labels
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Encoding {
    pub(crate) declared: &'static encoding_rs::Encoding,
    /// Whether a byte order mark prevails over what is declared.
    pub(crate) marked: bool,
}

/// Those that people meet: what the schema and a refusal show.
pub(crate) const EXAMPLES: [&str; 24] = [
    "auto",
    "utf-8",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1257",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-15",
    "macintosh",
    "koi8-r",
    "ibm866",
    "shift_jis",
    "euc-jp",
    "iso-2022-jp",
    "gbk",
    "gb18030",
    "big5",
    "euc-kr",
];

impl Encoding {
    /// By the byte order mark; UTF-8 without one.
    pub const AUTO: Self = Self { declared: encoding_rs::UTF_8, marked: true };
    /// UTF-8.
    pub const UTF_8: Self = Self { declared: encoding_rs::UTF_8, marked: false };
}

impl TryFrom<String> for Encoding {
    type Error = String;

    fn try_from(label: String) -> Result<Self, String> {
        if label.eq_ignore_ascii_case("auto") {
            return Ok(Self::AUTO);
        }
        match encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()) {
            Some(declared) => Ok(Self { declared, marked: label.trim().eq_ignore_ascii_case("utf-16") }),
            None => {
                let shown: String = label.escape_debug().take(40).collect();
                Err(format!("encoding: `{shown}` is none of those known, such as {}", EXAMPLES.join(", ")))
            }
        }
    }
}

impl JsonSchema for Encoding {
    fn schema_name() -> Cow<'static, str> {
        "Encoding".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "How text is encoded: `auto`, which goes by the byte order mark and is UTF-8 without one, or \
                a label of the WHATWG Encoding Standard, in any case. What is declared prevails over a mark; only \
                `utf-16` leaves the order of bytes to it, and puts the little end first without one. `iso-8859-1` and \
                `latin1` mean `windows-1252`, as in the standard.",
            "examples": EXAMPLES,
        })
    }
}

/// What becomes of a row with too few or too many fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ragged {
    /// It goes to the rejects.
    Reject,
    /// Missing fields are null; those too many go into an array `_extra`.
    Keep,
}

/// A column to put out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name in the file.
    pub name: String,
    /// Its name in the output; left out: the same.
    #[serde(default, rename = "as")]
    pub rename: Option<String>,
    /// What it holds.
    #[serde(default, rename = "type")]
    pub kind: Kind,
    /// Which way round dates stand.
    #[serde(default)]
    pub date_order: DateOrder,
    /// The decimal mark of numbers: `.` or `,`.
    #[serde(default = "point")]
    pub decimal: char,
    /// What groups the digits of numbers, such as `,` in `1,000`.
    #[serde(default)]
    pub group: Option<char>,
}

impl Column {
    /// A column of that name, as text.
    pub fn text(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            rename: None,
            kind: Kind::String,
            date_order: DateOrder::Ymd,
            decimal: '.',
            group: None,
        }
    }
}

fn point() -> char {
    '.'
}

/// What a column holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Text, as it stands.
    #[default]
    String,
    /// A whole number of 64 bits.
    Integer,
    /// A decimal number, put out digit for digit.
    Number,
    /// true, t, yes, y, on, 1; false, f, no, n, off, 0; in any case.
    Boolean,
    /// A day, put out as `2026-01-31`.
    Date,
    /// A day and a time, put out as RFC 3339 (`2026-01-31T10:00:00Z`); without a zone if it has none.
    Datetime,
}

/// Which way round a date stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DateOrder {
    /// `2026-01-31`, `2026/1/31`
    #[default]
    Ymd,
    /// `31/01/2026`, `31.1.2026`
    Dmy,
    /// `01/31/2026`
    Mdy,
}

/// A condition on a column.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The column's name in the file; it need not be put out.
    pub column: String,
    /// How to compare.
    pub op: Op,
    /// With what: a text, a number (compares as numbers), a boolean; for `in` an array; not for `is-null`, `not-null`.
    #[serde(default)]
    pub value: Value,
}

/// How a filter compares. Values compare by the column's type; a null meets only `ne` and `is-null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// The field's text holds this text.
    Contains,
    /// The field's text starts with this text.
    StartsWith,
    /// Equal to one of these.
    In,
    /// Empty, or one of `null_values`.
    IsNull,
    /// Neither empty nor one of `null_values`.
    NotNull,
}

/// How to write CSV.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "snake_case")]
pub struct WriteOptions {
    /// What parts the fields: `tab`, or one ASCII character.
    pub delimiter: String,
    /// Whether the first row names the columns.
    pub header: bool,
    /// The columns to write, in this order. Left out: the keys of the first row, and a later row with another key is
    /// rejected.
    pub columns: Option<Vec<WrittenColumn>>,
    /// What stands for null.
    pub null: String,
    /// How lines end.
    pub line_ending: LineEnding,
    /// Whether the file starts with a byte order mark, as Excel wants it.
    pub byte_order_mark: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            delimiter: ",".to_owned(),
            header: true,
            columns: None,
            null: String::new(),
            line_ending: LineEnding::Lf,
            byte_order_mark: false,
        }
    }
}

/// A column to write.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenColumn {
    /// The key in the JSON.
    pub name: String,
    /// Its name in the header; left out: the same.
    #[serde(default, rename = "as")]
    pub rename: Option<String>,
}

/// How lines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LineEnding {
    /// A line feed.
    Lf,
    /// Carriage return and line feed, as RFC 4180 has it.
    Crlf,
}
