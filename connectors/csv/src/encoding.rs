//! Makes UTF-8 of what comes in, as it comes.
//!
//! A byte sequence that is wrong in its encoding becomes the byte 0xFF, which is never part of UTF-8: the row reader
//! passes it on, and the row is rejected instead of being altered.

use std::{
    io::{self, Chain, Cursor, Read},
    ops::Range,
};

use encoding_rs::{DecoderResult, UTF_8};

use crate::options::Encoding;

const CHUNK_BYTES: usize = 64 * 1024;
/// The longest byte order mark.
const MARK_BYTES: u64 = 3;
const WRONG: u8 = 0xFF;

/// Reads UTF-8 out of any of the encodings, without the byte order mark.
pub(crate) struct Decoder<R> {
    source: Chain<Cursor<Vec<u8>>, R>,
    /// None: the source is UTF-8 and passed through. Whether it is in truth is for who makes text of a row.
    transcoder: Option<Transcoder>,
}

impl<R: Read> Decoder<R> {
    /// Takes the byte order mark off and settles the encoding. A mark of another encoding than the declared one is
    /// text like any other.
    pub(crate) fn new(mut source: R, encoding: Encoding) -> io::Result<Self> {
        let mut head = Vec::new();
        (&mut source).take(MARK_BYTES).read_to_end(&mut head)?;
        let (encoding, mark_length) = match encoding_rs::Encoding::for_bom(&head) {
            Some((marked, length)) if encoding.marked || marked == encoding.declared => (marked, length),
            _ => (encoding.declared, 0),
        };
        Ok(Self {
            source: Cursor::new(head.split_off(mark_length)).chain(source),
            transcoder: (encoding != UTF_8).then(|| Transcoder::new(encoding)),
        })
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.transcoder {
            None => self.source.read(buffer),
            Some(transcoder) => transcoder.read(&mut self.source, buffer),
        }
    }
}

struct Transcoder {
    decoder: encoding_rs::Decoder,
    input: Box<[u8]>,
    /// What of `input` is not decoded yet.
    undecoded: Range<usize>,
    /// A chunk, and room for what stands for a wrong sequence.
    output: Box<[u8]>,
    /// What of `output` is not passed on yet.
    decoded: Range<usize>,
    source_ended: bool,
    ended: bool,
}

impl Transcoder {
    fn new(encoding: &'static encoding_rs::Encoding) -> Self {
        Self {
            decoder: encoding.new_decoder_without_bom_handling(),
            input: vec![0; CHUNK_BYTES].into(),
            undecoded: 0..0,
            output: vec![0; CHUNK_BYTES + 1].into(),
            decoded: 0..0,
            source_ended: false,
            ended: false,
        }
    }

