//! What is asked: parameters parsed into what can't be wrong, and where the last page ended.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_package::{
    Label,
    egress::HostPattern,
    manifest::{AuthType, Category, Effect},
};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::words::words;
use crate::{
    Problem,
    limits::{SEARCH_FILTERS, SEARCH_PAGE, SEARCH_PAGE_AT_MOST, SEARCH_TEXT_BYTES, SEARCH_WORDS},
};

/// The parameters as they come. One that may be given several times must hold each time.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// Words to look for.
    pub q: Option<String>,
    /// `category=crm` and the like: `category`, `operation`, `effect`, `host`, `publisher`, `import`, `auth`.
    pub filters: Vec<(String, String)>,
    /// `relevance`, `rating`, `installs` or `newest`.
    pub sort: Option<String>,
    /// Where the last page ended: its `next`.
    pub cursor: Option<String>,
    /// How many on a page.
    pub limit: Option<String>,
}

impl Parameters {
    /// From names and values.
    ///
    /// # Errors
    /// 400 `search-parameter-unknown`.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Problem> {
        let mut parameters = Self::default();
        for (name, value) in pairs {
            let once = match name.as_str() {
                "q" => &mut parameters.q,
                "sort" => &mut parameters.sort,
                "cursor" => &mut parameters.cursor,
                "limit" => &mut parameters.limit,
                "category" | "operation" | "effect" | "host" | "publisher" | "import" | "auth" => {
                    parameters.filters.push((name, value));
                    continue;
                }
                _ => {
                    return Err(Problem::bad_request(
                        "search-parameter-unknown",
                        format!("`{}` is no parameter of the search", name.escape_debug()),
                    )
                    .hint("q, category, operation, effect, host, publisher, import, auth, sort, cursor, limit"));
                }
            };
            if once.replace(value).is_some() {
                return Err(invalid(&name, "is given twice"));
            }
        }
        Ok(parameters)
    }
}

/// The order of what is found. Ties are broken by a number that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// How well the words fit; without words as [`Self::Installs`].
    Relevance,
    /// The Bayesian mean of the reviews.
    Rating,
    /// How often it was installed.
    Installs,
    /// When its newest version was released.
    Newest,
}

/// What is asked, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Words, all of which must occur.
    pub(super) words: Vec<String>,
    /// Keys of facets, all of which it must have.
    pub(super) filters: Vec<String>,
    pub(super) sort: Sort,
    /// The sort key and the card's id of the last row of the last page.
    pub(super) after: (i64, i64),
    pub(super) limit: i64,
    /// Whether it asks for words at all: words without a letter or digit find nothing.
    pub(super) hopeless: bool,
    pub(super) is_first_page: bool,
    fingerprint: [u8; 8],
}

impl Query {
    /// Reads parameters.
    ///
    /// # Errors
    /// 400 `search-text-too-long`, `search-parameter-invalid`, `cursor-invalid`.
    pub fn parse(parameters: &Parameters) -> Result<Self, Problem> {
        let text = parameters.q.as_deref().unwrap_or_default();
        if text.len() > SEARCH_TEXT_BYTES {
            return Err(Problem::bad_request(
                "search-text-too-long",
                format!("the text has {} bytes: at most {SEARCH_TEXT_BYTES}", text.len()),
            ));
        }
        let found: Vec<_> = words([text]).take(SEARCH_WORDS).collect();
        if parameters.filters.len() > SEARCH_FILTERS {
            return Err(invalid("the filters", &format!("are more than {SEARCH_FILTERS}")));
        }
        let mut filters =
            parameters.filters.iter().map(|(name, value)| filter(name, value)).collect::<Result<Vec<_>, _>>()?;
        filters.sort();
        filters.dedup();
        let sort = match parameters.sort.as_deref() {
            None | Some("relevance") => Sort::Relevance,
            Some("rating") => Sort::Rating,
            Some("installs") => Sort::Installs,
            Some("newest") => Sort::Newest,
            Some(_) => return Err(invalid("sort", "is none of relevance, rating, installs and newest")),
        };
        let limit = match parameters.limit.as_deref() {
            None => SEARCH_PAGE,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=SEARCH_PAGE_AT_MOST).contains(limit))
                .ok_or_else(|| invalid("limit", &format!("is no number from 1 to {SEARCH_PAGE_AT_MOST}")))?,
        };
        let hopeless = found.is_empty() && !text.trim().is_empty();
        let fingerprint = fingerprint(&found, &filters, sort);
        let after = match parameters.cursor.as_deref() {
            None => (i64::MAX, i64::MAX),
            Some(cursor) => read_cursor(cursor, fingerprint)?,
        };
        let is_first_page = parameters.cursor.is_none();
        Ok(Self { words: found, filters, sort, after, limit, hopeless, is_first_page, fingerprint })
    }

    /// Where the next page begins, for a page that ended with this row.
    pub(super) fn cursor(&self, sort_key: i64, id: i64) -> String {
        let mut bytes = self.fingerprint.to_vec();
        bytes.extend(sort_key.to_be_bytes());
        bytes.extend(id.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// A cursor is good for the question that it was given for: another order or other words have no such place.
fn fingerprint(words: &[String], filters: &[String], sort: Sort) -> [u8; 8] {
    let digest = Sha256::digest(format!("{words:?}{filters:?}{sort:?}"));
    let mut fingerprint = [0; 8];
    fingerprint.copy_from_slice(&digest[..8]);
    fingerprint
}

fn read_cursor(cursor: &str, fingerprint: [u8; 8]) -> Result<(i64, i64), Problem> {
    let refuse = || {
        Problem::bad_request("cursor-invalid", "the cursor is none that this search has given")
            .hint("take `next` of the last page, with all other parameters unchanged")
    };
    let mut bytes = [0; 24];
    // Longer input is not even decoded.
    let length = if cursor.len() == 32 { URL_SAFE_NO_PAD.decode_slice(cursor, &mut bytes).unwrap_or(0) } else { 0 };
    if length != bytes.len() || bytes[..8] != fingerprint {
        return Err(refuse());
    }
    let number = |at: usize| bytes[at..at + 8].try_into().map(i64::from_be_bytes).map_err(|_| refuse());
    Ok((number(8)?, number(16)?))
}

/// A facet's key, its value in the one spelling that is stored.
fn filter(name: &str, value: &str) -> Result<String, Problem> {
    let good = match name {
        "category" => is_word::<Category>(value),
        "auth" => is_word::<AuthType>(value),
        "effect" => is_word::<Effect>(value),
        "operation" | "publisher" => value.parse::<Label>().is_ok(),
        "host" => value.parse::<HostPattern>().is_ok_and(|host| host.to_string() == value),
        "import" => {
            value.len() <= jackfield_package::limits::EXTERN_NAME_BYTES
                && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-:/.".contains(&b))
        }
        _ => false,
    };
    if !good {
        let shown: String = value.chars().take(80).collect();
        return Err(invalid(name, &format!("can't be `{}`", shown.escape_debug())));
    }
    Ok(format!("{name}={value}"))
}

fn is_word<T: DeserializeOwned>(value: &str) -> bool {
    T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(value)).is_ok()
}

fn invalid(name: &str, what: &str) -> Problem {
    Problem::bad_request("search-parameter-invalid", format!("{name} {what}"))
}
