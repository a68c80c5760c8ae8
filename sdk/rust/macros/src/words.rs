//! Names and sentences that are made of what the author wrote anyway.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// `list_issues` → `list-issues`.
pub(crate) fn kebab(identifier: &str) -> String {
    identifier.trim_start_matches("r#").trim_matches('_').replace('_', "-").to_lowercase()
}

/// Lower-case letters and digits in words joined by single hyphens, starting with a letter; 64 at most.
pub(crate) fn is_kebab(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

/// `list-issues` → `List issues`.
pub(crate) fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The doc comment: lines of a paragraph are joined, a blank line parts paragraphs.
pub(crate) fn description(attributes: &[Attribute]) -> String {
    let mut paragraphs = vec![String::new()];
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let Meta::NameValue(pair) = &attribute.meta else { continue };
        let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { continue };
        for line in text.value().split('\n') {
            let line = line.trim();
            match paragraphs.last_mut() {
                Some(last) if !line.is_empty() => {
                    if !last.is_empty() {
                        last.push(' ');
                    }
                    last.push_str(line);
                }
                Some(last) if last.is_empty() => {}
                _ => paragraphs.push(String::new()),
            }
        }
    }
    paragraphs.join("\n\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_titles() {
        for (identifier, name, shown) in
            [("greet", "greet", "Greet"), ("list_issues", "list-issues", "List issues"), ("r#move", "move", "Move")]
        {
            assert_eq!(kebab(identifier), name);
            assert_eq!(title(name), shown);
            assert!(is_kebab(name));
        }
        for bad in ["", "-a", "a-", "a--b", "List", "a_b", "1a"] {
            assert!(!is_kebab(bad), "{bad}");
        }
    }

    #[test]
    fn a_doc_comment_becomes_paragraphs() {
        let function: syn::ItemFn = syn::parse_quote! {
            /// Lists issues
            /// of a repository.
            ///
            /// Newest first.
            fn list() {}
        };
        assert_eq!(description(&function.attrs), "Lists issues of a repository.\n\nNewest first.");
    }
}
