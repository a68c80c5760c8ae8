//! A reviewer reads a release, signs a verdict and hands it in; hosts ask for it; anybody checks it by other tools.

use jackfield_package::key::PublicKey;
use jackfield_test_kit::{PackageBuilder, programs};
use serde_json::json;

use crate::kit::on_each_database;

#[test]
fn a_verdict_is_signed_handed_in_required_and_exported() {
    on_each_database(&[], |desk, server| {
        desk.release_echo("1.0.0");
        desk.release("1.1.0", PackageBuilder::of(programs::ECHO).asks("GET https://api.example.com"));
        desk.user("rita", server);
        desk.believer("rita", server);
        desk.json("rita", &["key", "new", "review", "--passphrase-file", "pass"]);

        // To read is to sign nothing.
        let read = desk.json("rita", &["audit", "acme:echo@1.0.0"]);
        assert_eq!((&read["verdict"], &read["pushed"], &read["changes"]), (&json!(null), &json!(false), &json!(null)));
        let changed = desk.json("rita", &["audit", "acme:echo@1.1.0", "--since", "1.0.0"]);
        assert!(changed["changes"].to_string().contains("api.example.com"), "{changed}");
        assert_eq!(desk.run("rita", &["audit", "acme:echo", "--verdict", "pass"]).code, 2, "who signs?");
        assert_eq!(desk.run("rita", &["audit", "acme:echo@3"]).error(), (3, "release-not-found".to_owned()));

        // A host that asks for a verdict waits for one.
        let pem = desk.json("rita", &["key", "show", "review"])["public_pem"].as_str().unwrap().to_owned();
        let key = PublicKey::from_pem(&pem).unwrap().to_bytes();
        let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        desk.believer("home", server);
        let policy = desk.path("home/policy.toml");
        let text = std::fs::read_to_string(&policy).unwrap();
        let asks =
            format!("[auditors]\nrita = \"{key}\"\n\n[[audits]]\ncriteria = \"safe-to-run\"\nfrom = [\"rita\"]\n");
        std::fs::write(&policy, format!("{text}\n{asks}")).unwrap();
        assert_eq!(desk.run("home", &["install", "acme:echo@1.0.0"]).error(), (3, "audit-missing".to_owned()));

        let verdict = |version: &str, verdict: &str, notes: &str| {
            let release = format!("acme:echo@{version}");
            let signed = ["--key", "review", "--passphrase-file", "pass", "--push", "--notes", notes];
            desk.json("rita", &[&["audit", &release, "--verdict", verdict][..], &signed].concat())
        };
        let passed = verdict("1.0.0", "pass", "read all of it");
        assert_eq!((&passed["verdict"], &passed["pushed"]), (&json!("pass"), &json!(true)), "{passed}");
        assert!(desk.path(passed["bundle"].as_str().unwrap()).exists());
        verdict("1.1.0", "fail", "sends rows to api.example.com");
        let audits = |count: usize| {
            desk.until("nobody", server, |said| {
                let audits = said["package"]["trust"]["audits"].as_array().unwrap();
                audits.iter().filter(|audit| audit["log_index"].is_u64()).count() == count
            })
        };
        audits(2);
        assert_eq!(desk.json("home", &["install", "acme:echo@1.0.0"])["version"], "1.0.0");
        assert_eq!(
            desk.run("home", &["install", "acme:echo@1.1.0", "--grant-all"]).error(),
            (3, "audit-veto".to_owned())
        );
        let explained = desk.json("home", &["verify", "acme:echo@1.0.0"]);
        assert!(explained["steps"].to_string().contains("audit-required"), "{explained}");

        // All of it, for other people's tools.
        let exported = desk.json("home", &["export-evidence", "acme:echo", "evidence"]);
        let statements = exported["statements"].as_array().unwrap();
        for part in ["publish-0", "keyset-0", "checks-0", "audit-0"] {
            assert!(statements.contains(&json!(part)), "{part}: {exported}");
            for file in ["payload.json", "pae.bin", "sig.bin", "public.pem", "proof.tlog-proof", "bundle.sigstore.json"]
            {
                assert!(desk.path("evidence").join(part).join(file).exists(), "{part}/{file}");
            }
        }
        assert_eq!(std::fs::read_to_string(desk.path("evidence/audit-0/public.pem")).unwrap(), pem);
        let unknown = desk.run("home", &["export-evidence", "acme:other", "evidence"]);
        assert_eq!(unknown.error(), (8, "not-from-registry".to_owned()));
    });
}
