use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use jackfield_package::manifest::{Attach, Auth, AuthType};

use super::{attached::Loaded, *};
use crate::testing::secret;

const SECRET: &str = "canary/5f2e\"7a<b>-attach";

fn binding(r#type: AuthType, attach: Attach) -> Binding {
    let auth = Auth {
        id: "account".parse().unwrap(),
        r#type,
        provider: None,
        scopes: Vec::new(),
        hosts: vec!["api.example.com".parse().unwrap()],
        attach,
        test: None,
        hook: None,
    };
    Binding::new(&auth, auth.hosts.clone(), Source::File("/nowhere".into())).unwrap()
}

fn attached(binding: Binding, text: &str) -> Attached {
    Attached::new(vec![Loaded { binding: Arc::new(binding), secret: secret(text), connection: None }], 0)
}

#[test]
fn whatever_form_a_service_repeats_it_in_is_blotted_out() {
    let attached = attached(binding(AuthType::Bearer, Attach::default()), SECRET);
    for repeated in [
        SECRET.to_owned(),
        serde_json::to_string(SECRET).unwrap(),
        SECRET.replace('"', "\\\"").replace('/', "\\/"),
        SECRET.replace('"', "\\\"").replace('<', "\\u003c").replace('>', "\\u003e"),
        query::encode_query(SECRET.as_bytes()).to_string(),
    ] {
        let text = format!("before {repeated} after");
        for cut in 0..text.len() {
            let mut cleaner = attached.cleaner().unwrap();
            let mut clean = cleaner.clean(&text.as_bytes()[..cut]);
            clean.extend(cleaner.clean(&text.as_bytes()[cut..]));
            clean.extend(cleaner.finish());
            let clean = String::from_utf8(clean).unwrap();
            assert_eq!(clean.len(), text.len());
            assert!(clean.starts_with("before ") && clean.ends_with(" after") && !clean.contains("attach"), "{clean}");
        }
    }
}

#[test]
fn base64_of_it_is_blotted_out_wherever_in_the_text_it_stands() {
    use base64::{Engine as _, engine::general_purpose::*};
    let attached = attached(binding(AuthType::Bearer, Attach::default()), SECRET);
    for before in ["", "?", "??", "Bearer ", "user:"] {
        for after in ["", "~", "~~", "\r\nx: y"] {
            let text = format!("{before}{SECRET}{after}");
            for repeated in [STANDARD.encode(&text), STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                let mut cleaner = attached.cleaner().unwrap();
                let mut clean = cleaner.clean(repeated.as_bytes());
                clean.extend(cleaner.finish());
                assert_eq!(clean.len(), repeated.len());
                // Of the secret's own bytes, at most the first and the last share a character with others.
                let left = clean.iter().filter(|byte| **byte == b'*').count();
                assert!(left >= (SECRET.len() * 8 - 10) / 6, "{}", String::from_utf8(clean).unwrap());
            }
        }
    }
}

#[test]
fn headers_that_come_back_tell_nothing_neither_in_name_nor_in_value() {
    let attached = attached(binding(AuthType::Bearer, Attach::default()), "canary-0a1b2c3d");
    let mut headers = http::HeaderMap::new();
    headers.insert("x-canary-0a1b2c3d-x", "1".parse().unwrap());
    headers.insert("x-repeated", "Bearer canary-0a1b2c3d".parse().unwrap());
    headers.insert("set-cookie", "session=1".parse().unwrap());
    headers.insert("x-plain", "stays".parse().unwrap());
    attached.clean_headers(&mut headers);
    assert!(!format!("{headers:?}").contains("canary"), "{headers:?}");
    assert_eq!((headers.len(), &headers["x-plain"]), (2, &"stays".parse::<http::HeaderValue>().unwrap()));
}

#[test]
fn a_request_that_holds_the_secret_already_is_refused() {
    let text = "canary-0a1b2c3d";
    for request in [
        Request::get(format!("https://api.example.com/?a={text}")).body(()).unwrap(),
        Request::get("https://api.example.com/").header("x-a", text).body(()).unwrap(),
        Request::get("https://api.example.com/").header(format!("x-{text}"), "a").body(()).unwrap(),
    ] {
        let mut request = request;
        let mut attached = attached(binding(AuthType::Bearer, Attach::default()), text);
        let refused = attached.put_on(&mut request, "api.example.com", &Bytes::new());
        assert!(matches!(refused, Err(NotAttached::AlreadyThere(_))));
        assert!(!request.headers().contains_key("authorization"));
    }
}

#[test]
fn each_kind_stands_where_it_says() {
    let cases = [
        (AuthType::Oauth2, Attach::default(), "token-0123", Some(("authorization", "Bearer token-0123")), "/?a=1"),
        (
            AuthType::ApiKey,
            Attach::Header { name: "x-api-key".to_owned(), prefix: String::new() },
            "token-0123",
            Some(("x-api-key", "token-0123")),
            "/?a=1",
        ),
        (AuthType::ApiKey, Attach::Query { name: "key".to_owned() }, "token/0123", None, "/?a=1&key=token%2F0123"),
        (AuthType::Basic, Attach::Basic {}, "ada:lovelace", Some(("authorization", "Basic YWRhOmxvdmVsYWNl")), "/?a=1"),
    ];
    for (r#type, attach, text, header, target) in cases {
        let mut request = Request::get("https://api.example.com/?a=1").body(()).unwrap();
        let mut attached = attached(binding(r#type, attach), text);
        assert!(attached.put_on(&mut request, "api.example.com", &Bytes::new()).is_ok());
        assert_eq!(request.uri().path_and_query().unwrap().as_str(), target);
        if let Some((name, value)) = header {
            assert_eq!(request.headers()[name], value);
            assert!(request.headers()[name].is_sensitive());
        }
    }
}
