//! What is admitted, and what is refused as soon as index, policy or evidence is not as it must be.

use jackfield_package::{
    Digest,
    admission::{
        Evidence, HostPolicy,
        policy::{Freshness, WhenStale},
    },
    log::VerifierKey,
    statement::ReleaseStatus,
};
use semver::{Version, VersionReq};
use serde_json::{Value, json};

use crate::world::{HOUR, NOW, ORIGIN, PUBLISHER, STRANGER, World, check, keyset, public};

#[test]
fn a_good_release_is_admitted_step_by_step() {
    let mut world = World::new();
    world.seen_size = Some(2);
    let admission = world.run();
    let names: Vec<&str> = admission.steps.iter().map(|step| step.name).collect();
    assert_eq!(
        names,
        [
            "component",
            "checkpoint",
            "witnesses",
            "log-head",
            "log-one-face",
            "log-growth",
            "keysets",
            "keyset-pin",
            "statuses",
            "publish-signatures",
            "statement",
            "oci-manifest",
            "audience",
            "subject",
            "name",
            "version",
            "world",
            "manifest",
            "release",
            "checks",
            "audits",
            "status",
            "age",
            "imports"
        ]
    );
    assert!(admission.steps.iter().all(|step| step.ok));
    let admitted = admission.verdict.expect("admitted");
    assert_eq!((admitted.log_index, admitted.keyset_version, admitted.pin.version), (1, 1, 1));
    assert_eq!(admitted.pin.digest, Digest::of(&keyset(1, 1, &[PUBLISHER]).to_payload()));
    assert_eq!(*admitted.verified.signer(), public(PUBLISHER).id());
    assert_eq!(admitted.checkpoint.text().lines().nth(1), Some("5"), "the newest is what is remembered");
}

#[test]
fn the_index_is_the_registrys_word() {
    check(&[
        ("ok", "as it is", |_| {}),
        ("signature-invalid", "by another key", |w| w.index_signer = STRANGER),
        ("audience-mismatch", "of another registry", |w| w.index.registry = "evil.example".into()),
        ("name-mismatch", "of another package", |w| w.index.name = "acme:other".parse().expect("a name")),
        ("index-stale", "expired", |w| w.now = NOW + 2 * HOUR),
        ("index-stale", "older than this host bears", |w| w.policy.freshness.index_hours = 1),
        ("ok", "stale, and this host bears it", |w| {
            w.now = NOW + 2 * HOUR;
            w.policy.freshness = Freshness { when_stale: WhenStale::Warn, ..Freshness::default() };
        }),
        ("index-not-yet", "from the future", |w| w.index.issued = NOW + HOUR),
        ("index-rollback", "behind an earlier one", |w| w.seen.index_log_size = 4),
        ("release-not-found", "no such version", |w| w.query.range = Some(VersionReq::parse("^2").expect("a range"))),
        ("release-not-found", "only a pre-release", |w| {
            w.index.releases[0].version = Version::parse("2.0.0-a").expect("a version")
        }),
        ("release-not-found", "no release at all", |w| w.index.releases.clear()),
        ("release-yanked", "yanked", |w| w.index.releases[0].status = ReleaseStatus::Yanked),
        ("ok", "yanked, and installed already", |w| {
            w.index.releases[0].status = ReleaseStatus::Yanked;
            w.query.locked = Some(w.package.digest());
        }),
        ("release-quarantined", "in quarantine", |w| w.index.releases[0].status = ReleaseStatus::Quarantined),
        ("release-revoked", "revoked, though installed already", |w| {
            w.index.releases[0].status = ReleaseStatus::Revoked;
            w.query.locked = Some(w.package.digest());
        }),
        ("component-mismatch", "another digest than the bytes", |w| w.index.releases[0].component = Digest::of(b"x")),
        ("component-mismatch", "another size than the bytes", |w| w.index.releases[0].size += 1),
        ("version-mismatch", "another version than the component", |w| w.index.releases[0].version.patch += 1),
        ("subject-mismatch", "another OCI manifest than was signed", |w| {
            w.index.releases[0].oci_manifest = Digest::of(b"x")
        }),
    ]);
}

#[test]
fn evidence_is_read_strictly() {
    let good = World::new().evidence();
    let bytes = good.to_bytes();
    assert_eq!(Evidence::parse(&bytes).expect("its own bytes").to_bytes(), bytes);
    type Change = fn(&mut Value);
    let rows: [(&str, Change); 9] = [
        ("ok", |_| {}),
        ("evidence-malformed", |v| v["extra"] = json!(1)),
        ("evidence-malformed", |v| v["publish"] = Value::Null),
        ("evidence-malformed", |v| v["publish"][0]["extra"] = json!(1)),
        ("evidence-malformed", |v| v["publish"][0]["index"] = json!(-1)),
        ("evidence-malformed", |v| v["publish"][0]["proof"] = json!(["AAAA"])),
        ("evidence-malformed", |v| v["audits"] = json!(vec![v["publish"][0].clone(); 65])),
        ("note-malformed", |v| v["checkpoint"] = json!("hello")),
        ("bundle-media-type", |v| v["publish"][0]["bundle"]["mediaType"] = json!("text/plain")),
    ];
    for (expected, change) in rows {
        let mut value: Value = serde_json::from_slice(&bytes).expect("JSON");
        change(&mut value);
        let found = Evidence::parse(value.to_string().as_bytes()).map_or_else(|refusal| refusal.code, |_| "ok");
        assert_eq!(found, expected, "{value}");
    }
    assert_eq!(Evidence::parse(&vec![b' '; 17 << 20]).expect_err("large").code, "evidence-too-large");
}

#[test]
fn a_policy_is_checked_as_a_whole() {
    let good = || {
        let mut world = World::new();
        world.require_audit();
        world.require_witnesses();
        world.policy
    };
    good().check().expect("a good policy");
    let code = |change: fn(&mut HostPolicy)| {
        let mut policy = good();
        change(&mut policy);
        policy.check().map_or_else(|refusal| refusal.code, |()| "ok")
    };
    assert_eq!(code(|p| p.auditors.clear()), "policy-invalid");
    for origin in ["..", "../x", "a/b", ".x", "a b", "a/../b"] {
        let mut policy = good();
        policy.registries[0].origin = origin.into();
        assert_eq!(policy.check().expect_err(origin).code, "policy-invalid");
    }
    assert_eq!(code(|p| p.audits[0].count = 0), "policy-invalid");
    assert_eq!(code(|p| p.audits[0].count = 2), "policy-invalid");
    assert_eq!(code(|p| p.registries[0].witness_policy = Some("quorum all\n".into())), "log-policy-malformed");
    assert_eq!(
        code(|p| p.registries[0].log_key = VerifierKey::of_log(ORIGIN.parse().expect("a name"), public(STRANGER))),
        "policy-invalid"
    );
}
