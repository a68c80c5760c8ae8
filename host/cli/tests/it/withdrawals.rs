//! Taking releases back: yank, quarantine, revoke, lift, deprecate, and what hosts make of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    kit::{Desk, Ran, Server, on_each_database},
    log::get,
};

/// As the publisher, with the namespace's key.
pub(crate) fn owner(desk: &Desk, verb: &str, release: &str) -> Ran {
    let signed = ["--reason", "loses rows", "--key", "release", "--passphrase-file", "pass"];
    desk.run("ada", &[&[verb, release][..], &signed].concat())
}

/// Until the log has it and the release stands as it says, in the index too: that is what hosts go by, and it follows a moment
/// later.
#[track_caller]
pub(crate) fn becomes(desk: &Desk, server: &Server, version: &str, state: &str) {
    desk.until("nobody", server, |said| {
        let releases = said["package"]["releases"].as_array().unwrap();
        let index = get(server, "/v1/index/acme/echo");
        let payload = STANDARD.decode(index["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
        let index: Value = serde_json::from_slice(&payload).unwrap();
        let indexed = index["predicate"]["releases"].as_array().unwrap();
        releases.iter().any(|release| release["version"] == version && release["state"] == state)
            && indexed.iter().any(|release| release["version"] == version && release["status"] == state)
    });
}

fn refused(code: &str) -> (i32, String) {
    (3, code.to_owned())
}

#[test]
fn releases_are_taken_back_and_given_back() {
    on_each_database(&[], |desk, server| {
        desk.release_echo("1.0.0");
        desk.release_echo("1.1.0");
        desk.believer("home", server);
        desk.believer("new", server);
        desk.json("home", &["install", "acme:echo@1.1.0"]);
        desk.user("bob", server);

        // Who may, and of what.
        assert_eq!(owner(desk, "yank", "acme:echo").error(), (2, "version-missing".to_owned()));
        assert_eq!(owner(desk, "yank", "acme:echo@7.0.0").error(), (8, "release-not-found".to_owned()));
        let stranger = desk.run("bob", &["yank", "acme:echo@1.1.0", "--reason", "mine is better"]);
        assert_eq!(stranger.error(), refused("forbidden"));
        assert_eq!(owner(desk, "lift", "acme:echo@1.1.0").error(), refused("status-nothing-to-lift"));

        // Yanked: not for new installations; whoever has it keeps it.
        let yanked = owner(desk, "yank", "acme:echo@1.1.0");
        assert!(yanked.code == 0 && yanked.answer()["statement"].is_string(), "{yanked:#?}");
        becomes(desk, server, "1.1.0", "yanked");
        let no = desk.run("new", &["install", "acme:echo@1.1.0"]);
        assert_eq!(no.error(), refused("release-yanked"));
        assert!(no.stderr.contains("was yanked by user:ada on 20") && no.stderr.contains(": loses rows"), "{no:#?}");
        assert!(no.stderr.contains("jackfield install acme:echo@1.0.0"), "{no:#?}");
        assert_eq!(desk.json("new", &["install", "acme:echo"])["version"], "1.0.0", "the newest that stands");
        let again = desk.run("home", &["install", "acme:echo@1.1.0"]);
        assert!(again.code == 0 && again.stderr.contains("was yanked by user:ada"), "{again:#?}");
        desk.json("home", &["invoke", "acme:echo", "run"]);
        assert_eq!(owner(desk, "lift", "acme:echo@1.1.0").code, 0);
        becomes(desk, server, "1.1.0", "released");

        // Quarantined by an operator, who alone lifts it; for a week at the most.
        let quarantine = |days: &str| {
            desk.run("admin", &["quarantine", "acme:echo@1.1.0", "--reason", "we look at it", "--days", days])
        };
        assert_eq!(quarantine("8").error(), refused("quarantine-too-long"));
        assert_eq!(quarantine("2").code, 0);
        becomes(desk, server, "1.1.0", "quarantined");
        let status = desk.run("home", &["status"]);
        assert_eq!(status.error(), refused("status-bad"));
        assert!(status.stdout.contains("release-quarantined"), "{}", status.stdout);
        assert_eq!(owner(desk, "lift", "acme:echo@1.1.0").error(), refused("status-by-registry"));
        assert_eq!(desk.run("admin", &["lift", "acme:echo@1.1.0", "--reason", "nothing was found"]).code, 0);
        becomes(desk, server, "1.1.0", "released");
        assert_eq!(desk.run("home", &["status"]).code, 0);

        // Revoked: nobody is to run it any more, and the command says what to do about it.
        assert_eq!(owner(desk, "revoke", "acme:echo@1.1.0").code, 0);
        becomes(desk, server, "1.1.0", "revoked");
        let status = desk.run("home", &["status"]);
        assert_eq!(status.error(), refused("status-bad"));
        assert!(status.stdout.contains("release-revoked"), "{}", status.stdout);
        assert!(status.stderr.contains("jackfield disable acme:echo"), "{}", status.stderr);
        assert_eq!(desk.run("home", &["install", "acme:echo@1.1.0"]).error(), refused("release-revoked"));
        desk.json("home", &["disable", "acme:echo"]);
        assert_eq!(desk.run("home", &["invoke", "acme:echo", "run"]).code, 5);

        // Deprecated: in words, for everybody who installs it.
        let deprecate = ["deprecate", "acme:echo", "--message", "Use acme:echo-next."];
        assert_eq!(desk.run("bob", &deprecate).error(), refused("forbidden"));
        desk.json("ada", &deprecate);
        let warned = desk.run("new", &["install", "acme:echo"]);
        assert!(warned.code == 0 && warned.stderr.contains("Use acme:echo-next."), "{warned:#?}");
        let found = desk.command("nobody", &["search", "echo", "--registry", &server.url]).output().unwrap();
        let found = String::from_utf8(found.stderr).unwrap();
        assert!(found.contains("acme:echo is deprecated: Use acme:echo-next."), "{found}");
        desk.json("ada", &["deprecate", "acme:echo", "--undo"]);
        let info = desk.json("new", &["info", "acme:echo", "--registry", &server.url]);
        assert_eq!(info["package"]["deprecated"], Value::Null);
    });
}

#[test]
fn an_upgrade_takes_what_keeps_its_promises_and_tells_of_the_rest() {
    on_each_database(&[], |desk, server| {
        desk.release_echo("1.0.0");
        desk.believer("home", server);
        desk.json("home", &["install", "acme:echo"]);
        let policy = desk.path("home/policy.toml");
        let text = std::fs::read_to_string(&policy).unwrap();
        std::fs::write(&policy, format!("minimum_age_hours = 0\n{text}")).unwrap();
        assert_eq!(desk.json("home", &["upgrade"]), json!({ "upgraded": [], "waiting": [] }));
        desk.release_echo("1.0.1");
        desk.release_echo("2.0.0");
        let outdated = desk.json("home", &["outdated"]);
        assert_eq!((&outdated["outdated"][0]["newest"], &outdated["unknown"]), (&json!("2.0.0"), &json!([])));
        // What may break its callers is for a person to take.
        let upgraded = desk.json("home", &["upgrade"]);
        assert_eq!(upgraded["upgraded"][0]["version"], "1.0.1", "{upgraded}");
        assert_eq!(desk.json("home", &["upgrade"])["upgraded"], json!([]));
        assert_eq!(desk.json("home", &["upgrade", "acme:echo@2"])["upgraded"][0]["version"], "2.0.0");
        assert_eq!(desk.run("home", &["upgrade", "acme:other"]).error(), (8, "not-from-registry".to_owned()));
        assert_eq!(desk.run("home", &["upgrade", "acme:echo@soon"]).error(), (2, "range-malformed".to_owned()));
        assert_eq!(desk.json("home", &["list"])["installations"][0]["version"], "2.0.0");
    });
}

/// What `status` and `outdated` say of the one package that is installed: both refuse, with the same words.
#[track_caller]
fn told(desk: &Desk, home: &str, words: &[&str]) -> Value {
    let ran = desk.run(home, &["status"]);
    assert_eq!(ran.error(), refused("status-bad"), "{ran:#?}");
    let package = ran.answer()["packages"][0].clone();
    assert_eq!((&package["ok"], &package["kept"]["ok"]), (&json!(false), &json!(true)), "{package}");
    let outdated = desk.run(home, &["outdated"]);
    assert_eq!(outdated.error(), refused("status-bad"), "{outdated:#?}");
    assert_eq!(outdated.answer()["taken_back"][0], package["taken_back"]);
    for ran in [&ran, &outdated] {
        assert!(words.iter().all(|word| ran.stderr.contains(word)), "{words:?}: {ran:#?}");
    }
    let human = desk.command(home, &["status"]).output().unwrap();
    let shown = String::from_utf8(human.stdout).unwrap();
    assert!(human.status.code() == Some(3) && shown.contains(words[0]), "{shown}");
    package["taken_back"].clone()
}

fn is_enabled(desk: &Desk, home: &str) -> bool {
    desk.json(home, &["list"])["installations"][0]["enabled"] == true
}

#[test]
fn who_has_installed_what_was_taken_back_is_told_why_and_what_to_do() {
    on_each_database(&[], |desk, server| {
        desk.release_echo("1.0.0");
        for home in ["one", "two", "three"] {
            desk.believer(home, server);
            desk.json(home, &["install", "acme:echo"]);
        }
        assert_eq!(desk.json("one", &["status"])["packages"][0]["taken_back"], Value::Null);

        // Yanked, and nothing stands in its place: it goes on, and can be stopped.
        assert_eq!(owner(desk, "yank", "acme:echo@1.0.0").code, 0);
        becomes(desk, server, "1.0.0", "yanked");
        let words = ["1.0.0 was yanked by user:ada on 20", ": loses rows", "jackfield disable acme:echo"];
        let told_one = told(desk, "one", &words);
        assert_eq!((&told_one["status"], &told_one["instead"]), (&json!("yanked"), &Value::Null));
        assert_eq!((&told_one["word"]["reason"], &told_one["word"]["by"]), (&json!("loses rows"), &json!("user:ada")));
        assert_eq!((&told_one["word"]["by_registry"], &told_one["enabled"]), (&json!(false), &json!(true)));
        assert!(told_one["word"]["at"].is_string() && told_one["word"]["log_index"] == 3, "{told_one}");
        desk.release_echo("1.0.1");
        assert_eq!(told(desk, "one", &["was yanked", "jackfield upgrade acme:echo@1.0.1"])["instead"], "1.0.1");

        let found = desk.command("nobody", &["search", "acme:echo", "--registry", &server.url]).output().unwrap();
        let found = String::from_utf8(found.stderr).unwrap();
        assert!(found.contains("acme:echo 1.0.0 is yanked: loses rows"), "{found}");
        let info = desk.command("nobody", &["info", "acme:echo", "--registry", &server.url]).output().unwrap();
        let info = String::from_utf8(info.stdout).unwrap();
        assert!(info.contains("1.0.0 is yanked: loses rows"), "{info}");

        // In quarantine until a day, by the registry.
        let held = desk.run("admin", &["quarantine", "acme:echo@1.0.0", "--reason", "we look at it", "--days", "2"]);
        assert_eq!(held.code, 0, "{held:#?}");
        becomes(desk, server, "1.0.0", "quarantined");
        let words = ["was put in quarantine by user:operator for the registry on 20", ", until 20", ": we look at it"];
        assert_eq!(told(desk, "one", &words)["status"], "quarantined");
        // A quarantine is a question, and no answer: nothing is switched off for it.
        assert_eq!(desk.run("one", &["status", "--disable-revoked"]).error(), refused("status-bad"));
        assert!(is_enabled(desk, "one"));

        // Revoked: it still runs, until somebody says otherwise: this once, or for good in the policy.
        assert_eq!(owner(desk, "revoke", "acme:echo@1.0.0").code, 0);
        becomes(desk, server, "1.0.0", "revoked");
        let words = ["was revoked by user:ada", "(it still runs here)", "jackfield disable acme:echo"];
        assert_eq!(told(desk, "one", &words)["disabled"], false);
        desk.json("one", &["invoke", "acme:echo", "run"]);
        let no = desk.run("new-home", &["registry", "add", &server.url]);
        assert_eq!(no.code, 0);
        let no = desk.run("new-home", &["install", "acme:echo@1.0.0"]);
        assert_eq!(no.error(), refused("release-revoked"));
        assert!(no.stderr.contains("was revoked by user:ada on 20") && no.stderr.contains("loses rows"), "{no:#?}");

        let off = desk.run("one", &["status", "--disable-revoked"]);
        assert_eq!(off.error(), refused("status-bad"));
        let against = &off.answer()["packages"][0]["taken_back"];
        assert_eq!((&against["disabled"], &against["enabled"]), (&json!(true), &json!(false)));
        assert!(off.stderr.contains("(it is switched off now)"), "{off:#?}");
        assert_eq!(desk.run("one", &["invoke", "acme:echo", "run"]).code, 5);
        assert_eq!(told(desk, "one", &["(it is disabled here)"])["disabled"], false, "it was off before");
        // Without asking, it is not forgotten.
        let offline = desk.run("one", &["status", "--offline"]);
        assert_eq!(offline.error(), refused("status-bad"));
        let against = &offline.answer()["packages"][0]["taken_back"];
        assert_eq!((&against["status"], &against["remembered"]), (&json!("revoked"), &json!(true)), "{against}");

        let policy = desk.path("two/policy.toml");
        let text = std::fs::read_to_string(&policy).unwrap();
        std::fs::write(&policy, format!("when_revoked = \"disable\"\n{text}")).unwrap();
        let learnt = desk.run("two", &["outdated"]);
        assert!(learnt.code == 3 && !is_enabled(desk, "two"), "{learnt:#?}");
        assert!(learnt.stderr.contains("(it is switched off now)"), "{learnt:#?}");

        // What stands in its place is taken, and stays as the admin has it.
        let upgraded = desk.run("two", &["upgrade", "acme:echo@1.0.1"]);
        assert!(upgraded.code == 0 && upgraded.stderr.contains("is disabled, as it was before"), "{upgraded:#?}");
        assert_eq!(desk.json("two", &["status"])["packages"][0]["ok"], true);
        let upgraded = desk.run("three", &["upgrade", "acme:echo@1.0.1"]);
        assert!(upgraded.code == 0 && upgraded.stderr.contains("was revoked by user:ada"), "{upgraded:#?}");
        assert!(is_enabled(desk, "three"));
    });
}
