//! The log is one, only grows, and is the clock by which keys count.

use jackfield_package::{
    Digest,
    admission::KeysetPin,
    log::{Checkpoint, SignedNote, VerifierKey, merkle::leaf_hash},
    statement::{Bundle, KeysetStatement, StatusAction},
};
use serde_json::{Value, json};

use crate::world::{
    LOG, ORIGIN, PUBLISHER, SECOND, STATEMENTS, STRANGER, Slot, TestLog, WITNESSES, World, check, key, key_status,
    keyset, public, publish,
};

/// The keys were lost, and the registry put another in their place.
fn recovered(world: &mut World) {
    let next = keyset(2, 1, &[SECOND]);
    world.log(Slot::Keyset(1), next.sign(&key(SECOND)), SECOND);
    world.log(Slot::Keyset(1), next.sign(&key(STATEMENTS)), STATEMENTS);
}

#[test]
fn the_log_is_one_and_only_grows() {
    check(&[
        ("ok", "no network", |w| w.head = None),
        ("ok", "seen before, and grown", |w| w.seen_size = Some(3)),
        ("ok", "seen before, no network", |w| (w.seen_size, w.head) = (Some(2), None)),
        ("note-signature-missing", "a checkpoint of another log key", |w| {
            w.policy.registries[0].log_key = VerifierKey::of_log(ORIGIN.parse().expect("a name"), public(STRANGER));
        }),
        ("policy-invalid", "a log of another name", |w| {
            w.policy.registries[0].log_key = VerifierKey::of_log("evil.example".parse().expect("a name"), public(LOG));
        }),
        ("note-signature-invalid", "a checkpoint that was changed", |w| {
            w.spoil = |e| {
                let text = e.checkpoint.to_string().replacen("\n3\n", "\n4\n", 1);
                e.checkpoint = SignedNote::parse(text.as_bytes()).expect("a note");
            };
        }),
        ("log-quorum", "no witness", World::require_witnesses),
        ("log-quorum", "one witness of two", |w| {
            w.require_witnesses();
            w.witnesses = vec![WITNESSES[0]];
        }),
        ("ok", "both witnesses", |w| {
            w.require_witnesses();
            w.witnesses = WITNESSES.to_vec();
        }),
        ("log-rollback", "the newest checkpoint is older than one seen", |w| {
            w.seen_size = Some(3);
            w.spoil_head = |head| head.checkpoint = TestLog(vec![leaf_hash(b"x")]).note(&[]);
        }),
        ("log-split-view", "another root for the evidence's size", |w| {
            w.head = Some(0);
            w.spoil_head = |head| head.checkpoint = TestLog(vec![leaf_hash(b"x"); 3]).note(&[]);
        }),
        ("log-consistency-invalid", "a tree that did not grow out of the other", |w| {
            w.spoil_head = |head| head.checkpoint = TestLog(vec![leaf_hash(b"x"); 5]).note(&[]);
        }),
        ("log-consistency-invalid", "no proof of growth", |w| {
            w.seen_size = Some(2);
            w.spoil_head = |head| head.from_seen.clear();
        }),
        ("note-signature-missing", "a newest checkpoint of a stranger", |w| {
            w.spoil_head = |head| {
                let log =
                    Checkpoint { origin: "evil.example".parse().expect("a name"), ..TestLog::default().checkpoint() };
                head.checkpoint = log.sign(&key(LOG)).expect("a note");
            };
        }),
        ("log-inclusion-invalid", "a publish statement at another index", |w| w.spoil = |e| e.publish[0].index = 2),
        ("log-inclusion-invalid", "a checks statement with a broken proof", |w| {
            w.spoil = |e| e.checks[0].proof[0] = leaf_hash(b"x");
        }),
        ("log-inclusion-invalid", "a keyset that is in no log", |w| w.spoil = |e| e.keysets[0][0].proof.clear()),
        ("log-inclusion-invalid", "the log has another key for the signature", |w| w.entries[1].2 = public(STRANGER)),
    ]);
}

