//! Looking into a released connector before it is installed: its WIT, and a call of it in the registry's own sandbox, where nothing
//! answers but what the package has recorded.

use std::net::TcpListener;

use jackfield_package::section;
use jackfield_test_kit::{PackageBuilder, programs};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    kit::{Desk, Server, on_each_database},
    withdrawals::{becomes, owner},
    workspaces::{Answer, Asks, send},
};

fn at(server: &Server, rest: &str) -> String {
    format!("{}/v1/packages/acme/echo/{rest}", server.url)
}

fn get(server: &Server, rest: &str) -> Answer {
    send(Asks::new(server, "").client.get(at(server, rest)))
}

fn post(server: &Server, version: &str, trial: &Value) -> RequestBuilder {
    Asks::new(server, "").client.post(at(server, &format!("{version}/try"))).json(trial)
}

#[track_caller]
fn tries(server: &Server, version: &str, trial: Value, status: u16) -> Value {
    send(post(server, version, &trial)).expect(status)
}

/// The same of a call that is refused or does not go well: the problem, whose code is this one.
#[track_caller]
fn problem(server: &Server, version: &str, trial: Value, status: u16, code: &str) -> Value {
    let problem = tries(server, version, trial, status);
    assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)), "{problem}");
    problem
}

fn with_cassettes(program: &str, cassettes: Value) -> PackageBuilder {
    PackageBuilder::of(program).section(section::CASSETTES, cassettes.to_string())
}

fn echo() -> PackageBuilder {
    let echoes = json!({ "operation": "run", "input": { "say": "hello" }, "expect": { "output": { "say": "hello" } } });
    with_cassettes(programs::ECHO, json!({ "says-hello": echoes }))
}

