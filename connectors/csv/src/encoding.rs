//! Makes UTF-8 of what comes in, as it comes.
//!
//! A byte sequence that is wrong in its encoding becomes the byte 0xFF, which is never part of UTF-8: the row reader
//! passes it on, and the row is rejected instead of being altered.

use std::io::{self, Read};

use crate::options::Encoding;

const CHUNK_BYTES: usize = 64 * 1024;
const WRONG: u8 = 0xFF;

/// Reads UTF-8 out of any of the encodings, without the byte order mark.
pub(crate) struct Decoder<R> {
    source: R,
    encoding: Option<Encoding>,
    declared: Encoding,
    /// Bytes not decoded yet: what the mark's search took, or half a code unit.
    pending: Vec<u8>,
    /// A high surrogate that waits for its low one.
    surrogate: Option<u16>,
    decoded: Vec<u8>,
    position: usize,
    ended: bool,
}

impl<R: Read> Decoder<R> {
    pub(crate) fn new(source: R, declared: Encoding) -> Self {
        Self {
            source,
            encoding: None,
            declared,
            pending: Vec::new(),
            surrogate: None,
            decoded: Vec::new(),
            position: 0,
            ended: false,
        }
    }

    /// Takes the byte order mark off and settles the encoding.
    fn begin(&mut self) -> io::Result<Encoding> {
        (&mut self.source).take(3).read_to_end(&mut self.pending)?;
        let (marked, length) = match self.pending[..] {
            [0xEF, 0xBB, 0xBF, ..] => (Encoding::Utf8, 3),
            [0xFF, 0xFE, ..] => (Encoding::Utf16Le, 2),
            [0xFE, 0xFF, ..] => (Encoding::Utf16Be, 2),
            _ => (Encoding::Utf8, 0),
        };
        let encoding = if self.declared == Encoding::Auto { marked } else { self.declared };
        if encoding == marked {
            self.pending.drain(..length);
        }
        self.encoding = Some(encoding);
        Ok(encoding)
    }

    fn decode_chunk(&mut self, encoding: Encoding) -> io::Result<()> {
        self.decoded.clear();
        self.position = 0;
        let kept = self.pending.len();
        self.pending.resize(CHUNK_BYTES, 0);
        let read = self.source.read(&mut self.pending[kept..])?;
        self.pending.truncate(kept + read);
        self.ended = read == 0;
        match encoding {
            Encoding::Utf16Le => self.decode_utf16(u16::from_le_bytes),
            Encoding::Utf16Be => self.decode_utf16(u16::from_be_bytes),
            Encoding::Windows1252 => self.decode_bytes(windows_1252),
            _ => self.decode_bytes(char::from),
        }
        Ok(())
    }

    fn decode_bytes(&mut self, map: fn(u8) -> char) {
        for &byte in &self.pending {
            push(&mut self.decoded, map(byte));
        }
        self.pending.clear();
    }

    fn decode_utf16(&mut self, unit: fn([u8; 2]) -> u16) {
        let whole = self.pending.len() / 2 * 2;
        for pair in self.pending[..whole].chunks_exact(2) {
            let unit = unit([pair[0], pair[1]]);
            match (self.surrogate.take(), unit) {
                (Some(high), 0xDC00..=0xDFFF) => {
                    let pair = char::decode_utf16([high, unit]).next();
                    pair.and_then(Result::ok).into_iter().for_each(|character| push(&mut self.decoded, character));
                    continue;
                }
                (Some(_), _) => self.decoded.push(WRONG),
                (None, _) => {}
            }
            match unit {
                0xD800..=0xDBFF => self.surrogate = Some(unit),
                _ => match char::from_u32(unit.into()) {
                    Some(character) => push(&mut self.decoded, character),
                    None => self.decoded.push(WRONG),
                },
            }
        }
        self.pending.drain(..whole);
        if self.ended && (self.surrogate.take().is_some() || !self.pending.is_empty()) {
            self.pending.clear();
            self.decoded.push(WRONG);
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let encoding = match self.encoding {
            Some(encoding) => encoding,
            None => self.begin()?,
        };
        if encoding == Encoding::Utf8 {
            if self.pending.is_empty() {
                return self.source.read(buffer);
            }
            let count = self.pending.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.pending[..count]);
            self.pending.drain(..count);
            return Ok(count);
        }
        while self.position == self.decoded.len() && !self.ended {
            self.decode_chunk(encoding)?;
        }
        let count = (self.decoded.len() - self.position).min(buffer.len());
        buffer[..count].copy_from_slice(&self.decoded[self.position..self.position + count]);
        self.position += count;
        Ok(count)
    }
}

fn push(decoded: &mut Vec<u8>, character: char) {
    let mut bytes = [0; 4];
    decoded.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
}

/// The WHATWG table: five bytes without a character stand for the control of their number.
fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, so that every split is met.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(buffer.len()).min(1);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn check(encoding: Encoding, bytes: &[u8], expect: &[u8]) {
        let (mut whole, mut dripped) = (Vec::new(), Vec::new());
        Decoder::new(bytes, encoding).read_to_end(&mut whole).unwrap();
        Decoder::new(Drip(bytes), encoding).read_to_end(&mut dripped).unwrap();
        assert_eq!((whole.as_slice(), dripped.as_slice()), (expect, expect));
    }

    #[test]
    fn encodings() {
        check(Encoding::Auto, b"a,\xC3\xA9", "a,é".as_bytes());
        check(Encoding::Auto, b"\xEF\xBB\xBFa", b"a");
        check(Encoding::Auto, b"\xFF\xFEa\0\x3D\xD8\x00\xDE", "a😀".as_bytes());
        check(Encoding::Auto, b"\xFE\xFF\0a\xD8\x3D\xDE\x00", "a😀".as_bytes());
        check(Encoding::Utf16Le, b"\xFF\xFEa\0", b"a");
        check(Encoding::Utf16Le, b"a\0", b"a");
        check(Encoding::Utf8, b"\xEF\xBB\xBFa", b"a");
        check(Encoding::Windows1252, b"\x80 \xE9 \x93x\x94", "€ é “x”".as_bytes());
        check(Encoding::Iso8859_1, b"\x80\xE9", "\u{80}é".as_bytes());
        check(Encoding::Auto, b"", b"");
        check(Encoding::Auto, b"a", b"a");
    }

    #[test]
    fn what_is_wrong_stays_wrong() {
        check(Encoding::Utf16Le, b"a\0\x3D\xD8b\0", b"a\xFFb");
        check(Encoding::Utf16Le, b"\x00\xDEb\0", b"\xFFb");
        check(Encoding::Utf16Le, b"a\0b", b"a\xFF");
        check(Encoding::Utf16Le, b"\x3D\xD8", b"\xFF");
        check(Encoding::Auto, b"a\xFF", b"a\xFF");
    }
}
