//! Page after page, as the `Link` header's `next` leads.

use crate::{
    Error, Result,
    http::{Request, Response, link},
};

/// The pages of a listing that names its next page in the `Link` header, at most `max_pages` of them.
///
/// `request` makes the request for a URL, so that headers stand on each. Statuses are not judged here: services differ
/// in what theirs mean. A next page on another host is refused: no service has a reason for that.
///
/// ```no_run
/// # use jackfield_sdk::prelude::*;
/// # fn main() -> Result<()> {
/// let mut names: Vec<String> = Vec::new();
/// for page in http::pages("https://api.example.com/names", 10, |url| Request::get(url)) {
///     names.extend(page?.error_for_status()?.json::<Vec<String>>()?);
/// }
/// # Ok(()) }
/// ```
pub fn pages<F>(url: impl Into<String>, max_pages: usize, request: F) -> Pages<F>
where
    F: FnMut(&str) -> Request<'static>,
{
    Pages { next: Some(url.into()), left: max_pages, request }
}

/// See [`pages`].
pub struct Pages<F> {
    next: Option<String>,
    left: usize,
    request: F,
}

impl<F> Pages<F> {
    /// Where the next page is, if there is one: also when `max_pages` ended the walk before its end.
    pub fn next_url(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

impl<F: FnMut(&str) -> Request<'static>> Iterator for Pages<F> {
    type Item = Result<Response>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let url = self.next.take()?;
        let page = (self.request)(&url).send().and_then(|response| {
            self.next = following(&url, &response)?;
            Ok(response)
        });
        Some(page)
    }
}

/// The next page's URL, which must be on the same host.
fn following(url: &str, response: &Response) -> Result<Option<String>> {
    let Some(next) = link::target(response, "next") else { return Ok(None) };
    if next.starts_with('/') && !next.starts_with("//") {
        return Ok(Some(format!("{}{next}", origin(url))));
    }
    if origin(&next) != origin(url) {
        return Err(Error::upstream(format!("{}: the next page is on another host: {next}", response.subject()))
            .with_code("next-page-elsewhere")
            .with_request_sent(true));
    }
    Ok(Some(next))
}

/// Scheme and authority.
fn origin(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find(['/', '?', '#']).map_or(url.len(), |at| authority + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(next: &str, expect: Result<Option<&str>, &str>) {
        let headers = [("link", format!("<{next}>; rel=\"next\""))].into_iter().collect();
        let found = following("https://a.example/list?page=1", &Response::new(200, headers, &b""[..]));
        match (found, expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found.as_deref(), expect),
            (Err(found), Err(expect)) => assert_eq!(found.code(), expect),
            (found, expect) => panic!("{found:?} is not {expect:?}"),
        }
    }

    #[test]
    fn the_next_page_is_on_the_same_host() {
        check("https://a.example/list?page=2", Ok(Some("https://a.example/list?page=2")));
        check("/list?page=2", Ok(Some("https://a.example/list?page=2")));
        check("https://b.example/list?page=2", Err("next-page-elsewhere"));
        check("https://a.example.evil/", Err("next-page-elsewhere"));
        check("http://a.example/list", Err("next-page-elsewhere"));
        check("//b.example/", Err("next-page-elsewhere"));
    }

    #[test]
    fn without_a_link_it_ends() {
        let response = Response::new(200, [("x", "y")].into_iter().collect(), &b""[..]);
        assert_eq!(following("https://a/", &response), Ok(None));
    }
}
