//! Two texts side by side, for a person: what was expected and what was found.

use serde_json::Value;

/// Lines of context around a difference.
const CONTEXT_LINES: usize = 3;
/// Lines of either text that are compared; beyond it the table of the comparison would grow past some megabytes.
const LINES: usize = 1_000;
/// Lines that are shown.
const SHOWN_LINES: usize = 120;

/// The two values as indented JSON, line against line: `-` stands for expected, `+` for found.
pub(crate) fn of_values(expected: &Value, found: &Value) -> String {
    of_texts(&format!("{expected:#}"), &format!("{found:#}"))
}

/// The two texts, line against line: `-` stands for expected, `+` for found.
pub(crate) fn of_texts(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<&str>, Vec<&str>) = (lines(expected), lines(found));
    let edits = edits(&expected, &found);
    let mut shown = Vec::new();
    let mut skipped = false;
    for (at, (sign, line)) in edits.iter().enumerate() {
        let from = at.saturating_sub(CONTEXT_LINES);
        let near = edits[from..(at + CONTEXT_LINES + 1).min(edits.len())].iter().any(|(sign, _)| *sign != ' ');
        if near {
            if skipped {
                shown.push("  …".to_owned());
            }
            shown.push(format!("{sign} {line}"));
        }
        skipped = !near;
        if shown.len() >= SHOWN_LINES {
            shown.push("… and more".to_owned());
            break;
        }
    }
    shown.join("\n")
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().take(LINES).collect()
}

/// The shortest way from one to the other by removing and adding lines (longest common subsequence).
fn edits<'a>(expected: &[&'a str], found: &[&'a str]) -> Vec<(char, &'a str)> {
    let columns = found.len() + 1;
    // common[row * columns + column]: lines that expected[row..] and found[column..] have in common.
    let mut common = vec![0usize; (expected.len() + 1) * columns];
    for row in (0..expected.len()).rev() {
        for column in (0..found.len()).rev() {
            common[row * columns + column] = if expected[row] == found[column] {
                common[(row + 1) * columns + column + 1] + 1
            } else {
                common[(row + 1) * columns + column].max(common[row * columns + column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut edits = Vec::new();
    while row < expected.len() || column < found.len() {
        if row < expected.len() && column < found.len() && expected[row] == found[column] {
            edits.push((' ', expected[row]));
            row += 1;
            column += 1;
        } else if column == found.len()
            || (row < expected.len() && common[(row + 1) * columns + column] >= common[row * columns + column + 1])
        {
            edits.push(('-', expected[row]));
            row += 1;
        } else {
            edits.push(('+', found[column]));
            column += 1;
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_lines_that_differ_and_their_neighbours_are_shown() {
        let expected = json!({"a": 1, "b": [1, 2, 3, 4, 5, 6, 7, 8], "message": "Hello, Ada!"});
        let found = json!({"a": 1, "b": [1, 2, 3, 4, 5, 6, 7, 8], "message": "Hello, Bob!"});
        assert_eq!(
            of_values(&expected, &found),
            "  …\n      7,\n      8\n    ],\n-   \"message\": \"Hello, Ada!\"\n+   \"message\": \"Hello, Bob!\"\n  }"
        );
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_is_marked() {
        assert_eq!(of_texts("a\nb", "a"), "  a\n- b");
        assert_eq!(of_texts("a", "a\nb"), "  a\n+ b");
        assert_eq!(of_texts("", "b"), "+ b");
    }
}
