//! Text of strangers that others will read: bounded, and nothing in it that isn't seen.

use crate::Problem;

/// The text without white space at its ends.
///
/// # Errors
/// 400 `text-missing`, `text-too-long`, `text-not-plain`.
pub(crate) fn plain(what: &str, text: &str, characters: usize) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Problem::bad_request("text-missing", format!("{what} is empty")));
    }
    if text.chars().count() > characters {
        let message = format!("{what} has {} characters: at most {characters}", text.chars().count());
        return Err(Problem::bad_request("text-too-long", message));
    }
    if let Some(hidden) = text.chars().find(|c| is_hidden(*c)) {
        let message =
            format!("{what} has the character {}, which is not seen or reorders what is", hidden.escape_unicode());
        return Err(Problem::bad_request("text-not-plain", message));
    }
    Ok(text.to_owned())
}

/// Control characters but for the newline, and the Unicode characters of bidirectional and invisible formatting.
fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
