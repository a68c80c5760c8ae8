//! Accounts of a registry, and how one is served.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
};

use serde_json::json;

use crate::kit::Desk;

#[test]
fn from_an_empty_folder_to_a_namespace_with_a_key() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let url = server.url.as_str();
    let signed = desk.json("admin", &["login", "--registry", url, "--token-file", "data/operator-token"]);
    assert_eq!(signed["me"]["name"], "user:operator");
    let mode = std::fs::metadata(desk.path("admin/credentials.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    desk.json("admin", &["user", "create", "ada", "--password-file", "password"]);

    desk.json("ada", &["login", "--registry", url, "--user", "ada", "--password-file", "password"]);
    assert_eq!(desk.json("ada", &["whoami"])["user"], "ada");
    assert_eq!(desk.json("ada", &["namespace", "create", "acme"])["state"], "active");
    desk.json("ada", &["key", "new", "release", "--passphrase-file", "pass"]);
    desk.json("ada", &["key", "new", "next", "--passphrase-file", "pass"]);
    fn keyset<'a>(flags: &[&'a str]) -> Vec<&'a str> {
        [&["namespace", "keyset", "acme", "--passphrase-file", "pass"], flags].concat()
    }
    assert_eq!(desk.json("ada", &keyset(&["--key", "release"]))["version"], 1);
    let alone = desk.run("ada", &keyset(&["--key", "next"]));
    assert_eq!(alone.error(), (3, "keyset-threshold".to_owned()));
    assert_eq!(desk.json("ada", &keyset(&["--key", "next", "--sign-with", "release"]))["version"], 2);
    let proven = desk.json("ada", &["namespace", "verify", "acme", "--key", "next", "--passphrase-file", "pass"]);
    assert!(proven["control"].as_str().unwrap().starts_with("key:"));
    let shown = desk.json("ada", &["namespace", "show", "acme"]);
    assert_eq!((&shown["keyset"]["version"], &shown["members"][0]["user"]), (&json!(2), &json!("ada")));

    // A doubtful name waits, and an operator decides.
    assert_eq!(desk.json("ada", &["namespace", "create", "acrne"])["state"], "held");
    assert_eq!(desk.json("admin", &["namespace", "held"])["namespaces"][0]["name"], "acrne");
    let denied = desk.run("ada", &["namespace", "decide", "acrne", "grant", "--reason", "mine"]);
    assert_eq!(denied.error(), (3, "forbidden".to_owned()));
    desk.json("admin", &["namespace", "decide", "acrne", "refuse", "--reason", "looks like acme"]);
    let gone = desk.run("ada", &["namespace", "show", "acrne"]);
    assert_eq!(gone.error(), (8, "namespace-not-found".to_owned()));

    // Members, and tokens that are good for less.
    desk.json("admin", &["user", "create", "bob", "--password-file", "password"]);
    desk.json("ada", &["namespace", "member", "add", "acme", "bob"]);
    let last = desk.run("ada", &["namespace", "member", "remove", "acme", "ada"]);
    assert_eq!(last.error(), (3, "last-owner".to_owned()));
    desk.json("ada", &["namespace", "member", "remove", "acme", "bob"]);
    let narrow = desk.json("ada", &["token", "create", "--label", "ci", "--packages", "acme:*", "--action", "publish"]);
    let ran = desk
        .command("elsewhere", &["namespace", "member", "add", "acme", "bob", "--registry", url, "--output", "json"])
        .env("JACKFIELD_TOKEN", narrow["token"].as_str().unwrap())
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(3));
    assert!(String::from_utf8(ran.stderr).unwrap().contains("token-action"));
    desk.json("ada", &["token", "revoke", narrow["id"].as_str().unwrap()]);
    assert_eq!(desk.json("ada", &["token", "list"])["tokens"].as_array().unwrap().len(), 1);

    let kept = std::fs::read_to_string(desk.path("ada/credentials.toml")).unwrap();
    assert_eq!(desk.json("ada", &["logout"])["revoked"], true);
    assert_eq!(desk.run("ada", &["whoami"]).error(), (3, "unauthenticated".to_owned()));
    std::fs::write(desk.path("ada/credentials.toml"), kept).unwrap();
    assert_eq!(desk.run("ada", &["whoami"]).error(), (3, "token-revoked".to_owned()), "ended over there, too");
    assert_eq!(server.stop(), 0);
    assert_eq!(desk.run("admin", &["whoami"]).error(), (1, "registry-unreachable".to_owned()));
}

