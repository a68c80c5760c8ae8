//! What statements say, what a host may ask for beyond them, and what a lie leaves behind.

use jackfield_package::{
    Digest,
    admission::{Misbehaviour, policy::Rule},
    log::{Checkpoint, SignedNote, VerifierKey, merkle::leaf_hash},
    statement::{
        AuditStatement, ChecksStatement, PublishStatement, ReleaseStatus, StatusAction, StatusStatement, Verdict,
    },
};

use crate::world::{
    AUDITOR, HOUR, LOG, NOW, ORIGIN, PUBLISHER, STATEMENTS, STRANGER, Slot, TestLog, World, audit, check, checks, key,
    key_status, public, publish, release_status,
};

#[test]
fn what_was_taken_back_says_by_whom_and_why() {
    fn say(world: &mut World, action: StatusAction, reason: &str, seed: u8) {
        let status = StatusStatement { reason: reason.into(), ..release_status(&world.package, action) };
        world.status(&status, seed);
    }
    use StatusAction::{Lift, Quarantine, Revoke, Yank};
    let mut world = World::new();
    assert_eq!(world.taken_back(), Ok(None));
    say(&mut world, Yank, "loses rows", PUBLISHER);
    let word = world.taken_back().expect("evidence").expect("a word");
    assert_eq!((word.status, word.reason.as_str()), (ReleaseStatus::Yanked, "loses rows"));
    assert_eq!((word.by.as_str(), word.by_registry, word.signer), ("user:alice", false, public(PUBLISHER).id()));
    let status = StatusStatement { reason: "loses rows".into(), ..release_status(&world.package, Yank) };
    assert_eq!(word.statement, Digest::of(&status.sign(&key(PUBLISHER)).to_bytes()));

    // The strongest counts, whatever was said after it, until it ends or is lifted.
    say(&mut world, Quarantine, "we look at it", STATEMENTS);
    say(&mut world, Yank, "loses columns", PUBLISHER);
    let word = world.taken_back().expect("evidence").expect("a word");
    assert_eq!((word.status, word.by_registry), (ReleaseStatus::Quarantined, true));
    assert_eq!((word.reason.as_str(), word.expires), ("we look at it", Some(NOW + HOUR)));
    world.now = NOW + HOUR;
    assert_eq!(world.taken_back().expect("evidence").expect("a word").reason, "loses columns", "the later of two");
    say(&mut world, Lift, "mended", PUBLISHER);
    assert_eq!(world.taken_back(), Ok(None));
    say(&mut world, Revoke, "steals", STATEMENTS);
    assert_eq!(world.taken_back().expect("evidence").expect("a word").status, ReleaseStatus::Revoked);

    // Revoked by way of its key.
    let mut world = World::new();
    world.status(&key_status(PUBLISHER, Revoke, None), STATEMENTS);
    let word = world.taken_back().expect("evidence").expect("a word");
    assert_eq!((word.status, word.revoked_key), (ReleaseStatus::Revoked, Some(public(PUBLISHER).id())));
    assert_eq!(word.reason, "stolen");

    // A word that is not in the log, or by nobody who may, is none.
    let mut world = World::new();
    say(&mut world, Revoke, "mine is better", STRANGER);
    assert_eq!(world.taken_back(), Err("status-signer"));
    let mut world = World::new();
    say(&mut world, Revoke, "steals", STATEMENTS);
    world.spoil = |evidence| evidence.statuses[0].index = 0;
    assert_eq!(world.taken_back(), Err("log-inclusion-invalid"));
}

