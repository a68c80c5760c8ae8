//! From a publisher's desk through a served registry to a second home; and what that home says when the registry lies.

use jackfield_test_kit::{PackageBuilder, programs};
use serde_json::json;

use crate::kit::{Desk, copy, find};

#[test]
fn what_is_published_here_is_installed_there() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let url = server.url.clone();
    desk.publisher(&server);
    desk.release_echo("1.0.0");

    // A second home believes nobody, until somebody says so.
    assert_eq!(desk.run("home", &["install", "acme:echo"]).error(), (2, "registry-not-trusted".to_owned()));
    let wrong = [
        "registry",
        "add",
        &url,
        "--statements-key",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    ];
    assert_eq!(desk.run("home", &wrong).error(), (3, "registry-key-differs".to_owned()));
    desk.json("home", &["registry", "add", &url]);
    let verified = desk.json("home", &["verify", "acme:echo"]);
    assert_eq!(verified["verified"], true);
    assert!(verified["steps"].as_array().unwrap().iter().all(|step| step["ok"] == true), "{verified}");
    // What is not there is refused with what is.
    for (command, words) in [
        (&["install", "acme:nothing"][..], &["jackfield search nothing"][..]),
        (&["install", "acme:ecko"], &["did you mean `acme:echo`?"]),
        (&["install", "acne:echo"], &["did you mean `acme:echo`?"]),
        (&["info", "acme:ecko"], &["did you mean `acme:echo`?"]),
        (&["info", "acme:echo@2.0.0"], &["there is 1.0.0"]),
        (&["install", "echo"], &["namespace:name", "jackfield search TEXT"]),
    ] {
        let ran = desk.run("home", command);
        assert!(ran.code == 8 && words.iter().all(|word| ran.stderr.contains(word)), "{command:?}: {ran:#?}");
    }
    let ran = desk.run("home", &["install", "acme:echo@^2"]);
    assert_eq!(ran.error(), (3, "release-not-found".to_owned()));
    assert!(ran.stderr.contains("there is 1.0.0"), "{ran:#?}");

    let installed = desk.json("home", &["install", "acme:echo@1"]);
    assert_eq!(installed["version"], "1.0.0");
    let answer = desk.json("home", &["invoke", "acme:echo", "run", "--input", r#"{"a":1}"#]);
    assert_eq!(answer["result"], json!({"a": 1}));
    let lock = std::fs::read_to_string(desk.path("home/jackfield.lock")).unwrap();
    assert!(lock.contains("name = \"acme:echo\"") && lock.contains("log_index = 1"), "{lock}");
    let policy = std::fs::read_to_string(desk.path("home/policy.toml")).unwrap();
    assert!(policy.contains("[keysets.acme]"), "{policy}");
    let status = desk.json("home", &["status"]);
    assert_eq!((&status["packages"][0]["ok"], &status["packages"][0]["reached"]), (&json!(true), &json!(true)));
    let exported = desk.json("home", &["export-evidence", "acme:echo", "evidence"]);
    assert!(exported["statements"].as_array().unwrap().contains(&json!("publish-0")), "{exported}");
    for file in ["payload.json", "pae.bin", "sig.bin", "public.pem", "proof.tlog-proof", "bundle.sigstore.json"] {
        assert!(desk.path("evidence/publish-0").join(file).exists(), "{file}");
    }

    // A release that asks for more waits for somebody's word, and one that is young for time to pass.
    desk.release("1.1.0", PackageBuilder::of(programs::ECHO).asks("GET https://api.example.com"));
    assert_eq!(desk.json("home", &["outdated"])["outdated"][0]["newest"], "1.1.0");
    let waiting = desk.json("home", &["upgrade"]);
    assert_eq!((&waiting["upgraded"], &waiting["waiting"][0]["code"]), (&json!([]), &json!("release-too-young")));
    let refused = desk.run("home", &["upgrade", "acme:echo@1.1.0"]);
    assert_eq!(refused.error(), (3, "consent-needed".to_owned()));
    assert!(refused.stderr.contains("api.example.com"), "{}", refused.stderr);
    let upgraded = desk.json("home", &["upgrade", "acme:echo@1.1.0", "--yes"]);
    assert_eq!(upgraded["upgraded"][0]["version"], "1.1.0");
    assert_eq!(upgraded["upgraded"][0]["grant"]["egress"], json!([]), "agreeing to a release grants nothing");
    assert_eq!(desk.json("home", &["outdated"])["outdated"], json!([]));

    // Without the registry, what is locked goes on and is verified by what is kept.
    server.stop();
    desk.json("home", &["invoke", "acme:echo", "run"]);
    let status = desk.json("home", &["status"]);
    assert_eq!((&status["packages"][0]["ok"], &status["packages"][0]["reached"]), (&json!(true), &json!(false)));

    let blind = desk.run("home", &["status", "--disable-revoked"]);
    assert_eq!(blind.error(), (1, "registry-unreachable".to_owned()), "nobody could say what was revoked");

    // And what is kept is looked at: another component, or other evidence, is found out.
    let digest = status_digest(&desk);
    let evidence = desk.path("home").join("admitted").join(&digest).join("evidence.json");
    let mut bytes = std::fs::read(&evidence).unwrap();
    bytes.push(b'\n');
    std::fs::write(&evidence, bytes).unwrap();
    let status = desk.run("home", &["status", "--offline"]);
    assert_eq!(status.error(), (3, "status-bad".to_owned()));
    assert!(status.stdout.contains("lock-differs"), "{}", status.stdout);
}

fn status_digest(desk: &Desk) -> String {
    let lock = std::fs::read_to_string(desk.path("home/jackfield.lock")).unwrap();
    let line = lock.lines().find(|line| line.starts_with("digest = ")).unwrap();
    line.trim_start_matches("digest = \"sha256:").trim_end_matches('"').to_owned()
}

#[test]
fn a_registry_that_lies_is_caught() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let (url, address) = (server.url.clone(), server.address());
    desk.publisher(&server);
    desk.release_echo("1.0.0");
    desk.json("home", &["registry", "add", &url]);
    desk.json("home", &["install", "acme:echo"]);
    server.stop();
    copy(&desk.path("data"), &desk.path("before"));

    // Bytes that were changed after the release, one byte of them, in what is only read by people.
    let server = desk.serve_at(&address, &[]);
    desk.release("1.1.0", PackageBuilder::of(programs::ECHO).manifest(|manifest| manifest.title = "Echo twice".into()));
    let tampered = std::fs::read(desk.path("it.wasm")).unwrap();
    let digest = jackfield_package::Digest::of(&tampered);
    let at = tampered.windows(10).rposition(|window| window == b"Echo twice").unwrap();
    let mut bytes = tampered.clone();
    bytes[at..at + 10].copy_from_slice(b"Echo thric");
    let blob = find(&desk.path("data/blobs"), &digest.hex()).unwrap();
    std::fs::write(blob, bytes).unwrap();
    let refused = desk.run("home", &["install", "acme:echo@1.1.0"]);
    assert_eq!(refused.error(), (3, "component-mismatch".to_owned()));
    let offline = desk.json("home", &["outdated"]);
    assert_eq!(offline["outdated"][0]["newest"], "1.1.0", "the index of the longer log was seen");
    server.stop();

    // The registry of the day before, under the same name: it denies what it has signed since.
    std::fs::remove_dir_all(desk.path("data")).unwrap();
    copy(&desk.path("before"), &desk.path("data"));
    let server = desk.serve_at(&address, &[]);
    let status = desk.run("home", &["status"]);
    assert_eq!(status.error(), (3, "status-bad".to_owned()));
    assert!(status.stdout.contains("rollback"), "{}", status.stdout);
    assert_eq!(desk.run("other", &["registry", "add", &url]).code, 0);
    let kept: Vec<_> =
        std::fs::read_dir(desk.path("home/evidence")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(kept.iter().any(|folder| folder.join("what.txt").exists()), "{kept:?}");
    // Somebody who has seen nothing yet can't tell: that is what witnesses are for.
    desk.json("other", &["install", "acme:echo"]);
    server.stop();

    // A registry of the same name with other keys.
    std::fs::remove_dir_all(desk.path("data")).unwrap();
    let server = desk.serve_at(&address, &[]);
    assert_eq!(desk.run("home", &["registry", "add", &url]).error(), (3, "registry-key-changed".to_owned()));
    server.stop();
}