#[test]
fn a_registry_is_named_and_tokens_do_not_travel_in_the_open() {
    let desk = Desk::new();
    assert_eq!(desk.run("home", &["whoami"]).error(), (2, "registry-unknown".to_owned()));
    for (url, code) in [
        ("http://registry.example", "registry-insecure"),
        ("ftp://registry.example", "registry-url-malformed"),
        ("https://ada:secret@registry.example", "registry-url-malformed"),
        ("registry.example", "registry-url-malformed"),
    ] {
        assert_eq!(desk.run("home", &["whoami", "--registry", url]).error(), (2, code.to_owned()), "{url}");
    }
    std::fs::create_dir_all(desk.path("home")).unwrap();
    std::fs::write(desk.path("home/credentials.toml"), "token = \"jf_secret\"").unwrap();
    let ran = desk.run("home", &["whoami", "--registry", "http://127.0.0.1:1"]);
    assert_eq!(ran.error(), (1, "credentials-malformed".to_owned()));
    assert!(!ran.stderr.contains("jf_secret"), "{ran:?}");
}

#[test]
fn a_server_is_configured_by_file_environment_and_flags_and_refuses_what_it_does_not_know() {
    let desk = Desk::new();
    std::fs::write(desk.path("registry.toml"), "origin = \"registry.example\"\nreview_days = 3\n").unwrap();
    let checked = desk.run("home", &["serve", "--config", "registry.toml", "--data", "data", "--check"]);
    assert_eq!(checked.code, 0, "{checked:#?}");
    assert!(desk.path("data/operator-token").exists() && desk.path("data/registry.sqlite").exists());
    for flags in [
        &["--set", "no_such_key=1"][..],
        &["--set", "review_days=many"],
        &["--set", "review_days"],
        &["--listen", "here"],
    ] {
        let arguments = [&["serve", "--data", "data", "--check"], flags].concat();
        assert_eq!(desk.run("home", &arguments).error(), (2, "config-malformed".to_owned()), "{flags:?}");
    }
    let unreachable = ["serve", "--data", "data", "--check", "--database", "postgres://nobody@127.0.0.1:1/none"];
    assert_eq!(desk.run("home", &unreachable).error(), (1, "database-unavailable".to_owned()));

    let server = desk.serve(&["--config", "registry.toml", "--set", "requests_per_minute=20"]);
    let mut codes = Vec::new();
    for _ in 0..25 {
        codes.push(get(&server.address(), "/.well-known/jackfield.json"));
    }
    assert!(codes[0].contains("\"origin\":\"registry.example\""), "{}", codes[0]);
    assert!(codes[0].starts_with("HTTP/1.1 200") && codes[24].starts_with("HTTP/1.1 429"), "{}", codes[24]);
    assert!(codes[24].contains("retry-after: ") && codes[24].contains("too-many-requests"));
    assert!(get(&server.address(), "/healthz").starts_with("HTTP/1.1 200"), "health is asked often");
    let taken = desk.run("home", &["serve", "--data", "other", "--listen", &server.address()]);
    assert_eq!(taken.error(), (1, "file-fault".to_owned()));
    assert_eq!(server.stop(), 0);
}

/// One request, byte for byte.
fn get(port: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(port).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn every_command_has_help_with_examples() {
    let desk = Desk::new();
    let reference = include_str!("../../../../docs/reference/cli.md");
    for command in [
        "login",
        "logout",
        "whoami",
        "user create",
        "user disable",
        "user enable",
        "token create",
        "token list",
        "token revoke",
        "namespace create",
        "namespace show",
        "namespace list",
        "namespace keyset",
        "namespace verify",
        "namespace member add",
        "namespace member remove",
        "namespace publisher add",
        "namespace publisher list",
        "namespace publisher remove",
        "namespace held",
        "namespace decide",
        "serve",
    ] {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let output = desk.command("home", &words).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains("Examples:\n  jackfield "), "{command}: {help}");
        assert!(reference.contains(&format!("{command} ")) || reference.contains(&format!("{command}`")), "{command}");
    }
}

