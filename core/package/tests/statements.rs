//! Every kind of statement, written and read back, and each read strictly.

use std::fmt::Debug;

use jackfield_package::{
    Digest, Refusal,
    advisory::{Advisory, Affected, Severity},
    key::SigningKey,
    limits::{INDEX_ADVISORIES, INDEX_RELEASES, STATEMENT_BYTES, SUMMARY_CHARS, WORD_CHARS},
    statement::{
        AuditStatement, Bundle, ChecksStatement, IndexRelease, IndexStatement, KeysetStatement, Kind, PublishStatement,
        ReceiptStatement, ReleaseStatus, StatusAction, StatusStatement, StatusSubject, Verdict, accept_keyset, quorum,
    },
};
use semver::Version;
use serde_json::{Value, json};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn component() -> Digest {
    Digest::of(b"component")
}

fn version(text: &str) -> Version {
    text.parse().expect("a version")
}

fn publish() -> PublishStatement {
    PublishStatement {
        component: component(),
        oci_manifest: Some(Digest::of(b"manifest")),
        registry: Some("registry.example".into()),
        name: "acme:weather".parse().expect("a name"),
        version: version("1.2.3"),
        world: "jackfield:connector@0.1.0".into(),
        manifest_digest: Digest::of(b"section"),
        previous: Some(Digest::of(b"before")),
    }
}

fn keyset(version: u64, threshold: u64, seeds: &[u8]) -> KeysetStatement {
    KeysetStatement {
        namespace: "acme".parse().expect("a label"),
        version,
        threshold,
        keys: seeds.iter().map(|seed| key(*seed).public_key()).collect(),
        reason: "first keys".into(),
    }
}

fn checks() -> ChecksStatement {
    ChecksStatement {
        registry: "registry.example".into(),
        name: "acme:weather".parse().expect("a name"),
        version: version("1.2.3"),
        component: component(),
        ruleset: "2026-11".into(),
        passed: vec!["size".parse().expect("a label"), "manifest".parse().expect("a label")],
        warnings: vec![],
    }
}

fn audit() -> AuditStatement {
    AuditStatement {
        name: "acme:weather".parse().expect("a name"),
        version: version("1.2.3"),
        component: component(),
        criteria: "safe-to-run".parse().expect("a label"),
        verdict: Verdict::Pass,
        delta_from: Some(Digest::of(b"before")),
        notes: "Read all of it.".into(),
        expires: Some(1_800_000_000_000_000),
    }
}

fn status() -> StatusStatement {
    StatusStatement {
        registry: "registry.example".into(),
        subject: StatusSubject::Release {
            name: "acme:weather".parse().expect("a name"),
            version: version("1.2.3"),
            component: component(),
        },
        action: StatusAction::Yank,
        reason: "wrong unit".into(),
        since_index: None,
        expires: None,
        by: "user:alice".into(),
    }
}

fn key_status() -> StatusStatement {
    StatusStatement {
        subject: StatusSubject::Key { namespace: "acme".parse().expect("a label"), key: key(1).key_id() },
        action: StatusAction::Revoke,
        since_index: Some(7),
        ..status()
    }
}

fn advisory(id: String, title: String) -> Advisory {
    Advisory { id, severity: Severity::High, affected: "<1.2.5".parse().expect("a range"), title }
}

fn index() -> IndexStatement {
    IndexStatement {
        registry: "registry.example".into(),
        name: "acme:weather".parse().expect("a name"),
        log_size: 42,
        issued: 1_000_000,
        expires: 2_000_000,
        deprecated: None,
        advisories: vec![advisory("JFA-2026-0001".into(), "Leaks rows".into())],
        releases: vec![IndexRelease {
            version: version("1.2.3"),
            component: component(),
            oci_manifest: Digest::of(b"manifest"),
            size: 1000,
            released_at: 900_000,
            status: ReleaseStatus::Released,
        }],
    }
}

fn receipt() -> ReceiptStatement {
    ReceiptStatement {
        workspace: key(9).public_key(),
        name: "acme:weather".parse().expect("a name"),
        version: version("1.2.3"),
        component: component(),
        calls: 12,
        first_day: 20_000,
        last_day: 20_003,
    }
}

type Change = fn(&mut Value);

fn code<T: Debug>(result: Result<T, Refusal>) -> &'static str {
    result.map_or_else(|refusal| refusal.code, |_| "ok")
}

