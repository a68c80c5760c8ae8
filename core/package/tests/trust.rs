//! Signing and verifying: the whole chain, and each link broken in turn.

mod common;

use common::{Builder, manifest_with};
use jackfield_package::{
    Digest,
    key::{KeyId, PublicKey, SigningKey},
    section,
    statement::{
        Bundle, PUBLISH_PREDICATE_TYPE, PublishStatement, STATEMENT_TYPE, bundle_file_name, dsse::Envelope, pae,
        sign_publish,
    },
    verify::{Namespaces, Trust, TrustedKey, Verification, verify},
};
use serde_json::{Value, json};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn trust(seed: u8, namespaces: Namespaces) -> Trust {
    Trust::new(vec![TrustedKey { key: key(seed).public_key(), namespaces }])
}

fn code(verification: &Verification) -> &'static str {
    match &verification.verdict {
        Ok(_) => "ok",
        Err(refusal) => refusal.code,
    }
}

#[test]
fn a_signed_package_is_verified_step_by_step() {
    let package = Builder::default().package();
    let bundle = sign_publish(&package, &key(1));
    let acme = Namespaces::List(vec!["acme".parse().expect("a label")]);
    let verification = verify(&package, &[bundle], &trust(1, acme));
    let names: Vec<&str> = verification.steps.iter().map(|step| step.name).collect();
    assert_eq!(
        names,
        [
            "component",
            "bundles",
            "payload-type",
            "signer",
            "signature",
            "statement",
            "subject",
            "name",
            "version",
            "world",
            "manifest",
            "audience",
            "namespace"
        ]
    );
    assert!(verification.steps.iter().all(|step| step.ok));
    let json = serde_json::to_value(&verification).expect("JSON");
    assert_eq!(json["verdict"]["signer"], json!(key(1).key_id().to_string()));
    let verified = verification.verdict.expect("verified");
    assert_eq!(verified.signer(), &key(1).key_id());
    assert_eq!(verified.package().digest(), package.digest());
}

