//! The known word that somebody probably meant.

/// The word of `known` nearest to `word`, if any is near enough to be a slip of the fingers.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let at_most = (word.chars().count() / 3).clamp(1, 3);
    let near = known.into_iter().map(|candidate| (distance(word, candidate), candidate));
    near.filter(|(distance, _)| *distance <= at_most).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// How many characters to insert, delete, replace or swap with their neighbour (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for row in 1..=from.len() {
        let mut current = vec![row; to.len() + 1];
        for column in 1..=to.len() {
            let same = from[row - 1] == to[column - 1];
            let mut least = (rows[row - 1][column] + 1).min(current[column - 1] + 1);
            least = least.min(rows[row - 1][column - 1] + usize::from(!same));
            let swapped = row > 1 && column > 1 && from[row - 1] == to[column - 2] && from[row - 2] == to[column - 1];
            if swapped {
                least = least.min(rows[row - 2][column - 2] + 1);
            }
            current[column] = least;
        }
        rows.push(current);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_and_another_word_finds_none() {
        let known = ["name", "title", "summary", "egress", "methods"];
        for (word, expected) in [
            ("titel", Some("title")),
            ("sumary", Some("summary")),
            ("egres", Some("egress")),
            ("method", Some("methods")),
            ("nmae", Some("name")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