#[test]
fn statements_say_what_is_installed() {
    check(&[
        ("audience-mismatch", "published for another registry", |w| {
            resign(w, |s| s.registry = Some("evil.example".into()));
        }),
        ("audience-missing", "published for any registry", |w| resign(w, |s| s.registry = None)),
        ("subject-mismatch", "published: other bytes", |w| resign(w, |s| s.component = Digest::of(b"x"))),
        ("name-mismatch", "published: another name", |w| resign(w, |s| s.name = "acme:other".parse().expect("a name"))),
        ("version-mismatch", "published: another version", |w| resign(w, |s| s.version.patch += 1)),
        ("world-mismatch", "published: another contract", |w| resign(w, |s| s.world = "x".into())),
        ("manifest-mismatch", "published: another manifest", |w| resign(w, |s| s.manifest_digest = Digest::of(b"x"))),
        ("subject-mismatch", "published: another OCI manifest", |w| {
            resign(w, |s| s.oci_manifest = Some(Digest::of(b"x")))
        }),
        ("statement-type", "an audit in the place of a publish statement", |w| {
            let bundle = audit(&w.package, Verdict::Pass).sign(&key(PUBLISHER));
            w.replace(Slot::Publish, bundle, PUBLISHER);
        }),
        ("checks-missing", "no checks", |w| {
            w.without(Slot::Checks);
        }),
        ("checks-missing", "checks by somebody else", |w| {
            let bundle = checks(&w.package).sign(&key(PUBLISHER));
            w.replace(Slot::Checks, bundle, PUBLISHER);
        }),
        ("checks-mismatch", "checks of other bytes", |w| recheck(w, |c| c.component = Digest::of(b"x"))),
        ("checks-mismatch", "checks of another version", |w| recheck(w, |c| c.version.patch += 1)),
        ("checks-mismatch", "checks of another package", |w| {
            recheck(w, |c| c.name = "acme:other".parse().expect("a name"))
        }),
        ("audience-mismatch", "checks of another registry", |w| recheck(w, |c| c.registry = "evil.example".into())),
        ("release-yanked", "yanked by its owner", |w| {
            let status = release_status(&w.package, StatusAction::Yank);
            w.status(&status, PUBLISHER);
        }),
        ("release-quarantined", "in quarantine", |w| {
            let status = release_status(&w.package, StatusAction::Quarantine);
            w.status(&status, STATEMENTS);
        }),
        ("ok", "out of quarantine", |w| {
            let status = StatusStatement { expires: Some(NOW), ..release_status(&w.package, StatusAction::Quarantine) };
            w.status(&status, STATEMENTS);
        }),
        ("release-revoked", "revoked, though the index says it is fine", |w| {
            let status = release_status(&w.package, StatusAction::Revoke);
            w.status(&status, STATEMENTS);
        }),
        ("release-revoked", "revoked by a moderator, lifted by the owner", |w| {
            let package = w.package.clone();
            w.status(&release_status(&package, StatusAction::Revoke), STATEMENTS);
            w.status(&release_status(&package, StatusAction::Lift), PUBLISHER);
        }),
        ("ok", "yanked and lifted by the owner", |w| {
            let package = w.package.clone();
            w.status(&release_status(&package, StatusAction::Yank), PUBLISHER);
            w.status(&release_status(&package, StatusAction::Lift), PUBLISHER);
        }),
        ("status-signer", "a status by a stranger", |w| {
            let status = release_status(&w.package, StatusAction::Lift);
            w.status(&status, STRANGER);
        }),
        ("audience-mismatch", "a status for another registry", |w| {
            let status = StatusStatement { registry: "x".into(), ..release_status(&w.package, StatusAction::Lift) };
            w.status(&status, PUBLISHER);
        }),
    ]);
}

fn resign(world: &mut World, change: fn(&mut PublishStatement)) {
    let mut statement = publish(&world.package);
    change(&mut statement);
    world.replace(Slot::Publish, statement.sign(&key(PUBLISHER)), PUBLISHER);
}

fn recheck(world: &mut World, change: fn(&mut ChecksStatement)) {
    let mut statement = checks(&world.package);
    change(&mut statement);
    world.replace(Slot::Checks, statement.sign(&key(STATEMENTS)), STATEMENTS);
}