#[test]
fn each_broken_link_has_its_code() {
    let package = Builder::default().package();
    let statement = PublishStatement::of(&package);
    let signed = |change: fn(&mut PublishStatement)| {
        let mut statement = statement.clone();
        change(&mut statement);
        statement.sign(&key(1))
    };
    let payload = |change: fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&statement.to_payload()).expect("JSON");
        change(&mut value);
        Bundle::sign(value.to_string().into_bytes(), &key(1))
    };
    let good = sign_publish(&package, &key(1));
    let tampered = |change: fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&good.to_bytes()).expect("JSON");
        change(&mut value);
        Bundle::parse(value.to_string().as_bytes()).expect("still a bundle")
    };
    let other_namespace = || trust(1, Namespaces::List(vec!["other".parse().expect("a label")]));
    let for_registry = |registry: &str| Trust { registry: Some(registry.to_owned()), ..trust(1, Namespaces::All) };
    let all = || trust(1, Namespaces::All);

    let rows: Vec<(&str, Vec<Bundle>, Trust)> = vec![
        ("ok", vec![good.clone()], all()),
        ("ok", vec![sign_publish(&package, &key(2)), good.clone()], all()),
        ("ok", vec![signed(|s| s.registry = Some("registry.example".into()))], for_registry("registry.example")),
        ("ok", vec![good.clone()], for_registry("registry.example")),
        ("ok", vec![signed(|s| s.oci_manifest = Some(Digest::of(b"x")))], all()),
        ("signature-missing", vec![], all()),
        ("bundle-too-many", vec![good.clone(); 65], all()),
        ("signer-unknown", vec![sign_publish(&package, &key(2))], all()),
        ("signer-unknown", vec![good.clone()], Trust::default()),
        ("signer-not-for-namespace", vec![good.clone()], other_namespace()),
        (
            "audience-mismatch",
            vec![signed(|s| s.registry = Some("evil.example".into()))],
            for_registry("registry.example"),
        ),
        ("subject-mismatch", vec![signed(|s| s.component = Digest::of(b"other"))], all()),
        ("name-mismatch", vec![signed(|s| s.name = "acme:other".parse().expect("a name"))], all()),
        ("version-mismatch", vec![signed(|s| s.version.patch += 1)], all()),
        ("world-mismatch", vec![signed(|s| s.world = "jackfield:connector@0.2.0".into())], all()),
        ("manifest-mismatch", vec![signed(|s| s.manifest_digest = Digest::of(b"other"))], all()),
        ("statement-type", vec![payload(|v| v["_type"] = json!("https://in-toto.io/Statement/v0.1"))], all()),
        ("statement-type", vec![payload(|v| v["predicateType"] = json!("https://slsa.dev/provenance/v1"))], all()),
        ("statement-type", vec![tampered(|v| v["dsseEnvelope"]["payloadType"] = json!("text/plain"))], all()),
        ("statement-malformed", vec![payload(|v| v["extra"] = json!(1))], all()),
        ("statement-malformed", vec![payload(|v| v["subject"] = json!([]))], all()),
        ("statement-malformed", vec![payload(|v| v["subject"] = json!([v["subject"][0], v["subject"][0]]))], all()),
        ("digest-malformed", vec![payload(|v| v["subject"][0]["digest"]["sha256"] = json!("AB"))], all()),
        ("json-float", vec![payload(|v| v["extra"] = json!(1.5))], all()),
        ("json-malformed", vec![Bundle::sign(b"not json".to_vec(), &key(1))], all()),
        ("json-duplicate-key", vec![Bundle::sign(br#"{"_type":"a","_type":"b"}"#.to_vec(), &key(1))], all()),
        // A payload that nobody signed is not even read: it is no JSON, and that is not what is said about it.
        ("signature-invalid", vec![tampered(|v| v["dsseEnvelope"]["payload"] = json!("bm90IGpzb24="))], all()),
        (
            "signature-invalid",
            vec![tampered(|v| v["dsseEnvelope"]["signatures"][0]["sig"] = json!("A".repeat(86) + "=="))],
            all(),
        ),
    ];
    for (index, (expected, bundles, trust)) in rows.iter().enumerate() {
        assert_eq!(code(&verify(&package, bundles, trust)), *expected, "row {index}");
    }
}

#[test]
fn a_tampered_component_is_told_with_both_digests() {
    let package = Builder::default().package();
    let bundle = sign_publish(&package, &key(1));
    let tampered = Builder::default().data(b"malice").package();
    let refusal = verify(&tampered, &[bundle], &trust(1, Namespaces::All)).verdict.expect_err("tampered");
    assert_eq!(refusal.code, "subject-mismatch");
    assert!(refusal.message.contains(&format!("expected {}", package.digest())), "{}", refusal.message);
    assert!(refusal.message.contains(&format!("found {}", tampered.digest())), "{}", refusal.message);
}

#[test]
fn a_statement_for_one_package_does_not_serve_another() {
    let package = Builder::default().package();
    let other = Builder::default().manifest(&manifest_with("/name", json!("acme:other"))).package();
    let refusal =
        verify(&other, &[sign_publish(&package, &key(1))], &trust(1, Namespaces::All)).verdict.expect_err("another");
    assert_eq!(refusal.code, "subject-mismatch");
}

#[test]
fn bundles_are_read_strictly_and_written_the_same() {
    let package = Builder::default().package();
    let bundle = sign_publish(&package, &key(1));
    let bytes = bundle.to_bytes();
    assert_eq!(Bundle::parse(&bytes).expect("a bundle").to_bytes(), bytes);
    assert_eq!(bytes, sign_publish(&package, &key(1)).to_bytes());
    let value: Value = serde_json::from_slice(&bytes).expect("JSON");
    let code = |change: fn(&mut Value)| {
        let mut value = value.clone();
        change(&mut value);
        Bundle::parse(value.to_string().as_bytes()).map_or_else(|refusal| refusal.code, |_| "ok")
    };
    type Change = fn(&mut Value);
    let rows: Vec<(&str, Change)> = vec![
        ("ok", |_| {}),
        ("ok", |v| v["verificationMaterial"]["tlogEntries"] = json!([{"logIndex": "1"}])),
        ("bundle-media-type", |v| v["mediaType"] = json!("application/vnd.dev.sigstore.bundle.v0.2+json")),
        ("bundle-invalid", |v| v["extra"] = json!(1)),
        ("bundle-invalid", |v| v["dsseEnvelope"]["payload"] = json!("bm90\nIGpzb24=")),
        ("bundle-invalid", |v| v["dsseEnvelope"]["payload"] = json!("bm9")),
        ("bundle-invalid", |v| v["dsseEnvelope"]["signatures"][0]["keyid"] = json!("00")),
        ("signature-missing", |v| v["dsseEnvelope"]["signatures"] = json!([])),
        ("signature-too-many", |v| {
            let signature = v["dsseEnvelope"]["signatures"][0].clone();
            v["dsseEnvelope"]["signatures"] = json!([signature.clone(), signature]);
        }),
        ("signature-invalid", |v| v["dsseEnvelope"]["signatures"][0]["sig"] = json!("AAAA")),
        ("key-id-malformed", |v| v["verificationMaterial"]["publicKey"]["hint"] = json!("me")),
    ];
    for (index, (expected, change)) in rows.into_iter().enumerate() {
        assert_eq!(code(change), expected, "row {index}");
    }
    assert_eq!(Bundle::parse(&vec![b' '; 300 << 10]).expect_err("large").code, "bundle-too-large");
    assert_eq!(Bundle::parse(b"{}{}").expect_err("two").code, "json-trailing");
}

#[test]
fn keys_are_stored_encrypted_and_come_back() {
    let key = key(7);
    let pem = key.to_pem(b"correct horse", [1; 16], [2; 16]).expect("PEM");
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let back = SigningKey::from_pem(&pem, b"correct horse").expect("the key");
    assert_eq!(back.key_id(), key.key_id());
    let rows = [
        ("key-passphrase-wrong", SigningKey::from_pem(&pem, b"wrong").map(drop)),
        ("key-malformed", SigningKey::from_pem("hello", b"x").map(drop)),
        ("key-passphrase-empty", key.to_pem(b"", [1; 16], [2; 16]).map(drop)),
        // openssl genpkey -algorithm ed25519
        (
            "key-not-encrypted",
            SigningKey::from_pem(
                "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n-----END PRIVATE KEY-----\n",
                b"x",
            )
            .map(drop),
        ),
    ];
    for (expected, result) in rows {
        assert_eq!(result.expect_err("refused").code, expected);
    }
    // Nothing of the secret in what a log would print.
    assert!(!format!("{key:?}").contains("0707"));
    let public = key.public_key();
    assert_eq!(PublicKey::from_pem(&public.to_pem()).expect("a key"), public);
}

#[test]
fn trust_is_stored_as_plain_text() {
    let trust = Trust::new(vec![
        TrustedKey { key: key(1).public_key(), namespaces: Namespaces::All },
        TrustedKey { key: key(2).public_key(), namespaces: Namespaces::List(vec!["acme".parse().expect("a label")]) },
    ]);
    let json = serde_json::to_value(&trust).expect("JSON");
    assert_eq!(json["keys"][0]["namespaces"], json!("all"));
    assert_eq!(json["keys"][1]["namespaces"], json!(["acme"]));
    assert_eq!(serde_json::from_value::<Trust>(json.clone()).expect("trust"), trust);
    let mut weak = json;
    weak["keys"][0]["key"] = json!("01".to_owned() + &"00".repeat(31));
    assert!(serde_json::from_value::<Trust>(weak).is_err());
}

#[test]
fn the_encoding_is_that_of_the_specification() {
    // dsse, protocol.md, "Test vectors".
    assert_eq!(
        pae("http://example.com/HelloWorld", b"hello world"),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
    assert_eq!(bundle_file_name("echo.wasm"), "echo.wasm.sigstore.json");
    assert_eq!(
        (STATEMENT_TYPE, PUBLISH_PREDICATE_TYPE),
        ("https://in-toto.io/Statement/v1", "https://jackfield.dev/spec/publish/v1")
    );
    let envelope = Envelope::sign(b"{}".to_vec(), &key(1));
    assert_eq!(envelope.verified_payload(&key(1).public_key()).expect("signed"), b"{}");
    assert_eq!(envelope.verified_payload(&key(2).public_key()).expect_err("another key").code, "signature-invalid");
}

/// The vectors are read by other languages too. `UPDATE=1` writes tests/vectors/publish.json anew.
#[test]
fn the_vectors_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    // A package as it was before there were cassettes: what was signed then is signed still.
    let mut builder = Builder::default();
    builder.sections.retain(|(name, _)| name != section::CASSETTES);
    let package = builder.package();
    let bundle =
        PublishStatement { registry: Some("registry.example".into()), ..PublishStatement::of(&package) }.sign(&key(1));
    let public = key(1).public_key();
    let statement = json!({
        "about": "One good package and its publish statement; all bytes in hex. keyid as securesystemslib derives it.",
        "component": hex::encode(package.bytes()),
        "component_digest": package.digest().to_string(),
        "manifest_digest": package.manifest_digest().to_string(),
        "seed": hex::encode([1; 32]),
        "private_key_pem": key(1).to_pem(b"correct horse", [3; 16], [4; 16]).expect("PEM").as_str(),
        "passphrase": "correct horse",
        "public_key": hex::encode(public.to_bytes()),
        "public_key_pem": public.to_pem(),
        "keyid": public.id().to_string(),
        "payload": hex::encode(bundle.envelope().unverified_payload()),
        "pae": hex::encode(bundle.envelope().pae()),
        "signature": hex::encode(bundle.envelope().signature()),
        "bundle": serde_json::from_slice::<Value>(&bundle.to_bytes()).expect("JSON"),
    });
    let text = serde_json::to_string_pretty(&statement).expect("JSON") + "\n";
    let path = format!("{folder}/publish.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let stored = std::fs::read_to_string(&path).expect("tests/vectors/publish.json; UPDATE=1 writes it");
    assert_eq!(
        stored, text,
        "the vector is out of date, which breaks what was signed before: UPDATE=1 only if that is meant"
    );

    let keys: Value =
        serde_json::from_slice(&std::fs::read(format!("{folder}/ed25519.json")).expect("the file")).expect("JSON");
    let bytes = |value: &Value| hex::decode(value.as_str().expect("a string")).expect("hex");
    for row in keys["public_keys"].as_array().expect("rows") {
        let found = PublicKey::from_bytes(&bytes(&row["key"])).map_or_else(|refusal| refusal.code, |_| "ok");
        assert_eq!(found, row["code"].as_str().expect("a code"), "{}", row["comment"]);
    }
    for row in keys["signatures"].as_array().expect("rows") {
        let public = PublicKey::from_bytes(&bytes(&row["key"])).expect("a good key");
        let signature: [u8; 64] = bytes(&row["signature"]).try_into().expect("64 bytes");
        assert_eq!(
            public.verify(&bytes(&row["message"]), &signature),
            row["valid"] == json!(true),
            "{}",
            row["comment"]
        );
    }
    for row in keys["encrypted_keys"].as_array().expect("rows") {
        let text = |name: &str| row[name].as_str().expect("a string");
        match SigningKey::from_pem(text("pem"), text("passphrase").as_bytes()) {
            Ok(key) => assert_eq!((key.public_key().to_pem().as_str(), "ok"), (text("public_key_pem"), text("code"))),
            Err(refusal) => assert_eq!(refusal.code, text("code"), "{}", row["comment"]),
        }
    }
    for row in keys["key_ids"].as_array().expect("rows") {
        let public = PublicKey::from_bytes(&bytes(&row["key"])).expect("a good key");
        assert_eq!(public.id(), row["keyid"].as_str().expect("a string").parse::<KeyId>().expect("a key id"), "{row}");
    }
}

/// What other libraries disagree on: every case is refused, as a key that nobody may register or as a signature.
#[test]
fn the_cases_that_libraries_disagree_on_are_refused() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/ed25519-public.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).expect("the file")).expect("JSON");
    let bytes = |value: &Value| hex::decode(value.as_str().expect("a string")).expect("hex");
    let cases = vectors["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 17);
    for case in cases {
        let signature: [u8; 64] = bytes(&case["signature"]).try_into().expect("64 bytes");
        let found = match PublicKey::from_bytes(&bytes(&case["key"])) {
            Err(refusal) => refusal.code,
            Ok(key) if key.verify(&bytes(&case["message"]), &signature) => "ok",
            Ok(_) => "signature-invalid",
        };
        assert_eq!(found, case["code"].as_str().expect("a code"), "{}", case["comment"]);
    }
}
