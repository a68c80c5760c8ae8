//! What a person reads: no invisible characters, no script, https, a licence.

use serde_json::Value;

use super::{Level, Rule, quote};
use crate::{Manifest, Package};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "license-spdx",
        title: "the licence is an SPDX expression",
        level: Level::Error,
        hint: "use an expression from https://spdx.org/licenses, such as `Apache-2.0` or `MIT OR Apache-2.0`",
        faults: |package| license_faults(&package.manifest().license),
    },
    Rule {
        id: "links-https",
        title: "links are https",
        level: Level::Error,
        hint: "write the whole link: https://…",
        faults: |package| link_faults(package.manifest()),
    },
    Rule {
        id: "text-visible",
        title: "no invisible, bidirectional or control characters in anything displayed",
        level: Level::Error,
        hint: "remove the character; it makes people read something else than what stands there",
        faults: text_faults,
    },
    Rule {
        id: "readme-present",
        title: "a README is embedded",
        level: Level::Warning,
        hint: "write README.md beside connector.toml; the build embeds it",
        faults: |package| match package.readme() {
            Some(readme) if !readme.trim().is_empty() => Vec::new(),
            _ => vec!["the package has no README".to_owned()],
        },
    },
    Rule {
        id: "readme-safe",
        title: "the README is plain Markdown: no HTML, no script",
        level: Level::Error,
        hint: "write it as Markdown; put HTML that is meant to be read into a code block",
        faults: |package| package.readme().map(readme_faults).unwrap_or_default(),
    },
];

fn license_faults(license: &str) -> Vec<String> {
    match spdx::Expression::parse(license) {
        Ok(_) => Vec::new(),
        Err(error) => vec![format!("license {}: {}", quote(license), error.reason)],
    }
}

fn link_faults(manifest: &Manifest) -> Vec<String> {
    let good = |link: &str| {
        let Some(rest) = link.strip_prefix("https://") else { return false };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.split_once(':').map_or(authority, |(host, _)| host).to_ascii_lowercase();
        // No user part, which makes a link look as if it led elsewhere.
        crate::egress::is_dns_name(&host)
            && host.contains('.')
            && link.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '\\' | '`' | '@'))
    };
    manifest
        .links
        .named()
        .filter(|(_, link)| !good(link))
        .map(|(name, link)| format!("links.{name}: {} is not an https link", quote(link)))
        .collect()
}

fn text_faults(package: &Package) -> Vec<String> {
    let mut faults = Vec::new();
    // Names, hosts and versions can't hold such characters; everything else in the manifest is shown somewhere.
    match serde_json::to_value(package.manifest()) {
        Ok(manifest) => walk_texts(&manifest, "", &mut faults),
        Err(error) => faults.push(format!("the manifest can't be walked: {error}")),
    }
    if let Some(readme) = package.readme()
        && let Some((line, character)) =
            readme.lines().enumerate().find_map(|(line, text)| Some((line + 1, bad_character(text)?)))
    {
        faults.push(format!("README, line {line}: U+{:04X}", u32::from(character)));
    }
    faults
}

