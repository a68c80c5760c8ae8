//! Pages of things, and single things that may not have changed.

use jackfield_sdk::prelude::*;
use serde::de::DeserializeOwned;

use crate::api;

/// The most pages that one call walks: 1 000 things, within a call's time and requests.
const MAX_PAGES: u8 = 10;

/// Which part of a listing is asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct Part {
    /// Things a page, 100 at most.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 100))]
    per_page: u8,
    /// The page to start at.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    page: u32,
    /// How many pages to walk, 10 at most.
    #[serde(default = "one_page")]
    #[schemars(range(min = 1, max = 10))]
    max_pages: u8,
}

fn thirty() -> u8 {
    30
}

fn one() -> u32 {
    1
}

fn one_page() -> u8 {
    1
}

/// Things, and how to go on.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Listing<T> {
    /// What was found.
    pub(crate) items: Vec<T>,
    /// The page to go on with; null if that was all.
    next_page: Option<u32>,
    /// Give this back as `etag` to be told only of a change.
    etag: Option<String>,
    /// Whether nothing changed since the given `etag`; there are no items then.
    not_modified: bool,
}

/// A thing that may not have changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Single<T> {
    /// The thing; null if it has not changed.
    item: Option<T>,
    /// Give this back as `etag` to be told only of a change.
    etag: Option<String>,
    /// Whether nothing changed since the given `etag`.
    not_modified: bool,
}

/// Walks a listing; `read` takes the things out of a page.
pub(crate) fn walk<T>(
    listing: Request<'static>,
    part: &Part,
    etag: Option<&str>,
    mut read: impl FnMut(Response) -> Result<Vec<T>>,
) -> Result<Listing<T>> {
    let url = listing.query("per_page", part.per_page.clamp(1, 100)).query("page", part.page.max(1)).url().to_owned();
    let mut found = Listing { items: Vec::new(), next_page: None, etag: None, not_modified: false };
    let mut first = true;
    let mut pages = http::pages(url, part.max_pages.clamp(1, MAX_PAGES).into(), |url| {
        let etag = etag.filter(|_| std::mem::take(&mut first));
        api::unless_matching(api::headers(Request::get(url)), etag)
    });
    let mut is_first = true;
    for page in &mut pages {
        let page = api::check(page?)?;
        if std::mem::take(&mut is_first) {
            found.etag = page.header("etag").or(etag).map(str::to_owned);
        }
        if page.status() == 304 {
            found.not_modified = true;
            break;
        }
        found.items.extend(read(page)?);
    }
    found.next_page = pages.next_url().and_then(page_of);
    Ok(found)
}

/// Gets one thing.
pub(crate) fn get<T: DeserializeOwned>(url: &str, etag: Option<&str>) -> Result<Single<T>> {
    let response = api::check(api::unless_matching(api::headers(Request::get(url)), etag).send()?)?;
    let known = response.header("etag").or(etag).map(str::to_owned);
    if response.status() == 304 {
        return Ok(Single { item: None, etag: known, not_modified: true });
    }
    Ok(Single { item: Some(response.json()?), etag: known, not_modified: false })
}

/// The parameter `page` of a URL.
fn page_of(url: &str) -> Option<u32> {
    let query = url.split_once('?')?.1;
    query.split(['&', '#']).find_map(|pair| pair.strip_prefix("page="))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_url() {
        assert_eq!(page_of("https://a/?per_page=3&page=2"), Some(2));
        assert_eq!(page_of("https://a/?per_page=3"), None);
        assert_eq!(page_of("https://a/"), None);
    }
}