    fn read(&mut self, source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoded.is_empty() && !self.ended {
            if self.undecoded.is_empty() && !self.source_ended {
                let count = source.read(&mut self.input)?;
                self.undecoded = 0..count;
                self.source_ended = count == 0;
            }
            self.decode();
        }
        let count = self.decoded.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.output[self.decoded.start..self.decoded.start + count]);
        self.decoded.start += count;
        Ok(count)
    }

    /// Decodes until the input is used up or the output is full.
    fn decode(&mut self) {
        self.decoded = 0..0;
        while self.decoded.end < CHUNK_BYTES {
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
                &self.input[self.undecoded.clone()],
                &mut self.output[self.decoded.end..CHUNK_BYTES],
                self.source_ended,
            );
            self.undecoded.start += read;
            self.decoded.end += written;
            match result {
                DecoderResult::InputEmpty => {
                    self.ended = self.source_ended;
                    return;
                }
                DecoderResult::OutputFull => return,
                DecoderResult::Malformed(..) => {
                    self.output[self.decoded.end] = WRONG;
                    self.decoded.end += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    /// Gives so many bytes at a time, so that every split is met.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(buffer.len()).min(self.1);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn encoding(label: &str) -> Encoding {
        Encoding::try_from(label.to_owned()).unwrap()
    }

    fn decode(label: &str, source: impl Read) -> Vec<u8> {
        let mut decoded = Vec::new();
        Decoder::new(source, encoding(label)).unwrap().read_to_end(&mut decoded).unwrap();
        decoded
    }

    fn check(label: &str, bytes: &[u8], expect: impl AsRef<[u8]>) {
        let decoder = Decoder::new(bytes, encoding(label)).unwrap();
        let by_byte: io::Result<Vec<u8>> = BufReader::with_capacity(1, decoder).bytes().collect();
        for decoded in [decode(label, bytes), decode(label, Drip(bytes, 1)), by_byte.unwrap()] {
            assert!(decoded == expect.as_ref(), "{label}: {}", decoded.escape_ascii());
        }
    }

    #[test]
    fn encodings() {
        check("auto", b"a,\xC3\xA9", "a,é");
        check("auto", b"", "");
        check("auto", b"a", "a");
        check("utf-16le", b"a\0", "a");
        check("utf-16be", b"\0a\xD8\x3D\xDE\x00", "a😀");
        check("windows-1252", b"\x80 \xE9 \x93x\x94 \x81", "€ é “x” \u{81}");
        check("iso-8859-1", b"\x80\xE9", "€é");
        check("gb18030", b"\x81\x30\x81\x30", "\u{80}");
    }

    #[test]
    fn marks_and_what_is_declared() {
        check("auto", b"\xEF\xBB\xBFa", "a");
        check("auto", b"\xFF\xFEa\0\x3D\xD8\x00\xDE", "a😀");
        check("auto", b"\xFE\xFF\0a\xD8\x3D\xDE\x00", "a😀");
        // One mark is taken off, no more.
        check("auto", b"\xEF\xBB\xBF\xEF\xBB\xBFa", "\u{feff}a");
        check("utf-8", b"\xEF\xBB\xBFa", "a");
        check("utf-16le", b"\xFF\xFEa\0", "a");
        check("utf-16be", b"\xFE\xFF\0a", "a");
        // Another mark than the declared encoding's is text.
        check("utf-8", b"\xFF\xFEa", b"\xFF\xFEa");
        check("utf-16le", b"\xFE\xFFa\0", "\u{fffe}a");
        check("windows-1252", b"\xEF\xBB\xBFa", "ï»¿a");
        check("koi8-r", b"\xFF\xFE", "ЪЧ");
        // Only this one leaves it to the mark.
        check("utf-16", b"\xFE\xFF\0a", "a");
        check("utf-16", b"\xFF\xFEa\0", "a");
        check("utf-16", b"\xEF\xBB\xBFa", "a");
        check("utf-16", b"a\0", "a");
    }

    #[test]
    fn what_is_wrong_stays_wrong() {
        check("utf-16le", b"a\0\x3D\xD8b\0", b"a\xFFb");
        check("utf-16le", b"\x00\xDEb\0", b"\xFFb");
        check("auto", b"a\xFF", b"a\xFF");
        check("windows-1253", b"a\xD2b", b"a\xFFb");
        // What follows half a character is not swallowed: it may end the field or the row.
        check("shift_jis", b"\x83\n", b"\xFF\n");
        check("gbk", b"\x81,", b"\xFF,");
        check("gb18030", b"\x81\x30\n", b"\xFF0\n");
        check("euc-kr", b"\xB0\"", b"\xFF\"");
    }

    #[test]
    fn characters_cut_off_by_the_end() {
        for (label, bytes) in [
            ("utf-16le", &b"a\0b"[..]),
            ("utf-16le", b"a\0\x3D\xD8"),
            ("utf-16le", b"a\0\x3D\xD8\x00"),
            ("shift_jis", b"a\x83"),
            ("euc-jp", b"a\x8F\xB0"),
            ("gb18030", b"a\x81\x30\x81"),
            ("big5", b"a\xA5"),
            ("euc-kr", b"a\xB0"),
        ] {
            check(label, bytes, b"a\xFF");
        }
    }

    #[test]
    fn characters_across_the_chunks() {
        let utf_16: Vec<u8> = "😀".repeat(40_000).encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (label, pad, bytes, text) in [
            ("utf-16le", &b"a\0"[..], utf_16.as_slice(), "😀".repeat(40_000)),
            ("gb18030", b"a", &b"\x94\x39\xFC\x36".repeat(40_000), "😀".repeat(40_000)),
            ("euc-jp", b"a", &b"\x8F\xB0\xA1".repeat(50_000), "丂".repeat(50_000)),
            ("shift_jis", b"a", &b"\x83\x7C".repeat(70_000), "ポ".repeat(70_000)),
            ("windows-1252", b"a", &b"\x80".repeat(140_000), "€".repeat(140_000)),
        ] {
            for count in 0..4 {
                let bytes = [&pad.repeat(count), bytes].concat();
                let text = "a".repeat(count) + &text;
                assert!(decode(label, bytes.as_slice()) == text.as_bytes(), "{label}, {count} before");
            }
        }
        let wrong = vec![0xFF; 3 * CHUNK_BYTES];
        assert!(decode("windows-1253", wrong.as_slice()) == wrong);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However the bytes come in: what the crate makes of them as a whole.
        #[test]
        fn as_a_whole(
            label in prop::sample::select(&crate::options::EXAMPLES[..]),
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                // Marks, lead bytes, surrogates and escapes.
                prop::collection::vec(
                    prop::sample::select(b"\xEF\xBB\xBF\xFF\xFE\0a,\n0\x81\x8F\x8E\xA5\xD8\xDC\x1B$B(\"".to_vec()),
                    0..60,
                ),
            ],
            step in 1..7_usize,
        ) {
            let Encoding { declared, marked } = encoding(label);
            let expect = if marked { declared.decode(&bytes).0 } else { declared.decode_with_bom_removal(&bytes).0 };
            let decoded = decode(label, Drip(&bytes, step));
            prop_assert_eq!(String::from_utf8_lossy(&decoded), expect);
        }
    }
}
