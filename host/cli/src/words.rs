//! Small things of language: near names, commands to copy, lists.

use std::path::Path;

/// The candidate that `name` was probably meant to be: a few letters off, or its last part.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let short = |text: &'a str| text.rsplit(':').next().unwrap_or(text);
    candidates
        .into_iter()
        .map(|candidate| {
            let whole = distance(name, candidate);
            // `echo` is short for `acme:echo`.
            let part = if name.contains(':') { whole } else { distance(name, short(candidate)) };
            (whole.min(part), candidate)
        })
        .filter(|(distance, candidate)| *distance <= 1 + short(candidate).chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, in characters. Names are at most 129 bytes; a longer argument is near nothing.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(200).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(200).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// An argument as a shell takes it.
pub(crate) fn shell(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A path as a shell takes it.
pub(crate) fn shell_path(path: &Path) -> String {
    shell(&path.to_string_lossy())
}

/// A path as it is shown: `connector.toml` rather than `./connector.toml`.
pub(crate) fn shown(path: &Path) -> std::path::Display<'_> {
    match path.strip_prefix(".") {
        Ok(rest) if !rest.as_os_str().is_empty() => rest.display(),
        _ => path.display(),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_for_what_it_is_near_to() {
        let known = ["acme:echo", "acme:fetch-issues", "beta:csv"];
        for (typed, meant) in [
            ("acme:ecko", Some("acme:echo")),
            ("echo", Some("acme:echo")),
            ("acme:fetch-isues", Some("acme:fetch-issues")),
            ("csv", Some("beta:csv")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }

    #[test]
    fn arguments_survive_a_shell() {
        assert_eq!(shell("a/b-c.wasm"), "a/b-c.wasm");
        assert_eq!(shell("GET https://x"), "'GET https://x'");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell(""), "''");
        assert_eq!(shell("$(x)"), "'$(x)'");
    }
}
