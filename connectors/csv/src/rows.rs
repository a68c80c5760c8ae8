//! Finds rows and fields: RFC 4180, and what is met in the wild.
//!
//! A row lies whole in one buffer, so that fields are slices of it and a rejected row can be shown as it stood. Rows are
//! bounded by [`ROW_BYTES`]. A quote that is opened and never closed would swallow the rest of the file: where the
//! bound or the end is reached within quotes, only the first line is rejected, and the bytes looked at so far are read
//! again line by line. So each byte is read twice at most.

use std::io::{self, Read};

use memchr::{memchr, memchr2};

/// The longest row. Beyond it lies a broken quote or no CSV at all.
pub(crate) const ROW_BYTES: usize = 1024 * 1024;
const CHUNK_BYTES: usize = 128 * 1024;
/// How much of an overlong row is shown among the rejects.
const SHOWN_BYTES: usize = 4 * 1024;

/// What the special characters are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: Option<u8>,
    pub(crate) comment: Option<u8>,
    pub(crate) trim: bool,
}

/// What the reader comes upon.
pub(crate) enum Found<'a> {
    Row(Row<'a>),
    Bad(Bad<'a>),
    End,
}

/// A line that is no row.
pub(crate) struct Bad<'a> {
    pub(crate) line: u64,
    pub(crate) reason: &'static str,
    pub(crate) raw: &'a [u8],
}

/// A row: its bytes, and where the fields lie in them.
pub(crate) struct Row<'a> {
    pub(crate) line: u64,
    pub(crate) raw: &'a [u8],
    fields: &'a [Field],
    quote: u8,
}

#[derive(Clone, Copy)]
struct Field {
    start: u32,
    end: u32,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// The slice is the value.
    Plain,
    /// Within quotes, with doubled quotes inside.
    Doubled,
    /// From the opening quote on, with text after the closing one.
    Trailing,
}

impl<'a> Row<'a> {
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The value of a field; `scratch` holds it where it is not a slice of the row. Empty where the row has no such
    /// field.
    pub(crate) fn value<'b>(&self, index: usize, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        let Some(field) = self.fields.get(index) else { return b"" };
        let slice = &self.raw[field.start as usize..field.end as usize];
        match field.shape {
            Shape::Plain => return slice,
            Shape::Doubled => {
                scratch.clear();
                undouble(slice, self.quote, scratch);
            }
            Shape::Trailing => {
                scratch.clear();
                let inside = &slice[1..];
                let close = closing_quote(inside, self.quote).unwrap_or(inside.len());
                undouble(&inside[..close], self.quote, scratch);
                scratch.extend_from_slice(inside.get(close + 1..).unwrap_or_default());
            }
        }
        scratch
    }
}