/// Reads a statement back, then with each change made to it, after the changes that no kind may bear.
fn read_strictly<T: Debug + PartialEq>(
    good: T,
    write: impl Fn(&T) -> Vec<u8>,
    read: impl Fn(&[u8]) -> Result<T, Refusal>,
    changes: &[(&'static str, Change)],
) {
    let payload = write(&good);
    assert_eq!(read(&payload).expect("its own bytes"), good);
    let everywhere: [(&str, Change); 12] = [
        ("ok", |_| {}),
        ("statement-type", |v| v["_type"] = json!("https://in-toto.io/Statement/v0.1")),
        ("statement-type", |v| v["predicateType"] = json!("https://slsa.dev/provenance/v1")),
        ("statement-type", |v| v["predicateType"] = json!(["https://jackfield.dev/spec/publish/v1"])),
        ("statement-malformed", |v| v["extra"] = json!(1)),
        ("statement-malformed", |v| v["predicate"]["extra"] = json!(1)),
        ("statement-malformed", |v| v["predicate"] = json!({})),
        ("statement-malformed", |v| v["subject"] = json!([])),
        ("statement-malformed", |v| v["subject"] = json!([v["subject"][0], v["subject"][0]])),
        ("statement-malformed", |v| {
            v["subject"]
                .as_array_mut()
                .expect("subjects")
                .push(json!({"name": "x", "digest": {"sha256": "0".repeat(64)}}));
        }),
        ("digest-malformed", |v| v["subject"][0]["digest"]["sha256"] = json!("A".repeat(64))),
        ("json-float", |v| v["predicate"]["extra"] = json!(1.5)),
    ];
    for (row, (expected, change)) in everywhere.iter().chain(changes).enumerate() {
        let mut value: Value = serde_json::from_slice(&payload).expect("JSON");
        change(&mut value);
        assert_eq!(code(read(value.to_string().as_bytes())), *expected, "row {row} of {value}");
    }
    let mut twice = payload.clone();
    twice.splice(1..1, br#""_type":"x","#.iter().copied());
    assert_eq!(code(read(&twice)), "json-duplicate-key");
    assert_eq!(code(read(&[payload, b" {}".to_vec()].concat())), "json-trailing");
}

#[test]
fn publish_is_read_strictly() {
    read_strictly(
        publish(),
        PublishStatement::to_payload,
        PublishStatement::from_verified_payload,
        &[
            ("statement-malformed", |v| v["predicate"]["name"] = json!("Acme:weather")),
            ("statement-malformed", |v| v["predicate"]["version"] = json!("1")),
            ("statement-malformed", |v| v["predicate"]["registry"] = json!(7)),
            ("statement-malformed", |v| v["predicate"]["manifest_digest"] = json!("sha512:00")),
        ],
    );
    let large = vec![b' '; STATEMENT_BYTES + 1];
    assert_eq!(code(PublishStatement::from_verified_payload(&large)), "statement-malformed");
}

#[test]
fn keyset_is_read_strictly() {
    read_strictly(
        keyset(1, 2, &[1, 2]),
        KeysetStatement::to_payload,
        KeysetStatement::from_verified_payload,
        &[
            ("statement-malformed", |v| v["predicate"]["version"] = json!(0)),
            ("statement-malformed", |v| v["predicate"]["version"] = json!("1")),
            ("statement-malformed", |v| v["predicate"]["threshold"] = json!(0)),
            ("statement-malformed", |v| v["predicate"]["threshold"] = json!(3)),
            ("statement-malformed", |v| v["predicate"]["keys"] = json!([])),
            ("statement-malformed", |v| v["predicate"]["keys"][1] = v["predicate"]["keys"][0].clone()),
            // A weak key: of order 1.
            ("statement-malformed", |v| v["predicate"]["keys"][0] = json!("01".to_owned() + &"00".repeat(31))),
            ("statement-malformed", |v| v["predicate"]["namespace"] = json!("acme:weather")),
            // The subject is of another name than the predicate.
            ("statement-malformed", |v| v["predicate"]["namespace"] = json!("evil")),
            ("statement-malformed", |v| v["predicate"]["reason"] = json!("x".repeat(241))),
        ],
    );
    let many = keyset(1, 1, &(1..=17).collect::<Vec<u8>>());
    assert_eq!(code(KeysetStatement::from_verified_payload(&many.to_payload())), "statement-malformed");
}

#[test]
fn checks_are_read_strictly() {
    read_strictly(
        checks(),
        ChecksStatement::to_payload,
        ChecksStatement::from_verified_payload,
        &[
            ("statement-malformed", |v| v["predicate"]["passed"] = json!(["Not a label"])),
            ("statement-malformed", |v| v["predicate"]["passed"] = json!(vec!["size"; 513])),
            ("statement-malformed", |v| v["predicate"]["ruleset"] = json!("x".repeat(513))),
            ("statement-malformed", |v| v["predicate"]["failed"] = json!([])),
        ],
    );
}

#[test]
fn audits_are_read_strictly() {
    read_strictly(
        audit(),
        AuditStatement::to_payload,
        AuditStatement::from_verified_payload,
        &[
            ("statement-malformed", |v| v["predicate"]["verdict"] = json!("maybe")),
            ("statement-malformed", |v| v["predicate"]["criteria"] = json!("Safe To Run")),
            ("statement-malformed", |v| v["predicate"]["notes"] = json!("x".repeat(8_001))),
            ("statement-malformed", |v| v["predicate"]["expires"] = json!("tomorrow")),
            ("statement-malformed", |v| v["predicate"]["delta_from"] = json!("00")),
        ],
    );
}

#[test]
fn statuses_are_read_strictly() {
    read_strictly(
        status(),
        StatusStatement::to_payload,
        StatusStatement::from_verified_payload,
        &[
            ("statement-malformed", |v| v["predicate"]["action"] = json!("delete")),
            ("statement-malformed", |v| v["predicate"]["action"] = json!("quarantine")),
            ("statement-malformed", |v| v["predicate"]["since_index"] = json!(1)),
            ("statement-malformed", |v| v["predicate"]["key"] = json!({"namespace": "acme", "keyid": "0".repeat(64)})),
            ("statement-malformed", |v| v["predicate"]["release"] = Value::Null),
            ("statement-malformed", |v| v["predicate"]["reason"] = json!("x".repeat(241))),
        ],
    );
    read_strictly(
        key_status(),
        StatusStatement::to_payload,
        StatusStatement::from_verified_payload,
        &[
            ("statement-malformed", |v| v["predicate"]["action"] = json!("yank")),
            ("statement-malformed", |v| v["predicate"]["since_index"] = json!(-1)),
            // The subject is another key than the predicate's.
            ("statement-malformed", |v| v["predicate"]["key"]["keyid"] = json!("0".repeat(64))),
        ],
    );
}

#[test]
fn indices_are_read_strictly() {
    read_strictly(
        index(),
        IndexStatement::to_payload,
        IndexStatement::from_verified_payload,
        &[
            ("statement-malformed", |v| v["predicate"]["log_size"] = json!(-1)),
            ("statement-malformed", |v| v["predicate"]["name"] = json!("acme:other")),
            ("statement-malformed", |v| v["predicate"]["releases"][0]["status"] = json!("fine")),
            ("statement-malformed", |v| v["predicate"]["releases"][0]["extra"] = json!(1)),
            ("statement-malformed", |v| v["predicate"]["advisories"][0]["affected"] = json!("everything")),
            ("statement-malformed", |v| v["predicate"]["advisories"][0]["severity"] = json!("awful")),
            ("statement-malformed", |v| v["predicate"]["advisories"][0]["title"] = json!("t".repeat(1_000))),
            ("statement-malformed", |v| {
                v["predicate"]["releases"] = json!([v["predicate"]["releases"][0], v["predicate"]["releases"][0]]);
            }),
        ],
    );
}

#[test]
fn the_largest_index_fits_its_bundle() {
    let release = index().releases[0].clone();
    let releases = (0..INDEX_RELEASES as u64)
        .map(|patch| IndexRelease {
            version: Version::new(1_000_000, 0, patch),
            size: 64 << 20,
            released_at: i64::MAX,
            status: ReleaseStatus::Quarantined,
            ..release.clone()
        })
        .collect();
    let affected: Affected = ["=1.0.0-aaaaa"; 25].join(" || ").parse().expect("ranges");
    let told =
        |_| Advisory { affected: affected.clone(), ..advisory("J".repeat(WORD_CHARS), "t".repeat(SUMMARY_CHARS)) };
    let advisories = (0..INDEX_ADVISORIES).map(told).collect();
    let mut index = IndexStatement { advisories, releases, ..index() };
    let bytes = index.sign(&key(1)).to_bytes();
    assert_eq!(Bundle::parse(&bytes).expect_err("large").code, "bundle-too-large");
    let bundle = Bundle::parse_index(&bytes).expect("an index's bundle");
    let payload = quorum::verified(&bundle, &key(1).public_key()).expect("signed");
    assert_eq!(IndexStatement::from_verified_payload(payload).expect("an index"), index);
    let more = IndexStatement { advisories: vec![index.advisories[0].clone(); INDEX_ADVISORIES + 1], ..index.clone() };
    assert_eq!(code(IndexStatement::from_verified_payload(&more.to_payload())), "statement-malformed");
    index.releases.push(IndexRelease { version: version("0.1.0"), ..release });
    assert_eq!(code(IndexStatement::from_verified_payload(&index.to_payload())), "statement-malformed");
}

#[test]
fn receipts_are_read_strictly() {
    read_strictly(
        receipt(),
        ReceiptStatement::to_payload,
        ReceiptStatement::from_verified_payload,
        &[
            ("statement-malformed", |v| v["predicate"]["last_day"] = json!(19_999)),
            ("statement-malformed", |v| v["predicate"]["calls"] = json!(-1)),
            ("statement-malformed", |v| v["predicate"]["workspace"] = json!("me")),
        ],
    );
    assert_eq!(ReceiptStatement::from_bundle(&receipt().sign(&key(9))).expect("its own"), receipt());
    assert_eq!(code(ReceiptStatement::from_bundle(&receipt().sign(&key(8)))), "signature-invalid");
}

#[test]
fn a_kind_is_told_by_the_predicate_type() {
    let payloads = [
        (Kind::Publish, publish().to_payload()),
        (Kind::Keyset, keyset(1, 1, &[1]).to_payload()),
        (Kind::Checks, checks().to_payload()),
        (Kind::Audit, audit().to_payload()),
        (Kind::Status, status().to_payload()),
        (Kind::Index, index().to_payload()),
        (Kind::Receipt, receipt().to_payload()),
    ];
    for (kind, payload) in payloads {
        assert_eq!(Kind::claimed_by(&payload), Some(kind));
        assert_eq!(kind.predicate_type(), format!("https://jackfield.dev/spec/{}/v1", kind.as_str()));
    }
    assert_eq!(Kind::claimed_by(b"{}"), None);
}

#[test]
fn several_sign_the_same_bytes() {
    let two_of_three = keyset(1, 2, &[1, 2, 3]);
    let (a, b, c) = (publish().sign(&key(1)), publish().sign(&key(2)), publish().sign(&key(4)));
    let other = PublishStatement { version: version("9.9.9"), ..publish() }.sign(&key(2));
    let mut forged: Value = serde_json::from_slice(&b.to_bytes()).expect("JSON");
    forged["dsseEnvelope"]["signatures"][0]["sig"] = json!("A".repeat(86) + "==");
    let forged = Bundle::parse(forged.to_string().as_bytes()).expect("a bundle");
    let rows: [(&str, Vec<Bundle>); 8] = [
        ("ok", vec![a.clone(), b.clone()]),
        ("ok", vec![c.clone(), b.clone(), a.clone(), a.clone()]),
        ("threshold-not-met", vec![a.clone()]),
        ("threshold-not-met", vec![a.clone(), a.clone()]),
        ("threshold-not-met", vec![a.clone(), other]),
        ("signer-unknown", vec![c]),
        ("signature-missing", vec![]),
        ("signature-invalid", vec![a, forged]),
    ];
    for (row, (expected, bundles)) in rows.iter().enumerate() {
        assert_eq!(code(two_of_three.quorum_of(bundles)), *expected, "row {row}");
    }
}

#[test]
fn a_keyset_follows_from_the_one_before() {
    let by = |keyset: &KeysetStatement, seeds: &[u8]| -> Vec<Bundle> {
        seeds.iter().map(|seed| keyset.sign(&key(*seed))).collect()
    };
    let first = keyset(1, 2, &[1, 2, 3]);
    let second = keyset(2, 1, &[3, 4]);
    let other = KeysetStatement { namespace: "other".parse().expect("a label"), ..second.clone() };
    let rows: [(&str, Option<&KeysetStatement>, Vec<Bundle>); 11] = [
        ("ok", None, by(&first, &[1, 2, 3])),
        // The threshold does not help: every key is new, so each proves that it is held.
        ("keyset-proof-missing", None, by(&first, &[1, 2])),
        ("signature-missing", None, vec![]),
        ("keyset-version", None, by(&second, &[3, 4])),
        ("ok", Some(&first), by(&second, &[1, 2, 4])),
        ("keyset-proof-missing", Some(&first), by(&second, &[1, 2])),
        ("keyset-threshold", Some(&first), by(&second, &[3, 4])),
        ("keyset-threshold", Some(&first), by(&second, &[4])),
        ("keyset-version", Some(&second), by(&first, &[1, 2, 3])),
        ("keyset-namespace", Some(&first), by(&other, &[1, 2, 4])),
        ("keyset-payloads-differ", Some(&first), [by(&second, &[1, 4]), by(&keyset(2, 2, &[3, 4]), &[2])].concat()),
    ];
    for (row, (expected, previous, bundles)) in rows.iter().enumerate() {
        assert_eq!(code(accept_keyset(*previous, bundles)), *expected, "row {row}");
    }
}
