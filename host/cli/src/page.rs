//! A page of text for a person: headings, fields, tables. Whatever comes from a connector is made harmless here, since a
//! title with escape sequences in it could rewrite the terminal that asks for a grant.

use std::{borrow::Cow, fmt::Write as _};

use anstyle::{AnsiColor, Style};

/// Columns that a paragraph takes at most.
const WIDTH: usize = 100;

/// Text that is written once it is complete, so that a failure half-way leaves no half answer.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
}

/// How something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Good,
    Bad,
    /// It could be better.
    Warning,
}

impl Page {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The text with its colours, which the writer strips where they don't belong.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, text: &str) -> &mut Self {
        let _ = writeln!(self.text, "{}", plain(text));
        self
    }

    /// A line that stands out.
    pub(crate) fn strong(&mut self, text: &str) -> &mut Self {
        self.styled(Style::new().bold(), text)
    }

    /// A line in a style.
    pub(crate) fn styled(&mut self, style: Style, text: &str) -> &mut Self {
        let _ = writeln!(self.text, "{style}{}{style:#}", plain(text));
        self
    }

    /// An empty line, unless the page is still empty.
    pub(crate) fn gap(&mut self) -> &mut Self {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self
    }

    /// A heading, after an empty line.
    pub(crate) fn heading(&mut self, text: &str) -> &mut Self {
        self.gap().strong(text)
    }

    /// Words, wrapped, `indent` columns in.
    pub(crate) fn paragraph(&mut self, indent: usize, text: &str) -> &mut Self {
        let text = plain(text);
        let mut column = 0;
        for word in text.split_whitespace() {
            let width = word.chars().count();
            if column > 0 && column + 1 + width > WIDTH {
                self.text.push('\n');
                column = 0;
            }
            if column == 0 {
                self.text.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            } else {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += width;
        }
        self.text.push('\n');
        self
    }

    /// Names and values, aligned, two columns in. A value of several lines stays in its column.
    pub(crate) fn fields<K: AsRef<str>, V: AsRef<str>>(
        &mut self,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> &mut Self {
        let fields: Vec<_> = fields.into_iter().collect();
        let width = fields.iter().map(|(name, _)| name.as_ref().chars().count()).max().unwrap_or(0);
        let dim = Style::new().dimmed();
        for (name, value) in &fields {
            let name = plain(name.as_ref());
            for (number, line) in value.as_ref().lines().enumerate() {
                let name = if number == 0 { &*name } else { "" };
                let _ = writeln!(self.text, "  {dim}{name:width$}{dim:#}  {}", plain(line));
            }
        }
        self
    }

    /// A table, two columns in; `titles` may be empty. Nothing is cut: a digest or a host must be whole.
    pub(crate) fn table(&mut self, titles: &[&str], rows: &[Vec<String>]) -> &mut Self {
        let rows: Vec<Vec<Cow<'_, str>>> =
            rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0).max(titles.len());
        let width_of = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(titles.get(column).map(|title| title.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width_of).collect();
        let mut write = |style: Style, cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for (cell, width) in cells.zip(&widths) {
                let _ = write!(line, "  {cell:width$}");
            }
            let _ = writeln!(self.text, "{style}{}{style:#}", line.trim_end());
        };
        if !titles.is_empty() {
            write(Style::new().dimmed(), &mut titles.iter().copied());
        }
        for row in &rows {
            write(Style::new(), &mut row.iter().map(|cell| &**cell));
        }
        self
    }

    /// One thing that was looked at, `indent` columns in: how it went, its name, and what there is to say.
    pub(crate) fn mark(&mut self, indent: usize, mark: Mark, name: &str, text: &str) -> &mut Self {
        let (word, style) = match mark {
            Mark::Good => ("ok  ", AnsiColor::Green.on_default()),
            Mark::Bad => ("FAIL", AnsiColor::Red.on_default().bold()),
            Mark::Warning => ("warn", AnsiColor::Yellow.on_default()),
        };
        let _ = write!(self.text, "{:indent$}{style}{word}{style:#}  {}", "", plain(name));
        if !text.is_empty() {
            let _ = write!(self.text, ": {}", plain(text));
        }
        self.text.push('\n');
        self
    }
}

