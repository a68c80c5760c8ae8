//! Text as words: the one way that both documents and queries are cut, so that no character of either means anything to a
//! database's query language.

use crate::limits::SEARCH_WORD_CHARS;

/// Runs of letters and digits, in lower case. All else separates, NUL and quotes included; longer runs are cut.
pub(super) fn words<'a>(texts: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = String> {
    texts
        .into_iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().take(SEARCH_WORD_CHARS).flat_map(char::to_lowercase).collect())
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn nothing_but_letters_and_digits_is_left() {
        let cut = |text| words([text]).collect::<Vec<_>>();
        assert_eq!(cut("acme:crm \"x\" OR 1=1 -- NEAR(a*)"), ["acme", "crm", "x", "or", "1", "1", "near", "a"]);
        assert_eq!(cut("\0'':*&|!<->\\"), [""; 0]);
        assert_eq!(cut("Straße 東京"), ["straße", "東京"]);
        assert_eq!(cut(&"x".repeat(1_000)), ["x".repeat(super::SEARCH_WORD_CHARS)]);
    }
}
