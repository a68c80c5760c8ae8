#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
//! What the pages answer, and what they leave to the API. They hold with the pages built and without.

use axum::{Router, body::Body, middleware, routing::get};
use http::{HeaderName, Request};
use http_body_util::BodyExt as _;

use super::*;

const PAGE: (HeaderName, &str) = (header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8");
const DATA: (HeaderName, &str) = (header::ACCEPT, "application/json");

/// An API with a fallback and a layer of its own, as the registry's is.
fn app() -> Router {
    let api = Router::new()
        .route("/v1/packages", get(async || "packages"))
        .fallback(async || (StatusCode::NOT_FOUND, "no route"))
        .layer(middleware::map_response(async |mut response: Response| {
            response.headers_mut().insert("x-api", HeaderValue::from_static("yes"));
            response
        }));
    mount(api, true)
}

async fn ask(method: Method, path: &str, headers: &[(HeaderName, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    app().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn text<'r>(response: &'r Response, name: &HeaderName) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn body(response: Response) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

#[tokio::test]
async fn each_address_that_is_nobody_elses_is_the_app() {
    for path in ["/", "/search?q=csv", "/packages/acme/crm/security", "/log", "/index.html"] {
        let response = ask(Method::GET, path, &[PAGE]).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(text(&response, &header::CONTENT_TYPE), "text/html; charset=utf-8");
        assert!(
            text(&response, &header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'; script-src 'self';")
        );
        assert_eq!(text(&response, &header::CACHE_CONTROL), "no-cache");
        assert_eq!(text(&response, &header::STRICT_TRANSPORT_SECURITY), "max-age=31536000");
        assert!(!response.headers().contains_key("x-api"));
        assert!(body(response).await.starts_with(b"<!doctype html>"));
    }
}

#[tokio::test]
async fn what_is_no_page_is_the_apis() {
    for (method, path, headers) in [
        (Method::GET, "/nowhere", vec![DATA]),
        (Method::GET, "/nowhere", vec![]),
        (Method::POST, "/", vec![PAGE]),
        // A chunk of an older build is no page, whoever asks.
        (Method::GET, "/_app/immutable/gone.js", vec![PAGE]),
    ] {
        let response = ask(method, path, &headers).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(text(&response, &HeaderName::from_static("x-api")), "yes");
        assert_eq!(body(response).await, b"no route");
    }
    let response = ask(Method::GET, "/v1/packages", &[PAGE]).await;
    assert_eq!(body(response).await, b"packages", "a route wins over a page");
}

#[tokio::test]
async fn every_file_is_served_in_each_encoding_and_known_again() {
    for embedded in embedded::EMBEDDED {
        let path = format!("/{}", embedded.name);
        for (accepted, expected, encoding) in [
            (
                "gzip, deflate, br",
                embedded.brotli.or(embedded.gzip),
                if embedded.brotli.is_some() { "br" } else { "gzip" },
            ),
            ("br;q=0, gzip", embedded.gzip, "gzip"),
            ("identity", None, ""),
        ] {
            let asked = [PAGE, (header::ACCEPT_ENCODING, accepted)];
            let response = ask(Method::GET, &path, &asked).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(text(&response, &header::CONTENT_ENCODING), expected.map_or("", |_| encoding));
            let kept =
                if embedded.name.starts_with(IMMUTABLE) { "public, max-age=31536000, immutable" } else { "no-cache" };
            assert_eq!(text(&response, &header::CACHE_CONTROL), kept);
            let etag = text(&response, &header::ETAG).to_owned();
            let length = text(&response, &header::CONTENT_LENGTH).to_owned();
            assert_eq!(body(response).await, expected.unwrap_or(embedded.bytes));

            let again = ask(Method::GET, &path, &[&asked[..], &[(header::IF_NONE_MATCH, &etag)]].concat()).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            assert!(body(again).await.is_empty());

            let head = ask(Method::HEAD, &path, &asked).await;
            assert_eq!(text(&head, &header::CONTENT_LENGTH), length);
            assert!(body(head).await.is_empty());
        }
    }
}

#[test]
fn the_first_page_holds_no_inline_script_or_style() {
    let html = std::str::from_utf8(FILES[INDEX].bytes).unwrap();
    for start in html.match_indices("<script").map(|(at, _)| &html[at..]) {
        assert!(start[..start.find('>').unwrap()].contains("src="), "{html}");
    }
    assert!(!html.contains("<style") && !html.contains(" style="), "{html}");
}
