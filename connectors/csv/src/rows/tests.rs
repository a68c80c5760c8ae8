use super::*;

const COMMA: Dialect = Dialect { delimiter: b',', quote: Some(b'"'), comment: None, trim: false };

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

/// `1: a|b` for a row, `2! reason: raw` for a bad line.
fn read(source: impl Read, dialect: Dialect) -> Vec<String> {
    let mut reader = RowReader::new(source);
    reader.set_dialect(dialect);
    let (mut found, mut scratch) = (Vec::new(), Vec::new());
    loop {
        found.push(match reader.next().unwrap() {
            Found::End => return found,
            Found::Bad(bad) => format!("{}! {}: {}", bad.line, bad.reason, String::from_utf8_lossy(bad.raw)),
            Found::Row(row) => {
                let values: Vec<String> = (0..row.len())
                    .map(|index| String::from_utf8_lossy(row.value(index, &mut scratch)).into_owned())
                    .collect();
                format!("{}: {}", row.line, values.join("|"))
            }
        });
    }
}

fn check(dialect: Dialect, input: &str, expect: &[&str]) {
    assert_eq!(read(input.as_bytes(), dialect), expect, "{input:?}");
    for step in [1, 2, 3, 7] {
        assert_eq!(read(Drip(input.as_bytes(), step), dialect), expect, "{input:?} by {step}");
    }
}

#[test]
fn rfc_4180() {
    check(COMMA, "a,b\r\n1,2\r\n", &["1: a|b", "2: 1|2"]);
    check(COMMA, "a,b\n1,2", &["1: a|b", "2: 1|2"]);
    check(COMMA, "\"a,b\",\"c\"\"d\",\"\"\n", &["1: a,b|c\"d|"]);
    check(COMMA, "\"a\r\nb\",c\nd,e\n", &["1: a\r\nb|c", "3: d|e"]);
    check(COMMA, ",\n,,\n", &["1: |", "2: ||"]);
    check(COMMA, "a,", &["1: a|"]);
    check(COMMA, "\"\"", &["1: "]);
    check(COMMA, "\"\"\"\"", &["1: \""]);
}

#[test]
fn quirks() {
    check(COMMA, "", &[]);
    check(COMMA, "\n\r\n\na\n\n", &["4: a"]);
    check(COMMA, "a\rb\rc", &["1: a", "2: b", "3: c"]);
    check(COMMA, "a 5\" disk,b\"\n", &["1: a 5\" disk|b\""]);
    check(COMMA, "\"a\"b,c\n", &["1: ab|c"]);
    check(COMMA, "\"a\"\"b\" \"c\",d\n", &["1: a\"b \"c\"|d"]);
    check(COMMA, " \"a,b\"\n", &["1:  \"a|b\""]);
    check(COMMA, "\"a\rb\",c\rd", &["1: a\rb|c", "3: d"]);
}

#[test]
fn dialects() {
    check(Dialect { trim: true, ..COMMA }, " a , \"b,c\" ,\td\n", &["1: a|b,c|d"]);
    check(Dialect { trim: true, delimiter: b'\t', ..COMMA }, " a \t\t b\n", &["1: a||b"]);
    check(Dialect { quote: None, ..COMMA }, "\"a,b\"\n", &["1: \"a|b\""]);
    check(Dialect { quote: Some(b'\''), ..COMMA }, "'a,b','it''s'\n", &["1: a,b|it's"]);
    check(Dialect { comment: Some(b'#'), ..COMMA }, "#x,\"\na\n#y", &["2: a"]);
}

#[test]
fn an_unclosed_quote_costs_one_line() {
    let expect = ["1: a|b", "2! a quote is opened and not closed: 1,\"x", "3: 2|y", "4: 3|z"];
    check(COMMA, "a,b\n1,\"x\n2,y\n3,z\n", &expect);
    // The next quote closes the broken one, wrongly; what then stays open costs its line.
    check(COMMA, "1,\"x\n2,\"y\n3,z\n", &["1: 1|x\n2,y", "3: 3|z"]);
    check(COMMA, "\"", &["1! a quote is opened and not closed: \""]);
    check(COMMA, "a\n\"x\r\n", &["1: a", "2! a quote is opened and not closed: \"x"]);
}

#[test]
fn an_unclosed_quote_in_a_large_file_costs_one_line() {
    let mut input = "a\n\"broken\n".to_owned();
    let rows = 2 * ROW_BYTES / 2;
    input.push_str(&"x\n".repeat(rows));
    let found = read(input.as_bytes(), COMMA);
    assert_eq!(found[..3], ["1: a", "2! a quote is opened and not closed: \"broken", "3: x"]);
    assert_eq!(found.len(), rows + 2);
    assert_eq!(found.last().unwrap(), &format!("{}: x", rows + 2));
}

#[test]
fn an_overlong_line_is_passed_over() {
    for end in ["\nb\n", "\r\nb", "", "\n"] {
        let input = format!("a\n{}{end}", "x".repeat(3 * ROW_BYTES));
        let found = read(input.as_bytes(), COMMA);
        let shown = format!("2! the line is longer than 1 MiB: {}", "x".repeat(SHOWN_BYTES));
        assert_eq!(found[1], shown);
        let rest: &[&str] = if end.contains('b') { &["3: b"] } else { &[] };
        assert_eq!(found[2..], *rest);
    }
}

#[test]
fn a_row_of_a_mebibyte_is_read() {
    let input = format!("\"{}\",b\nc,d", "x\n".repeat(ROW_BYTES / 2 - 8));
    let found = read(input.as_bytes(), COMMA);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1], format!("{}: c|d", ROW_BYTES / 2 - 8 + 2));
}
