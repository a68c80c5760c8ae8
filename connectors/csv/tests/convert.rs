//! What callers see: files in, files and counts out.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use jackfield_csv::{
    convert::{Counts, from_json_lines, to_json_lines},
    options::{ReadOptions, WriteOptions},
};
use serde_json::{Value, json};

/// Converts with these options (as a caller writes them), and gives the lines, the rejects and the counts.
fn read(input: &[u8], options: Value) -> (String, String, Counts) {
    let options: ReadOptions = serde_json::from_value(options).unwrap();
    let (mut output, mut rejects) = (Vec::new(), Vec::new());
    let counts = to_json_lines(input, &mut output, &mut rejects, &options).unwrap();
    assert_eq!(counts.rows_in, counts.rows_out + counts.rows_bad + counts.rows_filtered);
    let (output, rejects) = (String::from_utf8(output).unwrap(), String::from_utf8(rejects).unwrap());
    for line in output.lines().chain(rejects.lines()) {
        serde_json::from_str::<Value>(line).unwrap_or_else(|why| panic!("{line}: {why}"));
    }
    (output, rejects, counts)
}

fn check(input: &str, options: Value, expect: &[&str]) {
    let (output, rejects, _) = read(input.as_bytes(), options);
    assert_eq!(output.lines().collect::<Vec<_>>(), expect, "{input:?}; rejects: {rejects}");
    assert_eq!(rejects, "");
}

fn check_bad(input: &[u8], options: Value, expect: &[&str], expect_rejects: &[&str]) {
    let (output, rejects, _) = read(input, options);
    assert_eq!(output.lines().collect::<Vec<_>>(), expect);
    assert_eq!(rejects.lines().collect::<Vec<_>>(), expect_rejects);
}

