//! Words a login of two steps whose second request is signed, a code's exchange and a refresh, for a provider that speaks no OAuth.

use program::{
    Answer, Call, Error, ErrorKind, error, fetch,
    hook::{Body, Derived, Exchange, Request, Step, Tokens, hook},
    program,
};
use serde_json::{Value, json};

fn run(call: Call) -> Answer {
    Ok(fetch::fetch(&serde_json::from_str(&call.input).expect("a request")).to_string())
}

fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn request(endpoint: &str) -> Request {
    Request {
        endpoint: endpoint.to_owned(),
        method: "POST".to_owned(),
        query: vec![],
        headers: vec![],
        body: None,
        derive: vec![],
        keep: vec![],
    }
}

fn derived(name: &str, function: &str, key: Option<&str>, over: &str, encoding: &str) -> Derived {
    let key = key.map(str::to_owned);
    Derived {
        name: name.to_owned(),
        function: function.to_owned(),
        key,
        over: over.to_owned(),
        encoding: encoding.to_owned(),
    }
}

fn next(exchange: Exchange) -> Result<Step, Error> {
    let terms: Value = serde_json::from_str(&exchange.terms).expect("terms are JSON");
    let now = exchange.now_ms / 1000;
    match (exchange.purpose.as_str(), exchange.answers.as_slice()) {
        ("client", []) => Ok(Step::Send(Request {
            body: Some(Body::Json(json!({ "user": terms["client_id"], "password": "{{client_secret}}" }).to_string())),
            keep: own(&[("session", "header:x-session")]),
            ..request("login")
        })),
        ("client", [login]) if login.kept.is_empty() => {
            let read: Value = serde_json::from_str(&login.read).expect("what is read is JSON");
            Err(Error {
                code: "login-failed".to_owned(),
                ..error(ErrorKind::Unauthenticated, format!("it says {}", read["/code"]))
            })
        }
        ("client", [_]) => Ok(Step::Send(Request {
            method: "GET".to_owned(),
            query: own(&[("time", &now.to_string()), ("sign", "{{sign}}")]),
            headers: own(&[("x-session", "{{session}}"), ("authorization", "Special {{basic}}")]),
            derive: vec![
                derived("sign", "hmac-sha256", Some("{{client_secret}}"), &format!("{{{{session}}}}.{now}"), "hex"),
                derived("basic", "text", None, "app:{{client_secret}}", "base64"),
            ],
            keep: own(&[("token", "/data/token")]),
            ..request("token")
        })),
        ("client", [_, token]) => {
            let read: Value = serde_json::from_str(&token.read).expect("what is read is JSON");
            Ok(Step::Done(Tokens {
                access: "{{token}}".to_owned(),
                refresh: None,
                derive: vec![],
                expires_in_s: read["/data/ttl"].as_u64(),
                refresh_expires_in_s: None,
                scopes: None,
                account: read["/data/account"].as_str().map(str::to_owned),
            }))
        }
        ("code", []) => Ok(Step::Send(Request {
            body: Some(Body::Form(own(&[
                ("auth_code", "{{code}}"),
                ("redirect", terms["redirect_uri"].as_str().unwrap_or_default()),
                ("app_secret", "{{client_secret}}"),
                ("proof", "{{code_verifier}}"),
            ]))),
            keep: own(&[("token", "/data/token"), ("next", "/data/next")]),
            ..request("token")
        })),
        ("refresh", []) => Ok(Step::Send(Request {
            body: Some(Body::Form(own(&[("again", "{{refresh_token}}")]))),
            keep: own(&[("token", "/data/token"), ("next", "/data/next")]),
            ..request("token")
        })),
        ("code" | "refresh", [_]) => Ok(Step::Done(Tokens {
            access: "{{token}}".to_owned(),
            refresh: Some("{{next}}".to_owned()),
            derive: vec![],
            expires_in_s: Some(600),
            refresh_expires_in_s: None,
            scopes: Some(vec!["all".to_owned()]),
            account: None,
        })),
        (purpose, answers) => Err(error(ErrorKind::Internal, format!("{purpose} after {}", answers.len()))),
    }
}

program!(run);
hook!(next);
