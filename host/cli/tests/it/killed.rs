//! A server killed while many ask: whatever it has acknowledged is there when it is started again.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    kit::{Desk, databases},
    workspaces::{Asks, operator, try_send},
};

const RUN: &str = "/main/installations/acme/echo/operations/run/invoke";
const ROUNDS: u64 = 6;
const CALLERS: u64 = 6;

#[test]
fn what_was_acknowledged_under_load_survives_a_kill() {
    for flags in databases() {
        story(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn story(flags: &[&str]) {
    let desk = Desk::new();
    let mut server = desk.serve(flags);
    let address = server.address();
    desk.publisher(&server);
    desk.release_echo("1.0.0");
    let admin = Asks::new(&server, operator(&desk));
    admin.post("/main/installations", json!({ "package": "acme:echo", "grant": "none" }), 201);
    admin.put("/main/quota", json!({ "calls_a_minute": 60_000_000 }), 204);
    let token = admin.post("/main/tokens", json!({ "label": "a workflow" }), 201);
    let token = token["token"].as_str().unwrap().to_owned();

    // Answers by their keys, and the last limit that a grant was acknowledged with.
    let (answers, granted) = (Mutex::new(BTreeMap::new()), AtomicU64::new(0));
    for round in 0..ROUNDS {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (stop, answers, granted, token, server) = (&stop, &answers, &granted, &token, &server);
            let operator = operator(&desk);
            for caller in 0..CALLERS {
                scope.spawn(move || {
                    let workflow = Asks::new(server, token.as_str());
                    for n in 0.. {
                        let key = format!("{round}-{caller}-{n}");
                        let request = workflow.request(Method::POST, RUN).header("idempotency-key", &key);
                        match try_send(request.json(&json!({ "key": key }))) {
                            Ok(answer) if answer.status == 200 => answers.lock().unwrap().insert(key, answer.text),
                            _ => None,
                        };
                        if stop.load(SeqCst) {
                            return;
                        }
                    }
                });
            }
            scope.spawn(move || {
                let admin = Asks::new(server, operator);
                for n in 1.. {
                    let wish = round * 1_000_000 + n;
                    let grant = json!({ "limits": { "fuel": 1_000_000_000 + wish } });
                    let request = admin.request(Method::PUT, "/main/installations/acme/echo/grant").json(&grant);
                    if try_send(request).is_ok_and(|answer| answer.status == 200) {
                        granted.store(wish, SeqCst);
                    }
                    if stop.load(SeqCst) {
                        return;
                    }
                }
            });
            std::thread::sleep(Duration::from_millis(250 + 90 * round));
            let pid = server.id().to_string();
            assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
            stop.store(true, SeqCst);
        });
        drop(server);
        server = desk.serve_at(&address, flags);
        let admin = Asks::new(&server, operator(&desk));
        let now = admin.get("/main/installations/acme/echo")["limits"]["fuel"]["value"].as_u64().unwrap();
        assert!(now - 1_000_000_000 >= granted.load(SeqCst), "an acknowledged grant is gone");
        assert_eq!(admin.get("/main/audit/verify")["intact"], json!(true));
    }

    let answers = answers.into_inner().unwrap();
    assert!(answers.len() as u64 > ROUNDS, "{} calls were acknowledged", answers.len());
    let workflow = Asks::new(&server, token.as_str());
    for (key, text) in answers {
        let request = workflow.request(Method::POST, RUN).header("idempotency-key", &key).json(&json!({ "key": key }));
        let again = try_send(request).unwrap();
        assert_eq!((again.status.as_u16(), &again.text), (200, &text), "{key}");
        assert_eq!(again.headers["idempotency-replayed"], "true", "{key} was done twice");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["result"]["key"], key);
    }
}
