//! Guesses the delimiter from the first lines.

/// In the order of preference where nothing else decides.
const CANDIDATES: [u8; 4] = [b',', b'\t', b';', b'|'];
const LINES: usize = 30;

/// The candidate that parts the first lines most evenly: most lines with the first line's count, then most fields.
/// `sample` starts at the first row.
pub(crate) fn delimiter(sample: &[u8], quote: Option<u8>, comment: Option<u8>) -> u8 {
    let counts = counts(sample, quote, comment);
    let score = |candidate: usize| {
        let first = counts.first().map_or(0, |line| line[candidate]);
        let even = counts.iter().filter(|line| first > 0 && line[candidate] == first).count();
        (even, first)
    };
    // The last of equals wins `max_by_key`, so the order is turned round.
    let best = (0..CANDIDATES.len()).rev().max_by_key(|&candidate| score(candidate));
    best.map_or(CANDIDATES[0], |best| CANDIDATES[best])
}

/// How often each candidate stands outside quotes, line by line. A last line that the sample cuts off doesn't count.
fn counts(sample: &[u8], quote: Option<u8>, comment: Option<u8>) -> Vec<[usize; CANDIDATES.len()]> {
    let mut lines = Vec::new();
    let mut line = [0; CANDIDATES.len()];
    let (mut quoted, mut at_start, mut skipped) = (false, true, false);
    for &byte in sample {
        if Some(byte) == quote {
            quoted = !quoted;
        }
        if at_start && Some(byte) == comment {
            skipped = true;
        }
        if !quoted && (byte == b'\n' || byte == b'\r') {
            if !at_start && !skipped {
                lines.push(line);
            }
            if lines.len() == LINES {
                return lines;
            }
            (line, at_start, skipped) = ([0; CANDIDATES.len()], true, false);
            continue;
        }
        at_start = false;
        if !quoted && let Some(candidate) = CANDIDATES.iter().position(|&candidate| candidate == byte) {
            line[candidate] += 1;
        }
    }
    if lines.is_empty() && !at_start && !skipped {
        lines.push(line);
    }
    lines
}

/// Excel's hint: a first line `sep=;`.
pub(crate) fn excel_hint(sample: &[u8]) -> Option<u8> {
    match sample {
        [s, e, p, b'=', delimiter, b'\r' | b'\n', ..] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => Some(*delimiter),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters() {
        for (sample, expect) in [
            ("a,b\n1,2\n", ','),
            ("a;b\n1,5;2\n3,5;4\n", ';'),
            ("a\tb\n1\t\"x\ty,,,\"\n", '\t'),
            ("a|b|c\n1|2|3", '|'),
            ("name\nAda\n", ','),
            ("\"a;b;c\",d\n\"x\",y\n", ','),
            ("#a;b;c;d\na,b\n", ','),
            ("", ','),
            ("a;b", ';'),
            ("last, first;age\nDoe, J;3\nRoe, R;4\nPoe;5\n", ';'),
        ] {
            assert_eq!(char::from(delimiter(sample.as_bytes(), Some(b'"'), Some(b'#'))), expect, "{sample:?}");
        }
    }

    #[test]
    fn hints() {
        assert_eq!(excel_hint(b"sep=;\r\na;b"), Some(b';'));
        assert_eq!(excel_hint(b"SEP=\t\n"), Some(b'\t'));
        assert_eq!(excel_hint(b"sep=;x"), None);
        assert_eq!(excel_hint(b"sep"), None);
    }
}