#[test]
fn a_visitor_reads_the_contract_and_tries_what_is_released() {
    on_each_database(&[], |desk, server| {
        desk.release("1.0.0", echo());

        let wit = get(server, "1.0.0/wit");
        assert_eq!(
            (wit.status.as_u16(), wit.headers["content-type"].to_str().unwrap()),
            (200, "text/plain; charset=utf-8")
        );
        assert!(wit.text.contains("export jackfield:connector/operations@0.1.0;"), "{}", wit.text);
        assert!(wit.text.contains("package jackfield:connector@0.1.0 {"), "{}", wit.text);
        assert!(wit.headers.contains_key("etag"));
        assert_eq!(get(server, "7.0.0/wit").expect(404)["code"], "release-not-found");

        let fixtures = get(server, "1.0.0/try").expect(200);
        let expected = json!([{ "cassette": "says-hello", "operation": "run", "input": { "say": "hello" }, "files": [], "fails": false }]);
        assert_eq!(fixtures["fixtures"], expected);

        // With what is recorded, with something else, and with nothing recorded. Numbers keep their digits.
        let said = tries(
            server,
            "1.0.0",
            json!({ "operation": "run", "input": { "say": "hello" }, "cassette": "says-hello" }),
            200,
        );
        assert_eq!(said["result"], json!({ "say": "hello" }));
        assert!(said["bill"]["fuel"].as_u64().unwrap() > 0 && said.get("invocation").is_none(), "{said}");
        let long = r#"{"operation":"run","input":{"n":12345678901234567890123}}"#;
        let request =
            Asks::new(server, "").client.post(at(server, "1.0.0/try")).header("content-type", "application/json");
        let answer = send(request.body(long));
        answer.expect(200);
        assert!(answer.text.contains(r#""result":{"n":12345678901234567890123}"#), "{}", answer.text);
        assert_eq!(answer.headers["cache-control"], "no-store");

        problem(
            server,
            "1.0.0",
            json!({ "operation": "run", "input": 1, "cassette": "gone" }),
            404,
            "cassette-not-found",
        );
        problem(
            server,
            "1.0.0",
            json!({ "operation": "walk", "input": 1, "cassette": "says-hello" }),
            400,
            "cassette-of-another",
        );
        problem(server, "1.0.0", json!({ "operation": "walk", "input": 1 }), 404, "operation-unknown");
        problem(
            server,
            "1.0.0",
            json!({ "operation": "run", "input": 1, "files": { "a": "?" } }),
            400,
            "file-malformed",
        );
        problem(server, "1.0.0", json!({ "operation": "run", "input": 1, "network": true }), 400, "body-malformed");
        problem(server, "1.0.0", json!({ "operation": "run", "input": "x".repeat(600 << 10) }), 413, "body-too-long");
        problem(server, "7.0.0", json!({ "operation": "run", "input": 1 }), 404, "release-not-found");

        // Whoever is somebody is so by the rules of every other change.
        let call = json!({ "operation": "run", "input": 1 });
        assert_eq!(send(post(server, "1.0.0", &call).bearer_auth("jf_nobody")).expect(401)["code"], "token-unknown");
        let shown = json!({ "user": "ada", "password": "correct horse battery" });
        let signed_in = send(Asks::new(server, "").client.post(format!("{}/v1/session", server.url)).json(&shown));
        let cookie = signed_in.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(send(post(server, "1.0.0", &call).header("cookie", &cookie)).expect(403)["code"], "csrf");
        send(post(server, "1.0.0", &call).header("cookie", &cookie).header("x-jackfield-csrf", "1")).expect(200);

        // Taken back, it is not run any more; what it is, is still told.
        assert_eq!(owner(desk, "yank", "acme:echo@1.0.0").code, 0);
        becomes(desk, server, "1.0.0", "yanked");
        problem(server, "1.0.0", call.clone(), 409, "release-not-offered");
        assert_eq!(get(server, "1.0.0/try").expect(409)["code"], "release-not-offered");
        assert_eq!(get(server, "1.0.0/wit").status.as_u16(), 200);
    });
}

#[test]
fn what_a_hostile_connector_does_is_bounded_and_reaches_nobody() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    desk.publisher(&server);
    let recorded = json!({
        "operation": "run",
        "input": { "url": "https://api.example.com/recorded" },
        "exchanges": [{
            "request": { "method": "GET", "url": "https://api.example.com/recorded" },
            "response": { "body": { "text": "from the cassette" } },
        }],
        "expect": { "output": { "status": 200, "headers": [], "body": "from the cassette" } },
    });
    let fetch = with_cassettes(programs::FETCH, json!({ "recorded": recorded })).asks("GET https://api.example.com");
    desk.release("1.0.0", fetch);
    desk.release("2.0.0", PackageBuilder::of(programs::SPIN));
    desk.release("3.0.0", PackageBuilder::of(programs::SLEEP_FOREVER));
    desk.release("4.0.0", PackageBuilder::of(programs::MEMORY_GREEDY));
    desk.release("5.0.0", PackageBuilder::of(programs::PANICS));

    let call = |url: &str, cassette: Option<&str>| json!({ "operation": "run", "input": { "url": url }, "cassette": cassette });
    let said = tries(&server, "1.0.0", call("https://api.example.com/recorded", Some("recorded")), 200);
    assert_eq!((&said["result"]["body"], &said["off_cassette"]), (&json!("from the cassette"), &Value::Null));
    // What the cassette has no answer to is told, with what was recorded beside it.
    let said = tries(&server, "1.0.0", call("https://api.example.com/other", Some("recorded")), 200);
    let strayed = said["off_cassette"][0].as_str().unwrap();
    assert!(strayed.contains("- GET https://api.example.com/recorded\n+ GET https://api.example.com/other"), "{said}");
    assert!(said["result"]["error"].is_string(), "{said}");
    let said = tries(&server, "1.0.0", call("https://api.example.com/other", None), 200);
    assert_eq!(said["off_cassette"][0], "no request is recorded, and it sent GET https://api.example.com/other");
    // What the manifest does not ask for is denied as anywhere; a port that is there hears nothing of either.
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    port.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", port.local_addr().unwrap());
    for cassette in [None, Some("recorded")] {
        let said = send(post(&server, "1.0.0", &call(&url, cassette)));
        let said: Value = serde_json::from_str(&said.text).unwrap();
        assert!(said["denials"][0]["layer"] == "manifest", "{said}");
    }
    assert_eq!(port.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);

    let run = json!({ "operation": "run", "input": {} });
    let spins = problem(&server, "2.0.0", run.clone(), 507, "limit-reached");
    assert!(spins["failure"]["limit"] == "fuel" && spins["bill"]["fuel"].as_u64().unwrap() > 900_000_000, "{spins}");
    assert!(!spins["hint"].as_str().unwrap().contains("grant"), "{spins}");
    let sleeps = problem(&server, "3.0.0", run.clone(), 504, "limit-reached");
    assert_eq!((&sleeps["failure"]["limit"], &sleeps["request_sent"]), (&json!("time-ms"), &json!(false)), "{sleeps}");
    let greedy = problem(&server, "4.0.0", run.clone(), 507, "limit-reached");
    assert_eq!(greedy["failure"]["limit"], "memory-bytes", "{greedy}");
    problem(&server, "5.0.0", run.clone(), 500, "connector-crashed");
}

#[test]
fn an_operator_says_how_many_try_and_nobody_tries_without_end() {
    let desk = Desk::new();
    let none = desk.serve(&["--set", "tries_at_once=0"]);
    desk.publisher(&none);
    desk.release("1.0.0", echo());
    let run = json!({ "operation": "run", "input": 1, "cassette": "gone" });
    problem(&none, "1.0.0", run.clone(), 501, "sandbox-missing");
    assert_eq!(get(&none, "1.0.0/try").expect(501)["code"], "sandbox-missing");
    assert_eq!(get(&none, "1.0.0/wit").status.as_u16(), 200, "to read runs nothing");
    assert_eq!(none.stop(), 0);

    let server = desk.serve(&[]);
    let answers: Vec<Answer> = (0..40).map(|_| send(post(&server, "1.0.0", &run))).collect();
    let refused = answers.iter().find(|answer| answer.status.as_u16() == 429).expect("no end of tries");
    assert_eq!(refused.expect(429)["code"], "too-many-requests");
    assert!(refused.headers.contains_key("retry-after"));
    assert!(answers[..20].iter().all(|answer| answer.status.as_u16() == 404), "a handful in a row is fine");
}

#[test]
fn who_finds_others_before_him_is_told_to_come_again() {
    let desk = Desk::new();
    let server = desk.serve(&["--set", "tries_at_once=1", "--set", "trust_forwarded=true"]);
    desk.publisher(&server);
    desk.release("1.0.0", PackageBuilder::of(programs::SLEEP_FOREVER));
    let run = json!({ "operation": "run", "input": {} });
    // Each has its turn for longer than anybody waits for one.
    let ask = |from: usize| send(post(&server, "1.0.0", &run).header("x-forwarded-for", format!("192.0.2.{from}")));
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..3).map(|from| scope.spawn(move || ask(from))).collect();
        asking.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    let codes: Vec<String> = answers.iter().map(|answer| code(&answer.text)).collect();
    assert!(codes.iter().all(|code| code == "limit-reached" || code == "sandbox-busy"), "{codes:?}");
    assert!(codes.contains(&"limit-reached".to_owned()), "{codes:?}");
    let busy = answers.iter().find(|answer| code(&answer.text) == "sandbox-busy").expect("one that waited in vain");
    assert_eq!(busy.status.as_u16(), 503);
    assert!(busy.headers.contains_key("retry-after"));

    // Nobody has more than one under way.
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..2).map(|_| scope.spawn(|| ask(9))).collect();
        asking.into_iter().map(|answer| answer.join().unwrap()).collect()
    });
    let mut codes: Vec<String> = answers.iter().map(|answer| code(&answer.text)).collect();
    codes.sort();
    assert_eq!(codes, ["limit-reached", "too-many-requests"]);
    // Another site's page starts none in the name of its visitors.
    let elsewhere = post(&server, "1.0.0", &run).header("sec-fetch-site", "cross-site");
    assert_eq!((send(elsewhere).expect(403)["code"]), "csrf");
}

