//! What is read is what was written.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use jackfield_csv::{
    convert::{from_json_lines, to_json_lines},
    options::{Encoding, LineEnding, ReadOptions, WriteOptions},
};
use proptest::prelude::*;

/// Texts with much of what needs care.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![prop::string::string_regex("[a-z\",;\\|\t\n\r '#\\\\é😀\u{1}]{0,12}").unwrap(), any::<String>(),]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_to_csv_and_back(
        rows in prop::collection::vec(prop::collection::vec(text(), 3), 0..8),
        delimiter in prop::sample::select(vec![",", "tab", ";", "|", "'", " "]),
        crlf in any::<bool>(),
        mark in any::<bool>(),
    ) {
        let mut lines = String::new();
        for row in &rows {
            let line = serde_json::json!({"a": row[0], "b \"x\"": row[1], "c": row[2]});
            lines.push_str(&format!("{line}\n"));
        }
        let options = WriteOptions {
            delimiter: delimiter.to_owned(),
            line_ending: if crlf { LineEnding::Crlf } else { LineEnding::Lf },
            byte_order_mark: mark,
            ..WriteOptions::default()
        };
        let (mut csv, mut rejects) = (Vec::new(), Vec::new());
        from_json_lines(lines.as_bytes(), &mut csv, &mut rejects, &options).unwrap();
        prop_assert!(rejects.is_empty());

        let options = ReadOptions { delimiter: delimiter.to_owned(), ..ReadOptions::default() };
        let mut back = Vec::new();
        to_json_lines(csv.as_slice(), &mut back, &mut rejects, &options).unwrap();
        prop_assert_eq!(String::from_utf8(rejects).unwrap(), "");
        prop_assert_eq!(String::from_utf8(back).unwrap(), lines);
    }

    #[test]
    fn no_bytes_are_too_strange(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            prop::collection::vec(prop::sample::select(b"a,\"\r\n\xC3\xA9 ".to_vec()), 0..60),
        ],
        trim in any::<bool>(),
        encoding in prop::sample::select(vec!["auto", "utf-16be", "windows-1252", "shift_jis", "gb18030", "iso-2022-jp"]),
        header in any::<bool>(),
    ) {
        let encoding = Encoding::try_from(encoding.to_owned()).unwrap();
        let options = ReadOptions { trim, header, encoding, ..ReadOptions::default() };
        let (mut output, mut rejects) = (Vec::new(), Vec::new());
        if let Ok(counts) = to_json_lines(bytes.as_slice(), &mut output, &mut rejects, &options) {
            let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
            prop_assert_eq!(counts.rows_out, lines(&output));
            prop_assert_eq!(counts.rows_bad, lines(&rejects));
            prop_assert_eq!(counts.rows_in, counts.rows_out + counts.rows_bad);
            prop_assert!(String::from_utf8(output).is_ok() && String::from_utf8(rejects).is_ok());
        }
    }
}