#[test]
fn what_needs_an_account_says_how_to_sign_in() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    desk.publisher(&server);
    desk.release_echo("1.0.0");
    desk.believer("new", &server);
    desk.json("new", &["install", "acme:echo"]);
    let login = format!("jackfield login --registry {} --user NAME", server.url);
    for command in [
        &["review", "add", "acme:echo", "--stars", "5", "--text", "Good."][..],
        &["review", "flag", "acme:echo", "r-1", "--reason", "odd"],
        &["publish", "it.wasm", "--key", "release"],
        &["yank", "acme:echo@1.0.0", "--reason", "odd"],
        &["withdraw", "acme:echo@1.0.0", "--reason", "odd"],
        &["deprecate", "acme:echo", "--message", "odd"],
        &["advisory", "withdraw", "acme:echo", "JFA-2026-0001"],
        &["audit", "acme:echo", "--verdict", "pass", "--key", "mine", "--push"],
        &["namespace", "create", "beta"],
        &["namespace", "list"],
        &["namespace", "publisher", "list", "acme"],
        &["token", "list"],
        &["user", "disable", "ada"],
        &["whoami"],
    ] {
        let ran = desk.run("new", command);
        assert_eq!(ran.error(), (3, "unauthenticated".to_owned()), "{command:?}");
        assert!(ran.stderr.contains(&login), "{command:?}: {ran:#?}");
    }
    // So does a token that is not good, whatever the registry says about it; and one of the environment is named.
    let ran = desk.command("new", &["token", "list", "--output", "json"]).env("JACKFIELD_TOKEN", "jf_old").output();
    let said = String::from_utf8(ran.unwrap().stderr).unwrap();
    assert!(said.contains("token-unknown") && said.contains(&login) && said.contains("JACKFIELD_TOKEN"), "{said}");
    // What everybody may see, nobody has to sign in for.
    for command in [&["info", "acme:echo"][..], &["namespace", "show", "acme"], &["review", "list", "acme:echo"]] {
        assert_eq!(desk.run("new", command).code, 0, "{command:?}");
    }
}

#[test]
fn keys_are_shown_by_their_ids_and_by_the_names_of_this_home() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    desk.publisher(&server);
    let key = desk.json("ada", &["key", "show", "release"]);
    let keyid = key["keyid"].as_str().unwrap();
    let shown = desk.json("eve", &["namespace", "show", "acme", "--registry", &server.url]);
    assert_eq!(shown["keyset"]["keyids"], json!([keyid]));
    let raw = shown["keyset"]["keys"][0].as_str().unwrap();
    let human = |home: &str| {
        let ran = desk.command(home, &["namespace", "show", "acme", "--registry", &server.url]).output().unwrap();
        String::from_utf8(ran.stdout).unwrap()
    };
    let told = human("ada");
    assert!(told.contains(&format!("{keyid} (release)")) && !told.contains(raw), "{told}");
    let told = human("eve");
    assert!(told.contains(keyid) && !told.contains("(release)") && !told.contains(raw), "{told}");
}

#[test]
fn a_password_is_changed_by_who_knows_it_and_lost_keys_are_replaced_in_public() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    desk.publisher(&server);
    std::fs::write(desk.path("new"), "battery horse correct\n").unwrap();
    let change = |old: &str| desk.run("ada", &["user", "password", "--old-file", old, "--new-file", "new"]);
    assert_eq!(change("new").error(), (3, "login-failed".to_owned()), "a stolen token takes no account over");
    assert_eq!(change("password").answer()["changed"], true);
    let sign_in =
        |file: &str| desk.run("other", &["login", "--registry", &server.url, "--user", "ada", "--password-file", file]);
    assert_eq!(sign_in("password").error(), (3, "login-failed".to_owned()));
    assert_eq!(sign_in("new").code, 0);

    desk.json("ada", &["key", "new", "next", "--passphrase-file", "pass"]);
    let prepare = ["prepare", "acme", "--key", "next", "--passphrase-file", "pass", "--out", "recovery.json"];
    desk.json("ada", &[&["namespace", "recover"][..], &prepare].concat());
    let recover = |home: &str, words: &[&str]| desk.run(home, &[&["namespace", "recover"], words].concat());
    let announce = ["announce", "acme", "recovery.json", "--reason", "a fire"];
    assert_eq!(recover("ada", &announce).error(), (3, "forbidden".to_owned()));
    let elsewhere = recover("admin", &["announce", "acne", "recovery.json", "--reason", "a fire"]);
    assert_eq!(elsewhere.error(), (2, "recovery-mismatch".to_owned()));
    assert_eq!(recover("admin", &announce).code, 0);
    assert_eq!(
        desk.json("nobody", &["namespace", "show", "acme", "--registry", &server.url])["recovery"]["reason"],
        "a fire"
    );
    assert_eq!(recover("admin", &["complete", "acme"]).error(), (3, "recovery-waits".to_owned()));
    assert_eq!(recover("ada", &["stop", "acme"]).code, 0);
    assert_eq!(recover("admin", &["complete", "acme"]).error(), (8, "recovery-none".to_owned()));
}