fn code(text: &str) -> String {
    let problem: Value = serde_json::from_str(text).unwrap();
    problem["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_child_that_reads_answers_for_whatever_it_is_given() {
    let desk = Desk::new();
    let whole = PackageBuilder::of(programs::ECHO).bytes();
    std::fs::write(desk.path("half.wasm"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(desk.path("none.wasm"), b"").unwrap();
    desk.write("it.wasm", programs::ECHO, "1.0.0");
    let memory = (1u64 << 30).to_string();
    for (file, is_text) in [("it.wasm", true), ("half.wasm", false), ("none.wasm", false)] {
        let output = desk.command("home", &["read-component", file, &memory, "20"]).output().unwrap();
        let contents: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        assert_eq!(contents["wit"]["text"].is_string(), is_text, "{file}: {contents}");
        assert_eq!(contents["wit"]["none"].is_string(), !is_text, "{file}: {contents}");
    }
}

/// A component that is a connector by its exports, and has these types and exports besides.
fn connector(desk: &Desk, file: &str, rest: &str) {
    let text = format!(
        r#"(component
            (instance $empty)
            (export "jackfield:connector/descriptor@0.1.0" (instance $empty))
            (export "jackfield:connector/operations@0.1.0" (instance $empty))
            {rest})"#
    );
    let program = desk.path("program");
    std::fs::write(&program, wat::parse_str(text).unwrap()).unwrap();
    let package = PackageBuilder::of(program.to_str().unwrap()).named("acme:hostile");
    std::fs::write(desk.path(file), package.bytes()).unwrap();
}

#[test]
fn types_that_are_made_to_be_hard_end_nothing_but_an_answer() {
    let desk = Desk::new();
    // An interface of its own, whose functions take what stands at the end of a chain of types.
    let chain = |length: usize, functions: usize, next: fn(usize) -> String| {
        let types: String = (1..=length).map(|n| format!("(type $t{n} {})", next(n - 1))).collect();
        let exports: String = (0..functions).map(|n| format!("(export \"f{n}\" (func $f))")).collect();
        format!(
            r#"(type $t0 (list u8)) {types}
            (core module $m
                (memory (export "memory") 1)
                (func (export "f") (param i32 i32) unreachable)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
            (core instance $m (instantiate $m))
            (func $f (param "it" $t{length}) (canon lift (core func $m "f")
                (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
            (instance $i {exports})
            (export "evil:it/face" (instance $i))"#
        )
    };
    let list = |n: usize| format!("(list $t{n})");
    let twice = |n: usize| format!("(list (tuple $t{n} $t{n}))");
    let text = ["text", "package evil:it {"];
    let none = |why| ["none", why];
    for (file, rest, [kind, expected]) in [
        ("flat.wasm", chain(3, 1, list), text),
        ("deep.wasm", chain(90, 1, list), text),
        ("deeper.wasm", chain(20_000, 1, list), none("nesting is too deep")),
        ("wide.wasm", chain(17, 1, twice), none("at most 1048576")),
        ("wider.wasm", chain(17, 900, twice), none("effective type size")),
        ("odd.wasm", "(type $t (list u8)) (export \"it\" (type $t))".to_owned(), none("`it`")),
    ] {
        connector(&desk, file, &rest);
        let memory = (1u64 << 30).to_string();
        let output = desk.command("home", &["read-component", file, &memory, "20"]).output().unwrap();
        let contents: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{file}: {output:?}"));
        let said = contents["wit"][kind].as_str().unwrap_or_else(|| panic!("{file}: {contents}"));
        assert!(said.contains(expected), "{file}: {said}");
    }
}