#[test]
fn keys_count_by_the_logs_clock() {
    check(&[
        ("keyset-missing", "no keyset", |w| {
            w.without(Slot::Keyset(0));
        }),
        ("key-not-in-keyset", "signed by a stranger", |w| {
            let bundle = publish(&w.package).sign(&key(STRANGER));
            w.replace(Slot::Publish, bundle, STRANGER);
        }),
        ("key-not-in-keyset", "signed before there was a keyset", |w| w.entries.swap(0, 1)),
        ("signature-missing", "no publish statement", |w| {
            w.without(Slot::Publish);
        }),
        ("signature-invalid", "a publish statement changed after signing", |w| {
            w.spoil = |e| {
                let mut value: Value = serde_json::from_slice(&e.publish[0].bundle.to_bytes()).expect("JSON");
                value["dsseEnvelope"]["payload"] = json!("e30=");
                e.publish[0].bundle = Bundle::parse(value.to_string().as_bytes()).expect("a bundle");
            };
        }),
        ("ok", "two of two", |w| w.two_of_two(&[PUBLISHER, SECOND])),
        ("threshold-not-met", "one of two", |w| w.two_of_two(&[PUBLISHER])),
        ("threshold-not-met", "one of two, twice", |w| w.two_of_two(&[PUBLISHER, PUBLISHER])),
        ("keyset-proof-missing", "a first keyset that its keys did not all sign", |w| {
            let bundle = keyset(1, 1, &[PUBLISHER, SECOND]).sign(&key(PUBLISHER));
            w.replace(Slot::Keyset(0), bundle, PUBLISHER);
        }),
        ("keyset-threshold", "a second keyset without the first's keys", |w| {
            let bundle = keyset(2, 1, &[SECOND]).sign(&key(SECOND));
            w.log(Slot::Keyset(1), bundle, SECOND);
        }),
        ("ok", "keys that were lost, and replaced by the registry", |w| recovered(w)),
        ("keyset-recovered", "keys that the registry replaced though they were seen before", |w| {
            recovered(w);
            pin(w, 1, &keyset(1, 1, &[PUBLISHER]));
        }),
        ("ok", "pinned since they were replaced", |w| {
            recovered(w);
            pin(w, 2, &keyset(2, 1, &[SECOND]));
        }),
        ("keyset-threshold", "keys that a stranger replaced", |w| {
            let next = keyset(2, 1, &[SECOND]);
            w.log(Slot::Keyset(1), next.sign(&key(STRANGER)), STRANGER);
            w.log(Slot::Keyset(1), next.sign(&key(SECOND)), SECOND);
        }),
        ("keyset-threshold", "keys that the registry replaced without theirs", |w| {
            w.log(Slot::Keyset(1), keyset(2, 1, &[SECOND]).sign(&key(STATEMENTS)), STATEMENTS);
        }),
        ("keyset-version", "a keyset left out", |w| {
            let next = keyset(3, 1, &[SECOND]);
            w.log(Slot::Keyset(1), next.sign(&key(PUBLISHER)), PUBLISHER);
            w.log(Slot::Keyset(1), next.sign(&key(SECOND)), SECOND);
        }),
        ("keyset-namespace", "another namespace's keyset", |w| {
            let other = KeysetStatement { namespace: "other".parse().expect("a label"), ..keyset(1, 1, &[PUBLISHER]) };
            w.replace(Slot::Keyset(0), other.sign(&key(PUBLISHER)), PUBLISHER);
        }),
        ("ok", "rotated since", |w| {
            let next = keyset(2, 1, &[SECOND]);
            w.log(Slot::Keyset(1), next.sign(&key(PUBLISHER)), PUBLISHER);
            w.log(Slot::Keyset(1), next.sign(&key(SECOND)), SECOND);
        }),
        ("key-not-in-keyset", "signed with the old key after a rotation", |w| {
            let next = keyset(2, 1, &[SECOND]);
            w.without(Slot::Publish);
            w.log(Slot::Keyset(1), next.sign(&key(PUBLISHER)), PUBLISHER);
            w.log(Slot::Keyset(1), next.sign(&key(SECOND)), SECOND);
            let bundle = publish(&w.package).sign(&key(PUBLISHER));
            w.log(Slot::Publish, bundle, PUBLISHER);
        }),
        ("ok", "pinned", |w| pin(w, 1, &keyset(1, 1, &[PUBLISHER]))),
        ("keyset-discontinuity", "pinned to another keyset", |w| pin(w, 1, &keyset(1, 1, &[STRANGER]))),
        ("keyset-rollback", "pinned to a later keyset", |w| pin(w, 2, &keyset(2, 1, &[PUBLISHER]))),
        ("keyset-registry", "pinned at another registry", |w| {
            pin(w, 1, &keyset(1, 1, &[PUBLISHER]));
            w.policy.keysets.values_mut().for_each(|pin| pin.registry = "other.example".into());
        }),
        ("key-revoked", "revoked altogether", |w| {
            w.status(&key_status(PUBLISHER, StatusAction::Revoke, None), PUBLISHER);
        }),
        ("key-revoked", "revoked since its own entry", |w| {
            w.status(&key_status(PUBLISHER, StatusAction::Revoke, Some(1)), STATEMENTS);
        }),
        ("ok", "revoked for what came later", |w| {
            w.status(&key_status(PUBLISHER, StatusAction::Revoke, Some(2)), STATEMENTS);
        }),
        ("ok", "one of three revoked, two suffice", |w| {
            w.two_of_three(&[PUBLISHER, SECOND, 3]);
            w.status(&key_status(SECOND, StatusAction::Revoke, None), STATEMENTS);
        }),
        ("key-revoked", "one of two revoked", |w| {
            w.two_of_three(&[PUBLISHER, SECOND]);
            w.status(&key_status(SECOND, StatusAction::Revoke, None), STATEMENTS);
        }),
        ("ok", "another key revoked", |w| {
            w.status(&key_status(SECOND, StatusAction::Revoke, None), STATEMENTS);
        }),
        ("key-revoked", "a thief who lifts the revocation of his key", |w| {
            w.status(&key_status(PUBLISHER, StatusAction::Revoke, None), PUBLISHER);
            w.status(&key_status(PUBLISHER, StatusAction::Lift, None), PUBLISHER);
        }),
        ("ok", "a moderator who lifts it", |w| {
            w.status(&key_status(PUBLISHER, StatusAction::Revoke, None), PUBLISHER);
            w.status(&key_status(PUBLISHER, StatusAction::Lift, None), STATEMENTS);
        }),
    ]);
}

fn pin(world: &mut World, version: u64, keyset: &KeysetStatement) {
    let pin = KeysetPin { registry: ORIGIN.into(), version, digest: Digest::of(&keyset.to_payload()) };
    world.policy.keysets.insert("acme".parse().expect("a label"), pin);
}