#[test]
fn a_host_may_ask_for_more() {
    check(&[
        ("audit-missing", "no audit", World::require_audit),
        ("ok", "an audit", |w| {
            w.require_audit();
            let audit = audit(&w.package, Verdict::Pass);
            w.audit(&audit, AUDITOR);
        }),
        ("audit-missing", "an audit by a stranger", |w| {
            w.require_audit();
            let audit = audit(&w.package, Verdict::Pass);
            w.audit(&audit, STRANGER);
        }),
        ("audit-missing", "an audit by the publisher", |w| {
            w.require_audit();
            w.policy.auditors.values_mut().for_each(|key| *key = public(PUBLISHER));
            let audit = audit(&w.package, Verdict::Pass);
            w.audit(&audit, PUBLISHER);
        }),
        ("audit-missing", "an audit by other criteria", |w| {
            w.require_audit();
            let audit =
                AuditStatement { criteria: "fast".parse().expect("a label"), ..audit(&w.package, Verdict::Pass) };
            w.audit(&audit, AUDITOR);
        }),
        ("audit-missing", "an audit that has expired", |w| {
            w.require_audit();
            let audit = AuditStatement { expires: Some(NOW), ..audit(&w.package, Verdict::Pass) };
            w.audit(&audit, AUDITOR);
        }),
        ("audit-mismatch", "an audit of other bytes", |w| {
            w.require_audit();
            let audit = AuditStatement { component: Digest::of(b"x"), ..audit(&w.package, Verdict::Pass) };
            w.audit(&audit, AUDITOR);
        }),
        ("audit-veto", "an auditor says no, though none is required", |w| {
            w.require_audit();
            w.policy.audits.clear();
            let audit = audit(&w.package, Verdict::Fail);
            w.audit(&audit, AUDITOR);
        }),
        ("audit-veto", "an exemption is none from a veto", |w| {
            w.require_audit();
            w.exempt(Rule::Audit, "2100-01-01");
            let audit = audit(&w.package, Verdict::Fail);
            w.audit(&audit, AUDITOR);
        }),
        ("audit-veto", "yes, and no later", |w| {
            w.require_audit();
            let package = w.package.clone();
            w.audit(&audit(&package, Verdict::Pass), AUDITOR);
            w.audit(&audit(&package, Verdict::Fail), AUDITOR);
        }),
        ("ok", "no, and yes later", |w| {
            w.require_audit();
            let package = w.package.clone();
            w.audit(&audit(&package, Verdict::Fail), AUDITOR);
            w.audit(&audit(&package, Verdict::Pass), AUDITOR);
        }),
        ("ok", "exempt from audits", |w| {
            w.require_audit();
            w.exempt(Rule::Audit, "2100-01-01");
        }),
        ("audit-missing", "exempt until yesterday", |w| {
            w.require_audit();
            w.exempt(Rule::Audit, "2000-01-01");
        }),
        ("release-too-young", "an update by itself, after two days", |w| {
            w.automatic = true;
            w.index.releases[0].released_at = NOW - 48 * HOUR;
        }),
        ("ok", "an update by itself, after four days", |w| w.automatic = true),
        ("ok", "somebody asked for it", |w| w.index.releases[0].released_at = NOW - HOUR),
        ("ok", "exempt from the age", |w| {
            w.automatic = true;
            w.index.releases[0].released_at = NOW - HOUR;
            w.exempt(Rule::Age, "2100-01-01");
        }),
        ("import-denied-by-policy", "an import that this host does without", |w| {
            w.policy.denied_imports = vec!["wasi:http/outgoing-handler".into()];
        }),
        ("import-denied-by-policy", "a whole package of interfaces", |w| {
            w.policy.denied_imports = vec!["wasi:http".into()]
        }),
        ("ok", "another interface of a similar name", |w| w.policy.denied_imports = vec!["wasi:http/out".into()]),
        ("ok", "exempt from denied imports", |w| {
            w.policy.denied_imports = vec!["wasi:http".into()];
            w.exempt(Rule::Import, "2100-01-01");
        }),
    ]);
}

#[test]
fn lies_leave_evidence() {
    let caught = |spoil: fn(&mut World)| {
        let mut world = World::new();
        spoil(&mut world);
        world.run().misbehaviour
    };
    let rollback = caught(|w| {
        w.seen_size = Some(3);
        w.spoil_head = |head| head.checkpoint = TestLog(vec![leaf_hash(b"x")]).note(&[]);
    })
    .expect("caught");
    // The evidence's own checkpoint is larger than the newest one, which is already a contradiction.
    assert_eq!((rollback.kind, rollback.registry.as_str(), rollback.files.len()), (Misbehaviour::Rollback, ORIGIN, 2));
    let split = caught(|w| {
        w.head = Some(0);
        w.spoil_head = |head| head.checkpoint = TestLog(vec![leaf_hash(b"x"); 3]).note(&[]);
    })
    .expect("caught");
    assert_eq!(split.kind, Misbehaviour::SplitView);
    for (_, bytes) in &split.files {
        let note = SignedNote::parse(bytes).expect("a note");
        let log = VerifierKey::of_log(ORIGIN.parse().expect("a name"), public(LOG));
        Checkpoint::open(&note, &log).expect("signed by the log: that is what makes it evidence");
    }
    let index = caught(|w| w.seen.index_log_size = 9).expect("caught");
    assert_eq!(index.kind, Misbehaviour::IndexRollback);
    assert_eq!(caught(|w| w.index_signer = STRANGER), None, "a stranger's forgery is nobody's lie");
}