/// `text` with everything spelled out that a terminal would act upon or that reorders what is read: control characters
/// other than newline and tab, and the Unicode characters of bidirectional and invisible formatting.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let mut harmless = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_active(c) {
            let _ = write!(harmless, "\\u{{{:x}}}", u32::from(c));
        } else {
            harmless.push(c);
        }
    }
    Cow::Owned(harmless)
}

/// The same for JSON text, where the escape must be JSON's own. Active characters stand only within its strings.
pub(crate) fn plain_json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let mut harmless = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_active(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(harmless, "\\u{unit:04x}");
            }
        } else {
            harmless.push(c);
        }
    }
    Cow::Owned(harmless)
}

/// JSON text with one value a line. Works on the text, so that every number keeps its digits; what is not JSON comes out
/// as it is, but for white space.
pub(crate) fn indent_json(text: &str) -> String {
    let mut indented = String::with_capacity(text.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut characters = text.chars().filter(|c| *c != '\r').peekable();
    let new_line = |indented: &mut String, depth: usize| {
        indented.push('\n');
        indented.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = characters.next() {
        if in_string {
            indented.push(c);
            (in_string, escaped) = (escaped || c != '"', !escaped && c == '\\');
            continue;
        }
        match c {
            ' ' | '\t' | '\n' => {}
            '{' | '[' => {
                indented.push(c);
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    indented.push(end);
                } else {
                    depth += 1;
                    new_line(&mut indented, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut indented, depth);
                indented.push(c);
            }
            ',' => {
                indented.push(c);
                new_line(&mut indented, depth);
            }
            ':' => indented.push_str(": "),
            _ => {
                in_string = c == '"';
                indented.push(c);
            }
        }
    }
    indented
}

fn is_active(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Bytes for a person: exact below a kibibyte, else with the exact number beside it where it matters (JSON has it).
pub(crate) fn bytes(count: u64) -> String {
    for (unit, size) in [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if count >= size {
            // A whole number of units is written as one: 64 MiB, not 64.0 MiB.
            let tenths = (u128::from(count) * 10 + u128::from(size) / 2) / u128::from(size);
            return if count.is_multiple_of(size) {
                format!("{} {unit}", count / size)
            } else {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            };
        }
    }
    format!("{count} bytes")
}

/// `1234567` as `1 234 567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_cannot_write_to_the_terminal() {
        let mut page = Page::new();
        page.line("a\u{1b}[2Jb\u{9b}31m\u{202e}c").paragraph(2, "t\u{7}");
        assert_eq!(page.as_str(), "a\\u{1b}[2Jb\\u{9b}31m\\u{202e}c\n  t\\u{7}\n");
        assert_eq!(plain_json("{\"a\":\"\u{9b}\u{e0041}\"}"), "{\"a\":\"\\u009b\\udb40\\udc41\"}");
    }

    #[test]
    fn indenting_keeps_what_is_said() {
        let text = r#"{"a":[1.10, 12345678901234567890123,{}],"b" : [ ] ,"c,{":"x\"}\\","d":{"e":null}}"#;
        let indented = indent_json(text);
        assert_eq!(
            indented,
            "{\n  \"a\": [\n    1.10,\n    12345678901234567890123,\n    {}\n  ],\n  \"b\": [],\n  \"c,{\": \"x\\\"}\\\\\",\n  \"d\": {\n    \"e\": null\n  }\n}"
        );
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&indented), value(text));
    }

    #[test]
    fn tables_are_aligned_and_nothing_is_cut() {
        let mut page = Page::new();
        page.table(&["name", "n"], &[vec!["a".into(), "1".into()], vec!["grün-und-lang".into(), "22".into()]]);
        let text = anstream::adapter::strip_str(page.as_str()).to_string();
        assert_eq!(text, "  name           n\n  a              1\n  grün-und-lang  22\n");
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(
            [bytes(7), bytes(64 << 20), bytes(1_536), bytes(u64::MAX)].join(", "),
            "7 bytes, 64 MiB, 1.5 KiB, 17179869184.0 GiB"
        );
        assert_eq!([grouped(0), grouped(999), grouped(1_234_567)].join(", "), "0, 999, 1 234 567");
    }
}
