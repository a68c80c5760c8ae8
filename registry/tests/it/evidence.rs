//! What the registry shows for a release is enough for a host that believes nothing: the real index and the real evidence,
//! held by the real admission.

use jackfield_package::{
    Digest, Package,
    admission::{
        Admission, Context, Evidence, HostPolicy, Offer, Query, Seen, TrustedRegistry, admit, policy::RequiredAudit,
        resolve,
    },
    key::SigningKey,
    log::VerifierKey,
    statement::{AuditStatement, Bundle, IndexStatement, ReleaseStatus, Verdict, quorum},
};
use jackfield_registry::{clock::DAY, index, status::settle};
use serde_json::json;

use crate::{
    kit::{ORIGIN, START, TestRegistry, validated_by},
    publish_kit::{Publisher, Told, package, work},
};

/// A host that believes this registry.
async fn policy(registry: &TestRegistry) -> HostPolicy {
    let about = registry.get("/.well-known/jackfield.json").send().await.expect(200);
    let log_key: VerifierKey = about["log_key"].as_str().unwrap().parse().unwrap();
    let registry = TrustedRegistry {
        url: format!("https://{ORIGIN}"),
        origin: about["origin"].as_str().unwrap().to_owned(),
        log_key,
        statements_key: serde_json::from_value(about["statements_key"].clone()).unwrap(),
        witness_policy: None,
    };
    HostPolicy { registries: vec![registry], ..HostPolicy::default() }
}

async fn shown_index(registry: &TestRegistry) -> Bundle {
    let answer = registry.get("/v1/index/acme/weather").send().await;
    assert_eq!(answer.status.as_u16(), 200);
    Bundle::parse_index(&answer.bytes).unwrap()
}

fn read_index(registry: &TestRegistry, bundle: &Bundle) -> IndexStatement {
    let key = registry.shared.keys.statements.public_key();
    IndexStatement::from_verified_payload(quorum::verified(bundle, &key).unwrap()).unwrap()
}

/// As a host would, from what is served.
async fn admission(registry: &TestRegistry, policy: &HostPolicy, package: &Package) -> Admission {
    let seen = Seen::default();
    let context = Context {
        registry: &policy.registries[0],
        policy,
        seen: &seen,
        head: None,
        now: registry.shared.now(),
        automatic: false,
    };
    let query = Query { name: package.manifest().name.clone(), range: None, locked: None };
    let resolved = resolve(&shown_index(registry).await, &query, &context).verdict.unwrap();
    let answer = registry.get(&Publisher::path(package, "evidence")).send().await;
    assert_eq!(answer.status.as_u16(), 200);
    let evidence = Evidence::parse(&answer.bytes).unwrap();
    admit(&Offer { resolved: &resolved, package, evidence: &evidence }, &context)
}

#[tokio::test]
async fn a_release_is_admitted_by_what_is_served() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 2).await;
        let first = package("acme:weather", "1.2.3", |_| {});
        registry.get("/v1/index/acme/weather").send().await.expect_problem(404, "package-not-found");
        alice.publish(&first).await;
        registry.get(&Publisher::path(&first, "evidence")).send().await.expect_problem(404, "release-not-found");
        work(&registry).await;

        let index = read_index(&registry, &shown_index(&registry).await);
        assert_eq!(
            (index.registry.as_str(), index.issued, index.releases.len()),
            (ORIGIN, START, 1),
            "{}",
            registry.kind
        );
        assert_eq!((index.releases[0].component, index.releases[0].status), (first.digest(), ReleaseStatus::Released));
        let policy = policy(&registry).await;
        let found = admission(&registry, &policy, &first).await;
        let admitted = found.verdict.unwrap_or_else(|refusal| panic!("{refusal}: {:#?}", found.steps));
        assert_eq!((admitted.signers.len(), admitted.keyset_version), (2, 1));

        // The same bytes have the same tag; who has them gets nothing.
        let answer = registry.get("/v1/index/acme/weather").send().await;
        let etag = answer.headers["etag"].to_str().unwrap().to_owned();
        let again = registry.get("/v1/index/acme/weather").header("if-none-match", &etag).send().await;
        assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    }
}

#[tokio::test]
async fn an_index_is_signed_anew_before_it_is_stale_and_never_goes_back() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        alice.publish(&package("acme:weather", "1.2.3", |_| {})).await;
        work(&registry).await;
        let name = "acme:weather".parse().unwrap();
        index::refresh(&registry.shared, &name).await.unwrap();
        assert_eq!(index::refresh_due(&registry.shared).await.unwrap(), 0, "it is fresh");
        let before = read_index(&registry, &shown_index(&registry).await);
        registry.clock.advance(4 * DAY);
        assert_eq!(index::refresh_due(&registry.shared).await.unwrap(), 1);
        let after = read_index(&registry, &shown_index(&registry).await);
        assert!(after.issued > before.issued && after.expires > before.expires && after.log_size >= before.log_size);
        // Many at once: what is shown at the end is the newest of them.
        let many = (0..8).map(|_| index::refresh(&registry.shared, &name));
        for done in futures_util::future::join_all(many).await {
            done.unwrap();
        }
        assert!(read_index(&registry, &shown_index(&registry).await).log_size >= after.log_size);
    }
}

