//! The `Link` header (RFC 8288), as paginated services use it.

use crate::http::Response;

/// The targets of an answer's `Link` headers by relation, such as `("next", "https://…?page=2")`.
pub fn links(response: &Response) -> Vec<(String, String)> {
    let headers = response.headers().iter().filter(|(name, _)| *name == "link");
    headers.flat_map(|(_, value)| parse(value)).collect()
}

/// The target of this relation.
pub(super) fn target(response: &Response, relation: &str) -> Option<String> {
    links(response).into_iter().find(|(known, _)| known == relation).map(|(_, target)| target)
}

/// Reads `<target>; rel="a b"; title="x", <…>; rel=next`. What is malformed ends the list.
fn parse(mut value: &str) -> Vec<(String, String)> {
    let mut links = Vec::new();
    while let Some((target, rest)) = value.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        let (parameters, next) = split_parameters(rest);
        let relations = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("rel"));
        for relation in relations.map(|(_, value)| value.as_str()).unwrap_or_default().split_whitespace() {
            links.push((relation.to_ascii_lowercase(), target.to_owned()));
        }
        value = next;
    }
    links
}

/// The parameters after a target, and what follows the comma that ends them. Commas and semicolons may stand in quotes.
fn split_parameters(text: &str) -> (Vec<(String, String)>, &str) {
    let (mut parameters, mut quoted, mut start) = (Vec::new(), false, 0);
    let mut end = text.len();
    let mut take = |part: &str| {
        if let Some((name, value)) = part.split_once('=') {
            parameters.push((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()));
        }
    };
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b';' | b',' if !quoted => {
                take(&text[start..at]);
                start = at + 1;
                if byte == b',' {
                    end = at;
                    break;
                }
            }
            _ => {}
        }
    }
    if end == text.len() {
        take(&text[start..]);
    }
    (parameters, text.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expect: &[(&str, &str)]) {
        let found = parse(value);
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(found, expect, "{value}");
    }

    #[test]
    fn relations_and_targets() {
        check(
            r#"<https://a/?page=2>; rel="next", <https://a/?page=9>; rel="last""#,
            &[("next", "https://a/?page=2"), ("last", "https://a/?page=9")],
        );
        check("<https://a/?x=1,2;3>; rel=next", &[("next", "https://a/?x=1,2;3")]);
        check(r#"<b>; title="a, b; c"; rel="next prev""#, &[("next", "b"), ("prev", "b")]);
        check(r#"<b>; REL="Next""#, &[("next", "b")]);
        check("<b>", &[]);
        check("<b; rel=next", &[]);
        check("", &[]);
    }
}
