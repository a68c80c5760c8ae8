//! Taking releases back: yank, quarantine, revoke, lift, deprecate, and what hosts make of it.

use serde_json::{Value, json};

use crate::kit::{Desk, Ran, Server, on_each_database};

/// As the publisher, with the namespace's key.
fn owner(desk: &Desk, verb: &str, release: &str) -> Ran {
    let signed = ["--reason", "loses rows", "--key", "release", "--passphrase-file", "pass"];
    desk.run("ada", &[&[verb, release][..], &signed].concat())
}

/// Until the log has it and the release stands as it says.
fn becomes(desk: &Desk, server: &Server, version: &str, state: &str) {
    desk.until("nobody", server, |said| {
        let releases = said["package"]["releases"].as_array().unwrap();
        releases.iter().any(|release| release["version"] == version && release["state"] == state)
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
        assert_eq!(desk.run("new", &["install", "acme:echo@1.1.0"]).error(), refused("release-yanked"));
        assert_eq!(desk.json("new", &["install", "acme:echo"])["version"], "1.0.0", "the newest that stands");
        let again = desk.run("home", &["install", "acme:echo@1.1.0"]);
        assert!(again.code == 0 && again.stderr.contains("was yanked"), "{again:#?}");
        assert_eq!(desk.run("home", &["status"]).code, 0);
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