fn undouble(mut text: &[u8], quote: u8, out: &mut Vec<u8>) {
    while let Some(at) = memchr(quote, text) {
        out.extend_from_slice(&text[..=at]);
        text = text.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(text);
}

/// Where the quote that closes stands: the first that is not doubled.
fn closing_quote(text: &[u8], quote: u8) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr(quote, text.get(from..)?)?;
        if text.get(at + 1) != Some(&quote) {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Reads rows out of UTF-8 bytes.
pub(crate) struct RowReader<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    /// Of the line that `start` is in.
    line: u64,
    /// Until this position of the buffer, a row ends with its line whatever the quotes say.
    single_lines_until: usize,
    fields: Vec<Field>,
    /// 1 for a byte that ends an unquoted field.
    ends: [bool; 256],
    dialect: Dialect,
    /// Blank and comment lines.
    skipped: u64,
    /// The start of a line too long for the buffer.
    shown: Vec<u8>,
}

/// What a look at the buffer shows.
enum Scan {
    /// A row of `content` bytes, `length` with its end; `lines` line ends in all.
    Row { content: usize, length: usize, lines: u64 },
    /// The buffer ends within the row.
    More,
    /// The file, or the line where rows are lines, ends within quotes.
    Unclosed,
}

impl<R: Read> RowReader<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            buffer: vec![0; 2 * CHUNK_BYTES],
            start: 0,
            end: 0,
            ended: false,
            line: 1,
            single_lines_until: 0,
            fields: Vec::new(),
            ends: [false; 256],
            dialect: Dialect { delimiter: b',', quote: None, comment: None, trim: false },
            skipped: 0,
            shown: Vec::new(),
        }
    }

    /// The first bytes, to judge the dialect by.
    pub(crate) fn peek(&mut self) -> io::Result<&[u8]> {
        while !self.ended && self.end - self.start < CHUNK_BYTES / 2 {
            self.fill()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Settles the dialect. Before this no row can be read.
    pub(crate) fn set_dialect(&mut self, dialect: Dialect) {
        self.dialect = dialect;
        self.ends = [false; 256];
        for byte in [dialect.delimiter, b'\n', b'\r'] {
            self.ends[usize::from(byte)] = true;
        }
    }

    /// Passes over so many lines.
    pub(crate) fn skip_lines(&mut self, count: u32) -> io::Result<()> {
        for _ in 0..count {
            self.skip_line()?;
        }
        Ok(())
    }

    /// How many blank, comment and skipped lines there were.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    pub(crate) fn next(&mut self) -> io::Result<Found<'_>> {
        loop {
            if self.start == self.end && !self.ended {
                self.fill()?;
                continue;
            }
            match self.buffer[self.start..self.end].first() {
                None => return Ok(Found::End),
                Some(&first) if first == b'\n' || first == b'\r' || Some(first) == self.dialect.comment => {
                    self.skip_line()?;
                    continue;
                }
                Some(_) => {}
            }
            let available = self.end - self.start;
            match self.scan() {
                Scan::Row { content, length, lines } => {
                    if content > ROW_BYTES {
                        return Ok(self.take(content.min(SHOWN_BYTES), length, lines, "the row is longer than 1 MiB"));
                    }
                    let raw = &self.buffer[self.start..self.start + content];
                    let quote = self.dialect.quote.unwrap_or(b'"');
                    let row = Row { line: self.line, raw, fields: &self.fields, quote };
                    self.start += length;
                    self.line += lines;
                    return Ok(Found::Row(row));
                }
                Scan::More if available <= ROW_BYTES => self.fill()?,
                Scan::More | Scan::Unclosed => return self.reject_line(),
            }
        }
    }

    /// Rejects the line that `start` is in, where its row has no end.
    fn reject_line(&mut self) -> io::Result<Found<'_>> {
        let data = &self.buffer[self.start..self.end];
        if let Some(length) = memchr2(b'\n', b'\r', data).or(self.ended.then_some(data.len())) {
            self.single_lines_until = self.single_lines_until.max(self.end);
            let end = length + line_end(&data[length..]);
            return Ok(self.take(length, end, 1, "a quote is opened and not closed"));
        }
        let line = self.line;
        self.shown = data[..data.len().min(SHOWN_BYTES)].to_vec();
        self.pass_line()?;
        Ok(Found::Bad(Bad { line, reason: "the line is longer than 1 MiB", raw: &self.shown }))
    }

    fn take(&mut self, shown: usize, length: usize, lines: u64, reason: &'static str) -> Found<'_> {
        let raw = &self.buffer[self.start..self.start + shown];
        let line = self.line;
        self.start += length;
        self.line += lines;
        Found::Bad(Bad { line, reason, raw })
    }

    fn scan(&mut self) -> Scan {
        if self.start < self.single_lines_until {
            let data = &self.buffer[self.start..self.end];
            let Some(length) = memchr2(b'\n', b'\r', data).or(self.ended.then_some(data.len())) else {
                return Scan::More;
            };
            if data[length..] == *b"\r" && !self.ended {
                return Scan::More;
            }
            let end = length + line_end(&data[length..]);
            return match scan(
                &self.buffer[self.start..self.start + length],
                true,
                &self.dialect,
                &self.ends,
                &mut self.fields,
            ) {
                Scan::Row { content, .. } => Scan::Row { content, length: end, lines: 1 },
                _ => Scan::Unclosed,
            };
        }
        scan(&self.buffer[self.start..self.end], self.ended, &self.dialect, &self.ends, &mut self.fields)
    }

    fn skip_line(&mut self) -> io::Result<()> {
        if self.pass_line()? {
            self.skipped += 1;
        }
        Ok(())
    }

    /// Goes to the start of the next line. False: there is none to pass.
    fn pass_line(&mut self) -> io::Result<bool> {
        let mut passed = false;
        loop {
            let data = &self.buffer[self.start..self.end];
            passed |= !data.is_empty();
            match memchr2(b'\n', b'\r', data) {
                Some(at) if data[at..] != *b"\r" || self.ended => {
                    self.start += at + line_end(&data[at..]);
                    self.line += 1;
                    return Ok(true);
                }
                // The last byte may be half of a line end.
                Some(at) => self.start += at,
                None => self.start = self.end,
            }
            if self.ended {
                self.line += u64::from(passed);
                return Ok(passed);
            }
            self.fill()?;
        }
    }

    /// Makes room, and reads once more.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.single_lines_until = self.single_lines_until.saturating_sub(self.start);
            self.start = 0;
        }
        if self.buffer.len() - self.end < CHUNK_BYTES {
            let larger = (self.buffer.len() * 2).min(ROW_BYTES + 2 * CHUNK_BYTES);
            self.buffer.resize(larger, 0);
        }
        match self.source.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.ended = true,
            Ok(count) => self.end += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The length of the line end that stands here: two for CR LF.
