//! A person with a browser, as far as signing in takes one: pages, forms, redirects and cookies. No script is run; none of the
//! pages needs one.

use crate::{
    Failure,
    http::{Answer, ask, encode, resolve},
};

/// Pages and redirects until somebody is signed in: the longest way is ten.
const PAGES: usize = 20;

/// Somebody, and what their browser remembers. All addresses are of one host, as cookies tell hosts apart: its ports share them.
pub(crate) struct Person {
    name: &'static str,
    cookies: Vec<Cookie>,
}

struct Cookie {
    name: String,
    value: String,
    path: String,
}

/// A page, and where it is.
struct Page {
    url: String,
    text: String,
}

impl Person {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, cookies: Vec::new() }
    }

    /// Opens a link and does what the pages ask for, until one asks for nothing: says who they are, and consents. Gives the
    /// text of the last page.
    pub(crate) fn sign_in(&mut self, link: &str) -> Result<String, Failure> {
        let mut page = self.open(link, None)?;
        for _ in 0..PAGES {
            let next = match (Form::first(&page.text), forwarded(&page.text)) {
                (Some(form), _) => (form.action.clone(), Some(self.filled(&form))),
                (None, Some(target)) => (target, None),
                (None, None) => return Ok(page.text),
            };
            page = self.open(&resolve(&page.url, &next.0), next.1.as_deref())?;
        }
        Err(format!("{link} leads from page to page without an end").into())
    }

    /// Follows redirects to a page.
    fn open(&mut self, link: &str, form: Option<&str>) -> Result<Page, Failure> {
        let (mut url, mut form) = (link.to_owned(), form);
        for _ in 0..PAGES {
            let cookies = self.cookies_for(&url);
            let headers: &[_] = if cookies.is_empty() { &[] } else { &[("cookie", cookies.as_str())] };
            let answer = ask(&url, headers, form.take())?;
            self.remember(&answer);
            let redirect = answer.header("location").next().filter(|_| (300..400).contains(&answer.status));
            match redirect {
                Some(target) => url = resolve(&url, target),
                None => return Ok(Page { url, text: answer.body }),
            }
        }
        Err(format!("{link} redirects without an end").into())
    }

    fn filled(&self, form: &Form) -> String {
        encode(form.fields.iter().map(|(name, value)| match name.as_str() {
            "login" => ("login", self.name),
            "password" => ("password", "any"),
            name => (name, value.as_str()),
        }))
    }

    fn cookies_for(&self, url: &str) -> String {
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        let path = format!("/{}", path.split('?').next().unwrap_or_default());
        let sent = self.cookies.iter().filter(|cookie| path.starts_with(&cookie.path));
        sent.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect::<Vec<_>>().join("; ")
    }

    fn remember(&mut self, answer: &Answer) {
        for line in answer.header("set-cookie") {
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let path = parts.find_map(|part| part.to_ascii_lowercase().starts_with("path=").then(|| &part[5..]));
            let path = path.unwrap_or("/").to_owned();
            self.cookies.retain(|known| known.name != name || known.path != path);
            if !value.is_empty() {
                self.cookies.push(Cookie { name: name.to_owned(), value: value.to_owned(), path });
            }
        }
    }
}

/// A form of a page: the first says yes, on all pages that are met here.
struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

impl Form {
    fn first(page: &str) -> Option<Self> {
        let from = &page[page.find("<form")?..];
        let form = &from[..from.find("</form>")?];
        let fields = form.split("<input").skip(1).filter_map(|input| {
            let tag = input.split('>').next()?;
            Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
        });
        Some(Self { action: attribute(form.split('>').next()?, "action")?, fields: fields.collect() })
    }
}

/// Where a page goes on to by itself.
fn forwarded(page: &str) -> Option<String> {
    let from = &page[page.find("http-equiv=\"refresh\"")?..];
    let content = attribute(from.split('>').next()?, "content")?;
    Some(content.split_once("url=")?.1.to_owned())
}

/// An attribute's value, as it is meant.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!(" {name}=\""))?.1.split('"').next()?;
    let meant = [("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    Some(meant.iter().fold(value.to_owned(), |text, (entity, character)| text.replace(entity, character)))
}
