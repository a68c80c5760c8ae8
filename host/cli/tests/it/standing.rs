//! A workspace's policy, and what becomes of what it has installed once that is taken back.

use jackfield_test_kit::{PackageBuilder, programs};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    kit::on_each_database,
    withdrawals::{becomes, owner},
    workspaces::{Asks, operator},
};

const ECHO: &str = "/main/installations/acme/echo";
const RUN: &str = "/main/installations/acme/echo/operations/run/invoke";

#[test]
fn what_was_taken_back_is_told_and_switched_off_where_the_policy_says_so() {
    on_each_database(&[], |desk, server| {
        desk.release_echo("1.0.0");
        desk.release_echo("1.1.0");
        let admin = Asks::new(server, operator(desk));
        let installed =
            admin.post("/main/installations", json!({ "package": "acme:echo@1.1.0", "grant": "none" }), 201);
        assert_eq!(installed["standing"], Value::Null);
        let token = |role: &str| {
            let token = admin.post("/main/tokens", json!({ "label": role, "role": role }), 201);
            Asks::new(server, token["token"].as_str().unwrap())
        };
        let (workflow, keeper) = (token("member"), token("operator"));
        assert_eq!(workflow.expect(Method::POST, "/main/standing", None, 403)["code"], "role-insufficient");
        let standing = || admin.get(ECHO)["standing"].clone();
        keeper.expect(Method::POST, "/main/standing", None, 200);
        assert_eq!(standing()["taken_back"], Value::Null);
        assert!(standing()["at"].is_i64());

        // Revoked: told, with the reason, and by itself nothing stops.
        assert_eq!(owner(desk, "revoke", "acme:echo@1.1.0").code, 0);
        becomes(desk, server, "1.1.0", "revoked");
        keeper.expect(Method::POST, "/main/standing", None, 200);
        let told = standing()["taken_back"].clone();
        assert_eq!((&told["status"], &told["word"]["reason"]), (&json!("revoked"), &json!("loses rows")), "{told}");
        assert_eq!(workflow.post(RUN, json!({ "n": 1 }), 200)["result"], json!({ "n": 1 }));

        // Where the policy wants it switched off, it is, and the audit log says by whom.
        let policy = admin.get("/main/policy");
        assert_eq!(policy["when_revoked"], "tell");
        assert_eq!(admin.put("/main/policy", json!({ "when_revoked": "disable" }), 200)["when_revoked"], "disable");
        assert_eq!(admin.get("/main/policy")["registries"], policy["registries"]);
        keeper.expect(Method::POST, "/main/standing", None, 200);
        assert_eq!(admin.get(ECHO)["enabled"], json!(false));
        assert_eq!(workflow.post(RUN, json!({}), 403)["code"], "denied");
        let lines = admin.get("/main/audit?caller=system");
        assert_eq!(lines["audit"][0]["detail"], "off: it was revoked", "{lines}");

        // Another version has nothing against it.
        let back = json!({ "package": "acme:echo@1.0.0", "grant": "keep", "consent": true });
        assert_eq!(admin.post("/main/installations", back, 201)["standing"], Value::Null);
    });
}

#[test]
fn a_policy_decides_what_may_be_installed_and_an_operator_whom_to_believe() {
    on_each_database(&[], |desk, server| {
        desk.release("1.0.0", PackageBuilder::of(programs::FETCH).asks("GET https://api.example.com"));
        let admin = Asks::new(server, operator(desk));
        let tenant = admin.post("/main/tokens", json!({ "label": "x", "role": "admin" }), 201);
        let tenant = Asks::new(server, tenant["token"].as_str().unwrap());
        // Another's import is denied, and the release with it.
        tenant.put("/main/policy", json!({ "denied_imports": ["wasi:http"] }), 200);
        let install = json!({ "package": "acme:echo" });
        let refused = tenant.post("/main/installations", install.clone(), 422);
        assert_eq!(refused["code"], "import-denied-by-policy", "{refused}");
        tenant.put("/main/policy", json!({}), 200);
        tenant.post("/main/installations", install, 201);

        // What contradicts itself, is no policy, or would send the server somewhere.
        let malformed =
            [json!({ "denied": [] }), json!({ "when_revoked": "explode" }), json!({ "minimum_age_hours": -1 })];
        for policy in malformed {
            assert_eq!(tenant.put("/main/policy", policy, 400)["code"], "policy-invalid");
        }
        let nobody = json!({ "audits": [{ "criteria": "safe", "from": ["alice"] }] });
        assert_eq!(tenant.put("/main/policy", nobody, 422)["code"], "policy-invalid");
        let mut policy = tenant.get("/main/policy");
        assert_eq!(tenant.put("/main/policy", policy.clone(), 200), policy);
        policy["registries"][0]["url"] = json!("http://169.254.169.254");
        assert_eq!(tenant.put("/main/policy", policy.clone(), 403)["code"], "policy-registries");
        assert_eq!(tenant.put("/main/policy", json!({ "registries": [] }), 403)["code"], "policy-registries");
        assert_ne!(tenant.get("/main/policy"), policy);
        // A member sees it, and leaves it.
        let member = admin.post("/main/tokens", json!({ "label": "y" }), 201);
        let member = Asks::new(server, member["token"].as_str().unwrap());
        member.get("/main/policy");
        assert_eq!(member.put("/main/policy", json!({}), 403)["code"], "role-insufficient");
    });
}