fn line_end(data: &[u8]) -> usize {
    match data {
        [b'\r', b'\n', ..] => 2,
        [] => 0,
        _ => 1,
    }
}

/// Looks for one row. `ended`: nothing follows the data.
fn scan(data: &[u8], ended: bool, dialect: &Dialect, ends: &[bool; 256], fields: &mut Vec<Field>) -> Scan {
    fields.clear();
    let mut lines = 1;
    let mut at = 0;
    loop {
        if dialect.trim {
            at += blanks(&data[at..], dialect.delimiter);
        }
        let start = at;
        let field = if dialect.quote.is_some() && data.get(at).copied() == dialect.quote {
            let quote = data[at];
            let inside = &data[at + 1..];
            let Some(length) = closing_quote(inside, quote) else {
                return if ended { Scan::Unclosed } else { Scan::More };
            };
            let close = at + 1 + length;
            if close + 1 == data.len() && !ended {
                return Scan::More; // The next byte may double the quote.
            }
            lines += count_lines(&inside[..length]);
            at = close + 1;
            if dialect.trim {
                at += blanks(&data[at..], dialect.delimiter);
            }
            if data.get(at).is_none_or(|&byte| ends[usize::from(byte)]) {
                let shape = if memchr(quote, &inside[..length]).is_some() { Shape::Doubled } else { Shape::Plain };
                Field { start: start as u32 + 1, end: close as u32, shape }
            } else {
                at += unquoted(&data[at..], ends);
                Field { start: start as u32, end: at as u32, shape: Shape::Trailing }
            }
        } else {
            at += unquoted(&data[at..], ends);
            let mut end = at;
            while dialect.trim && end > start && matches!(data[end - 1], b' ' | b'\t') {
                end -= 1;
            }
            Field { start: start as u32, end: end as u32, shape: Shape::Plain }
        };
        fields.push(field);
        match data.get(at) {
            None if ended => return Scan::Row { content: at, length: at, lines },
            None => return Scan::More,
            Some(b'\r') if at + 1 == data.len() && !ended => return Scan::More,
            Some(b'\r' | b'\n') => {
                return Scan::Row { content: at, length: at + line_end(&data[at..]), lines };
            }
            Some(_) => at += 1,
        }
    }
}

fn unquoted(data: &[u8], ends: &[bool; 256]) -> usize {
    data.iter().position(|&byte| ends[usize::from(byte)]).unwrap_or(data.len())
}

fn blanks(data: &[u8], delimiter: u8) -> usize {
    data.iter().take_while(|&&byte| (byte == b' ' || byte == b'\t') && byte != delimiter).count()
}

fn count_lines(text: &[u8]) -> u64 {
    let feeds = memchr::memchr_iter(b'\n', text).count();
    let returns = memchr::memchr_iter(b'\r', text).filter(|&at| text.get(at + 1) != Some(&b'\n')).count();
    (feeds + returns) as u64
}

#[cfg(test)]
mod tests;