#[tokio::test]
async fn an_index_names_an_advisory_at_once_and_a_status_with_its_place_in_the_log() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let other = registry.reopen().await;
        let alice = Publisher::new(&registry, "acme", 1).await;
        alice.publish(&package("acme:weather", "1.2.3", |_| {})).await;
        work(&registry).await;
        let told = async || {
            let (here, there) = (shown_index(&registry).await, shown_index(&other).await);
            assert_eq!(here.to_bytes(), there.to_bytes(), "{}: every process shows the same", registry.kind);
            let index = read_index(&registry, &here);
            (index.advisories.iter().map(|told| told.id.clone()).collect::<Vec<_>>(), index.releases[0].status)
        };
        assert_eq!(told().await, (vec![], ReleaseStatus::Released));
        let advisories = "/v1/packages/acme/weather/advisories";
        let new = json!({ "affected": "=1.2.3", "severity": "high", "title": "Leaks", "body": "Update." });
        let made = registry.post(advisories).token(&alice.token).json(&new).send().await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(told().await, (vec![id.clone()], ReleaseStatus::Released), "{}", registry.kind);
        let order = json!({ "order": { "action": "quarantine", "reason": "A look at it.", "days": 2 } });
        let status = "/v1/packages/acme/weather/1.2.3/status";
        registry.post(status).token(&registry.operator()).json(&order).send().await.expect(202);
        work(&registry).await;
        settle::due(&registry.shared).await.unwrap();
        assert_eq!(told().await, (vec![id.clone()], ReleaseStatus::Quarantined), "{}", registry.kind);
        registry.post(&format!("{advisories}/{id}/withdrawal")).token(&alice.token).send().await.expect(204);
        assert_eq!(told().await, (vec![], ReleaseStatus::Quarantined), "{}", registry.kind);
    }
}

#[tokio::test]
async fn a_reviewers_verdict_is_logged_and_heeded() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let first = package("acme:weather", "1.2.3", |_| {});
        alice.publish(&first).await;
        work(&registry).await;
        let mut policy = policy(&registry).await;
        let key = SigningKey::from_seed([77; 32]);
        let criteria: jackfield_package::Label = "safe-to-run".parse().unwrap();
        let reviewer: jackfield_package::Label = "rita".parse().unwrap();
        policy.auditors.insert(reviewer.clone(), key.public_key());
        policy.audits.push(RequiredAudit {
            criteria: criteria.clone(),
            from: vec![reviewer],
            count: 1,
            packages: "*".parse().unwrap(),
        });
        assert_eq!(admission(&registry, &policy, &first).await.verdict.unwrap_err().code, "audit-missing");

        let audit = |component: Digest, verdict| AuditStatement {
            name: first.manifest().name.clone(),
            version: first.manifest().version.clone(),
            component,
            criteria: criteria.clone(),
            verdict,
            delta_from: None,
            notes: "read".into(),
            expires: None,
        };
        let token = registry.user("rita").await;
        let public = hex::encode(key.public_key().to_bytes());
        let path = Publisher::path(&first, "audits");
        let good = audit(first.digest(), Verdict::Pass).sign(&key);
        let post =
            |bundle: &Bundle| registry.post(&path).header("jackfield-public-key", &public).bytes(bundle.to_bytes());
        post(&good).send().await.expect_problem(401, "unauthenticated");
        let without_key = registry.post(&path).token(&token).bytes(good.to_bytes()).send().await;
        without_key.expect_problem(400, "auditor-key-missing");
        let other = audit(Digest::of(b"x"), Verdict::Pass).sign(&key);
        post(&other).token(&token).send().await.expect_problem(400, "audit-mismatch");
        let forged = audit(first.digest(), Verdict::Pass).sign(&SigningKey::from_seed([78; 32]));
        post(&forged).token(&token).send().await.expect_problem(400, "signature-invalid");
        post(&good).token(&token).send().await.expect(202);
        work(&registry).await;
        assert!(admission(&registry, &policy, &first).await.verdict.is_ok(), "{}", registry.kind);

        post(&audit(first.digest(), Verdict::Fail).sign(&key)).token(&token).send().await.expect(202);
        work(&registry).await;
        assert_eq!(admission(&registry, &policy, &first).await.verdict.unwrap_err().code, "audit-veto");
    }
}
