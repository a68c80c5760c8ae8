//! Known faults: told by a publisher, heard by every host that has such a release or is about to.

use serde_json::json;

use crate::kit::on_each_database;

#[test]
fn a_known_fault_is_told_to_those_who_have_it_and_refused_to_those_who_do_not() {
    on_each_database(&[], |desk, server| {
        desk.release_echo("1.0.0");
        for home in ["home", "other", "third"] {
            desk.believer(home, server);
        }
        desk.json("home", &["install", "acme:echo@1.0.0"]);
        desk.release_echo("1.1.0");
        let publish = |home: &str, affected: &str, severity: &str| {
            let words = ["--title", "Echoes late", "--text", "Upgrade to 1.1.0."];
            let arguments =
                [&["advisory", "publish", "acme:echo", "--affected", affected, "--severity", severity][..], &words];
            desk.run(home, &arguments.concat())
        };
        desk.user("bob", server);
        assert_eq!(publish("bob", "<1.1.0", "low").error(), (3, "forbidden".to_owned()));
        assert_eq!(publish("ada", "all of them", "low").error(), (3, "advisory-range".to_owned()));
        assert_eq!(publish("ada", "<1.1.0", "awful").code, 2);

        // One that is no reason to refuse is a warning, wherever the release is looked at.
        let told = publish("ada", "<1.1.0", "medium");
        assert_eq!(told.code, 0, "{told:#?}");
        let id = told.answer()["id"].as_str().unwrap().to_owned();
        let status = desk.run("home", &["status"]);
        assert_eq!((status.code, &status.answer()["packages"][0]["advisories"][0]["id"]), (0, &json!(id)));
        assert!(status.stderr.contains("Echoes late"), "{}", status.stderr);
        let outdated = desk.json("home", &["outdated"]);
        assert_eq!(
            (&outdated["advisories"][0]["id"], &outdated["outdated"][0]["newest"]),
            (&json!(id), &json!("1.1.0"))
        );
        let warned = desk.run("other", &["install", "acme:echo@1.0.0"]);
        assert_eq!(warned.code, 0, "{warned:#?}");
        assert!(warned.stderr.contains("warning") && warned.stderr.contains(&id), "{}", warned.stderr);

        // A grave one keeps the release out, and says so where it is installed.
        let grave = publish("ada", "=1.0.0 || >=7.0.0, <7.2.1", "critical").answer()["id"].as_str().unwrap().to_owned();
        let refused = desk.run("third", &["install", "acme:echo@1.0.0"]);
        assert_eq!(refused.error(), (3, "release-affected".to_owned()));
        assert!(refused.stderr.contains(&grave), "{}", refused.stderr);
        assert_eq!(desk.run("home", &["status"]).error(), (3, "status-bad".to_owned()));
        assert_eq!(desk.json("third", &["install", "acme:echo"])["version"], "1.1.0", "the next is without it");

        // What is refused is the policy's to say: for all, or for one package with a reason and a last day.
        let policy = desk.path("home/policy.toml");
        let before = std::fs::read_to_string(&policy).unwrap();
        std::fs::write(&policy, format!("refuse_advisories = \"never\"\n{before}")).unwrap();
        assert_eq!(desk.run("home", &["status"]).code, 0);
        let exempt = "[[exemptions]]\npackages = \"acme:echo\"\nversion = \"1.0.0\"\nrule = \"advisory\"\nreason = \"not reached here\"\nexpires = \"2999-12-31\"\n";
        std::fs::write(&policy, format!("{before}\n{exempt}")).unwrap();
        let status = desk.run("home", &["status"]);
        assert_eq!((status.code, status.answer()["packages"][0]["advisories"].as_array().unwrap().len()), (0, 2));
        std::fs::write(&policy, before).unwrap();

        // It was a mistake: taken back, and still told of.
        assert_eq!(
            desk.run("bob", &["advisory", "withdraw", "acme:echo", &grave]).error(),
            (3, "forbidden".to_owned())
        );
        desk.json("ada", &["advisory", "withdraw", "acme:echo", &grave]);
        assert_eq!(desk.run("home", &["status"]).code, 0);
        let list = desk.json("nobody", &["advisory", "list", "acme:echo", "--registry", &server.url]);
        assert_eq!(list["advisories"].as_array().unwrap().len(), 2);
        let shown = desk.json("nobody", &["advisory", "show", "acme:echo", &grave, "--registry", &server.url]);
        assert!(shown["withdrawn_at"].is_string() && shown["body"] == "Upgrade to 1.1.0.", "{shown}");
        let unknown = desk.run("ada", &["advisory", "show", "acme:echo", "JFA-1999-0001"]);
        assert_eq!(unknown.error(), (8, "advisory-not-found".to_owned()));
    });
}
