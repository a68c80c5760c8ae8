//! Finding a connector, and what is counted of it.

use serde_json::{Value, json};

use crate::kit::on_each_database;

#[test]
fn a_connector_is_found_looked_at_and_counted() {
    on_each_database(&[], |desk, server| {
        desk.release_echo("1.0.0");
        desk.release_echo("1.1.0");
        let url = server.url.as_str();
        let found = desk.json("home", &["search", "echo", "--registry", url]);
        assert_eq!((&found["items"][0]["name"], &found["items"][0]["version"]), (&json!("acme:echo"), &json!("1.1.0")));
        assert_eq!(desk.json("home", &["search", "zeppelin", "--registry", url])["items"], json!([]));
        let facet = desk.run("home", &["search", "--publisher", "nobody", "echo", "--registry", url]);
        assert_eq!((facet.code, &facet.answer()["items"]), (0, &json!([])));
        assert_eq!(desk.run("home", &["search", "echo"]).error(), (2, "registry-unknown".to_owned()));
        let odd = desk.run("home", &["search", "echo", "--sort", "fame", "--registry", url]);
        assert!(matches!(odd.code, 2 | 3), "{odd:#?}");

        let info = |name: &str| desk.run("home", &["info", name, "--registry", url]);
        let newest = info("acme:echo").answer();
        assert_eq!((&newest["package"]["latest"], &newest["release"]["version"]), (&json!("1.1.0"), &json!("1.1.0")));
        assert_eq!(newest["package"]["releases"].as_array().unwrap().len(), 2);
        assert_eq!(info("acme:echo@1.0.0").answer()["release"]["version"], "1.0.0");
        for (name, code, word) in [
            ("acme:echo@9.9.9", 8, "release-not-found"),
            ("acme:nothing", 8, "package-not-found"),
            ("acme:echo@soon", 2, "version-malformed"),
            ("Acme", 3, "name-malformed"),
        ] {
            assert_eq!(info(name).error(), (code, word.to_owned()), "{name}");
        }

        // An installation is told of, once, unless the policy says not to; a component that is fetched is counted either way.
        desk.believer("home", server);
        desk.json("home", &["install", "acme:echo@1.0.0"]);
        desk.json("home", &["install", "acme:echo@1.0.0"]);
        desk.believer("private", server);
        let policy = desk.path("private/policy.toml");
        let text = std::fs::read_to_string(&policy).unwrap();
        std::fs::write(&policy, format!("report_installs = false\n{text}")).unwrap();
        desk.json("private", &["install", "acme:echo"]);
        let counted = |key: &str, count: u64| {
            let is = |said: &Value| said["package"][key] == count;
            desk.until("nobody", server, is);
        };
        counted("downloads", 2);
        counted("installs", 1);
    });
}