fn walk_texts(value: &Value, path: &str, faults: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            if let Some(character) = bad_character(text) {
                faults.push(format!("{path}: U+{:04X}", u32::from(character)));
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                walk_texts(value, &format!("{path}[{index}]"), faults);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                let path = format!("{path}.{}", key.escape_debug());
                if let Some(character) = bad_character(key) {
                    faults.push(format!("a key in {path}: U+{:04X}", u32::from(character)));
                }
                walk_texts(value, path.trim_start_matches('.'), faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The first character that is not seen, turns the direction of text, or commands a terminal. Joiners are letters'
/// helpers in several scripts and in emoji, so they pass between two characters beyond ASCII.
fn bad_character(text: &str) -> Option<char> {
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let beyond_ascii = |neighbour: Option<char>| neighbour.is_some_and(|c| !c.is_ascii());
        let joins = matches!(character, '\u{200C}' | '\u{200D}')
            && beyond_ascii(before)
            && beyond_ascii(characters.peek().copied());
        if is_unseen(character) && !joins {
            return Some(character);
        }
        before = Some(character);
    }
    None
}

fn is_unseen(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        // A style of emoji.
        '\u{FE0F}' => false,
        _ if c.is_control() => true,
        // Default-ignorable, bidirectional, filler, separator, tag and private-use characters.
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' => true,
        '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' => true,
        '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0E}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' => true,
        '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' => true,
        '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}' => true,
        _ => false,
    }
}

/// What a renderer could take for HTML or script. The renderer must make it safe all the same: this tells the author.
fn readme_faults(readme: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fence: Option<(char, usize)> = None;
    for (index, line) in readme.lines().enumerate() {
        let run = fence_run(line);
        match (fence, run) {
            (Some((mark, length)), Some((closing, closing_length, rest)))
                if mark == closing && closing_length >= length && rest.trim().is_empty() =>
            {
                fence = None;
                continue;
            }
            (Some(_), _) => continue,
            (None, Some((mark, length, rest))) if mark == '~' || !rest.contains('`') => {
                fence = Some((mark, length));
                continue;
            }
            (None, _) => {}
        }
        let text = without_code_spans(line);
        if let Some(what) = html_or_script(&text) {
            faults.push(format!("README, line {}: {what}", index + 1));
        }
    }
    faults
}

/// A code fence (CommonMark 4.5): its mark, its length and what follows.
fn fence_run(line: &str) -> Option<(char, usize, &str)> {
    let indented = line.trim_start_matches(' ');
    let mark = indented.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = indented.trim_start_matches(mark);
    let length = indented.len() - rest.len();
    (line.len() - indented.len() <= 3 && length >= 3).then_some((mark, length, rest))
}

/// The line without its code spans (CommonMark 6.1) that end on the same line.
fn without_code_spans(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        let (before, from) = rest.split_at(start);
        text.push_str(before);
        let after = from.trim_start_matches('`');
        let ticks = &from[..from.len() - after.len()];
        let escaped = before.ends_with('\\');
        let closing = after
            .match_indices(ticks)
            .map(|(at, _)| at)
            .find(|at| !after[..*at].ends_with('`') && !after[at + ticks.len()..].starts_with('`'));
        match closing {
            Some(at) if !escaped => rest = &after[at + ticks.len()..],
            _ => {
                text.push_str(ticks);
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn html_or_script(text: &str) -> Option<&'static str> {
    let tag = text.match_indices('<').any(|(at, _)| {
        let rest = &text[at + 1..];
        let is_autolink = ["https://", "mailto:"].iter().any(|scheme| rest.starts_with(scheme));
        let escaped = text[..at].ends_with('\\');
        !is_autolink && !escaped && rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
    });
    if tag {
        return Some("raw HTML");
    }
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let squeezed = squeezed.to_ascii_lowercase();
    if ["javascript:", "vbscript:", "data:text/html", "data:image/svg"].iter().any(|scheme| squeezed.contains(scheme)) {
        return Some("a link that runs code");
    }
    // A character reference in a link's address hides where it leads.
    let hidden = squeezed.split("](").skip(1).any(|link| {
        let address = link.split(')').next().unwrap_or_default();
        ["&#", "&colon;", "&tab;", "&newline;"].iter().any(|reference| address.contains(reference))
    });
    hidden.then_some("a link whose address is written in character references")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readme_is_markdown_and_nothing_else() {
        let rows = [
            (
                true,
                "# Title\n\nText with `<b>code</b>` and a < b and <https://example.com>.\n\n```html\n<script>\n```\n",
            ),
            (true, "[a](https://example.com) and 5 <6"),
            (true, "``<i>` ` ``"),
            (false, "<script src=https://evil.example></script>"),
            (false, "text <img src=x onerror=alert(1)>"),
            (false, "<!-- hidden -->"),
            (false, "</div>"),
            (false, "[a](javascript:alert(1))"),
            (false, "[a](JaVa\tScript:alert(1))"),
            (false, "[a](&#106;avascript:alert(1))"),
            (false, "[a](java&Tab;script:alert(1))"),
            (false, "\\`<b>\\`"),
            (false, "```\ncode\n```\n<b>"),
            (false, "~~~\n```\n~~~\n<b>"),
            (false, "` <b>"),
        ];
        for (good, readme) in rows {
            assert_eq!(readme_faults(readme).is_empty(), good, "{readme:?}: {:?}", readme_faults(readme));
        }
    }

    #[test]
    fn unseen_characters_are_seen() {
        for bad in [
            "a\u{202E}b",
            "a\u{200B}b",
            "a\u{200D}b",
            "\u{FEFF}a",
            "a\u{7}b",
            "a\u{1b}[31m",
            "a\u{E0041}",
            "a\u{E000}",
            "a\rb",
        ] {
            assert!(bad_character(bad).is_some(), "{bad:?}");
        }
        for good in ["plain", "Zürich 東京 שלום", "👩\u{200D}💻", "❤\u{FE0F}", "می\u{200C}خواهم", "a\nb\tc"]
        {
            assert_eq!(bad_character(good), None, "{good:?}");
        }
    }
}