#[test]
fn plain() {
    check("a,b\n1,x\n", json!({}), &[r#"{"a":"1","b":"x"}"#]);
    check("a,b\r\n\"1,\"\"2\"\"\",\"x\ny\"\r\n", json!({}), &[r#"{"a":"1,\"2\"","b":"x\ny"}"#]);
    check("", json!({}), &[]);
    check("a,b\n", json!({}), &[]);
    check("\u{feff}a;b\n1,5;2\n", json!({}), &[r#"{"a":"1,5","b":"2"}"#]);
    check("sep=|\na|b\n1|2\n", json!({}), &[r#"{"a":"1","b":"2"}"#]);
    check("a\tb\n1\t2\n", json!({"delimiter": "tab"}), &[r#"{"a":"1","b":"2"}"#]);
    check(
        "1,2\n3,4\n",
        json!({"header": false}),
        &[r#"{"column_1":"1","column_2":"2"}"#, r#"{"column_1":"3","column_2":"4"}"#],
    );
    check("a,,a\n1,2,3\n", json!({}), &[r#"{"a":"1","column_2":"2","a_2":"3"}"#]);
    check("made by x\n\n# note\na,b\n\n1,2\n", json!({"skip_lines": 1, "comment": "#"}), &[r#"{"a":"1","b":"2"}"#]);
    check("a,b\n 1 , \"2\" \n", json!({"trim": true}), &[r#"{"a":"1","b":"2"}"#]);
}

#[test]
fn typed() {
    let columns = json!({"columns": [
        {"name": "id", "type": "integer"},
        {"name": "sum", "type": "number", "decimal": ",", "group": "."},
        {"name": "paid", "type": "boolean", "as": "is_paid"},
        {"name": "on", "type": "date", "date_order": "dmy"},
        {"name": "at", "type": "datetime"},
    ]});
    check(
        "id;sum;paid;on;at;x\n007;1.234,50;yes;31.01.2026;2026-01-31 10:00:00Z;y\n;;;;;\n",
        columns,
        &[
            r#"{"id":7,"sum":1234.50,"is_paid":true,"on":"2026-01-31","at":"2026-01-31T10:00:00Z"}"#,
            r#"{"id":null,"sum":null,"is_paid":null,"on":null,"at":null}"#,
        ],
    );
}

#[test]
fn nulls() {
    check("a,b\n,NA\n", json!({}), &[r#"{"a":"","b":"NA"}"#]);
    check("a,b\n,NA\n", json!({"null_values": ["", "NA"]}), &[r#"{"a":null,"b":null}"#]);
}

#[test]
fn selected_renamed_and_filtered() {
    let input = "a,b,c\n1,x,u\n2,y,v\n3,,w\n";
    check(
        input,
        json!({"columns": [{"name": "c"}, {"name": "a", "as": "id"}], "filters": [{"column": "b", "op": "not-null"}]}),
        &[r#"{"c":"u","id":"1"}"#, r#"{"c":"v","id":"2"}"#],
    );
    check(
        input,
        json!({"columns": [{"name": "c"}], "keep_others": true, "filters": [{"column": "a", "op": "gt", "value": 2}]}),
        &[r#"{"c":"w","a":"3","b":""}"#],
    );
    let (_, _, counts) = read(input.as_bytes(), json!({"filters": [{"column": "b", "op": "in", "value": ["x", "q"]}]}));
    assert_eq!(counts, Counts { rows_in: 3, rows_out: 1, rows_filtered: 2, ..Counts::default() });
}

#[test]
fn rejects_say_why() {
    check_bad(
        b"a,b\n1\n2,x,y\n3,z\n",
        json!({"columns": [{"name": "a", "type": "integer"}]}),
        &[r#"{"a":3}"#],
        &[
            r#"{"line":2,"reason":"1 fields where the header has 2","raw":"1"}"#,
            r#"{"line":3,"reason":"3 fields where the header has 2","raw":"2,x,y"}"#,
        ],
    );
    check_bad(
        b"a\nx\n\"y\n",
        json!({"columns": [{"name": "a", "type": "integer"}]}),
        &[],
        &[
            r#"{"line":2,"reason":"column `a`: `x` is not a whole number of 64 bits","raw":"x"}"#,
            r#"{"line":3,"reason":"a quote is opened and not closed","raw":"\"y"}"#,
        ],
    );
    check_bad(
        b"a\nca\xE9\nok\n",
        json!({}),
        &[r#"{"a":"ok"}"#],
        &["{\"line\":2,\"reason\":\"the row is not in the file's encoding: set `encoding`?\",\"raw\":\"ca\u{fffd}\"}"],
    );
    check_bad(
        b"a\nx\n5\n",
        json!({"filters": [{"column": "a", "op": "lt", "value": 9}]}),
        &[r#"{"a":"5"}"#],
        &[r#"{"line":2,"reason":"column `a`: `x` is not a number","raw":"x"}"#],
    );
}

#[test]
fn ragged_rows_may_be_kept() {
    check(
        "a,b\n1\n2,x,y,\n",
        json!({"ragged": "keep"}),
        &[r#"{"a":"1","b":null}"#, r#"{"a":"2","b":"x","_extra":["y",""]}"#],
    );
}

#[test]
fn encodings() {
    let utf16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain("a,b\n1,é\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(read(&utf16, json!({})).0, "{\"a\":\"1\",\"b\":\"é\"}\n");
    for (encoding, field, expect) in [
        ("windows-1250", &b"\x9E"[..], "ž"),
        ("windows-1251", b"\xC6", "Ж"),
        ("windows-1252", b"ca\xE9 \x80", "caé €"),
        ("windows-1254", b"\xF0", "ğ"),
        ("iso-8859-1", b"\x80", "€"),
        ("Latin1", b"\xE9", "é"),
        ("iso-8859-2", b"\xB1", "ą"),
        ("iso-8859-15", b"\xA4", "€"),
        ("macintosh", b"\x8E", "é"),
        ("koi8-r", b"\xC0", "ю"),
        // Bytes of delimiters, quotes and escapes that are halves of characters.
        ("shift_jis", b"\x83\x7C\x95\x5C", "ポ表"),
        ("euc-jp", b"\x8E\xB1\x8F\xB0\xA1", "ｱ丂"),
        ("iso-2022-jp", b"\x1B$B$\"\x1B(B", "あ"),
        ("gbk", b"\x81\x7C\x80", "亅€"),
        ("gb18030", b"\x81\x7C\x94\x39\xFC\x36", "亅😀"),
        ("big5", b"\xA5\x7C\xA5\x5C", "四功"),
        ("euc-kr", b"\xC7\xD1\x8C\x63", "한똠"),
    ] {
        let input = [b"a|b\n", field, b"|2\n"].concat();
        let (output, rejects, _) = read(&input, json!({"encoding": encoding}));
        assert_eq!((output, rejects), (format!("{{\"a\":\"{expect}\",\"b\":\"2\"}}\n"), String::new()), "{encoding}");
    }
    // U+2C2C, U+0A0A and U+220A are made of commas, line feeds and quotes.
    let utf16: Vec<u8> = "a,b\nⰬ,ਊ∊\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(read(&utf16, json!({"encoding": "utf-16be"})).0, "{\"a\":\"Ⱜ\",\"b\":\"ਊ∊\"}\n");
}

#[test]
fn what_is_wrong_in_its_encoding_costs_its_row() {
    let reason = "the row is not in the file's encoding: set `encoding`?";
    for (encoding, input, raw) in [
        ("shift_jis", &b"a,b\n\x83\n1,2\n"[..], "\u{fffd}"),
        ("gb18030", b"a,b\nx,\x81\x30\n1,2\n", "x,\u{fffd}0"),
        ("windows-1253", b"a,b\n\xD2,x\n1,2\n", "\u{fffd},x"),
        ("utf-16le", b"a\0,\0b\0\n\0\x00\xD8\n\x001\0,\x002\0\n\0", "\u{fffd}"),
    ] {
        let reject = format!(r#"{{"line":2,"reason":"{reason}","raw":"{raw}"}}"#);
        check_bad(input, json!({"encoding": encoding}), &[r#"{"a":"1","b":"2"}"#], &[&reject]);
    }
    // A character that the end of the file cuts off.
    let reject = format!(r#"{{"line":3,"reason":"{reason}","raw":"{}"}}"#, "x\u{fffd}");
    check_bad(b"a\n1\nx\x83", json!({"encoding": "shift_jis"}), &[r#"{"a":"1"}"#], &[&reject]);
}

#[test]
fn encodings_by_name() {
    let named = |name: &str| serde_json::from_value::<ReadOptions>(json!({ "encoding": name }));
    for (name, same) in [
        ("AUTO", "auto"),
        ("UTF8", "utf-8"),
        ("latin1", "windows-1252"),
        ("iso-8859-1", "cp1252"),
        ("Shift-JIS", "sjis"),
        ("gb2312", "gbk"),
        (" x-mac-roman ", "macintosh"),
    ] {
        assert_eq!(named(name).unwrap().encoding, named(same).unwrap().encoding);
    }
    for name in ["", "utf-7", "cp850", "iso-2022-kr", "aut\u{f6}"] {
        let error = named(name).unwrap_err().to_string();
        let expect = format!("encoding: `{name}` is none of those known, such as auto, utf-8, utf-16, ");
        assert!(error.starts_with(&expect), "{error}");
    }
}

#[test]
fn options_that_do_not_fit_are_refused() {
    for (input, options, expect) in [
        ("a\n1\n", json!({"columns": [{"name": "b"}]}), "no column `b`: the file has `a`"),
        ("a\n1\n", json!({"delimiter": "::"}), "delimiter: `::` is not one ASCII character"),
        ("a\n1\n", json!({"delimiter": "\""}), "delimiter, quote and comment must be different characters"),
        ("\"a\n1\n", json!({}), "line 1: the header can't be read: a quote is opened and not closed"),
    ] {
        let options: ReadOptions = serde_json::from_value(options).unwrap();
        let error = to_json_lines(input.as_bytes(), Vec::new(), Vec::new(), &options).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (std::io::ErrorKind::InvalidInput, expect));
    }
}

fn write(input: &str, options: Value) -> (String, String, Counts) {
    let options: WriteOptions = serde_json::from_value(options).unwrap();
    let (mut output, mut rejects) = (Vec::new(), Vec::new());
    let counts = from_json_lines(input.as_bytes(), &mut output, &mut rejects, &options).unwrap();
    (String::from_utf8(output).unwrap(), String::from_utf8(rejects).unwrap(), counts)
}

fn check_written(input: &str, options: Value, expect: &str) {
    let (output, rejects, _) = write(input, options);
    assert_eq!((output.as_str(), rejects.as_str()), (expect, ""));
}

#[test]
fn written() {
    check_written(r#"{"a":1,"b":"x"}"#, json!({}), "a,b\n1,x\n");
    check_written("{\"b\":2,\"a\":\"x,\\\"y\\\"\\n\"}\r\n\n{\"a\":null}", json!({}), "b,a\n2,\"x,\"\"y\"\"\n\"\n,\n");
    check_written(
        r#"{"a":[1,{"b":true}],"c":-1.50}"#,
        json!({"delimiter": ";"}),
        "a;c\n\"[1,{\"\"b\"\":true}]\";-1.50\n",
    );
    check_written(r#"{"a":""}"#, json!({}), "a\n\"\"\n");
    check_written(r#"{"a":null,"b":"é"}"#, json!({"null": "NULL", "line_ending": "crlf"}), "a,b\r\nNULL,é\r\n");
    check_written(r#"{"a":1,"b":2}"#, json!({"columns": [{"name": "b", "as": "B"}, {"name": "z"}]}), "B,z\n2,\n");
    check_written(r#"{"a":" x "}"#, json!({"header": false, "byte_order_mark": true}), "\u{feff}\" x \"\n");
    check_written("", json!({}), "");
}

#[test]
fn lines_that_are_no_row_are_rejected() {
    let (output, rejects, counts) =
        write("{\"a\":1}\n[1]\n{\"a\":1,\"b\":2}\n{\"a\":\n{\"a\":2} x\n{\"a\":3}\n", json!({}));
    assert_eq!(output, "a\n1\n3\n");
    let reasons: Vec<Value> = rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reasons: Vec<(u64, &str)> =
        reasons.iter().map(|row| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap())).collect();
    assert_eq!(
        reasons,
        [
            (2, "invalid type: sequence, expected an object at character 0"),
            (3, "key `b` has no column: the first row has no such key (name `columns`?) at character 13"),
            (4, "EOF while parsing a value at character 5"),
            (5, "trailing characters at character 9"),
        ]
    );
    assert_eq!(counts, Counts { rows_in: 6, rows_out: 2, rows_bad: 4, ..Counts::default() });
}
