//! Admission: one good release, and each way of lying about it, with the code that says so.

mod common;

use common::Builder;
use jackfield_package::{
    Digest, Package,
    admission::{
        Admission, Context, Evidence, HostPolicy, KeysetPin, Logged, Misbehaviour, Offer, Query, Seen, TrustedRegistry,
        admit,
        history::Head,
        policy::{Exemption, Freshness, RequiredAudit, Rule, WhenStale},
        resolve,
    },
    key::{PublicKey, SigningKey},
    log::{
        Checkpoint, SignedNote, VerifierKey, leaf,
        merkle::{self, Hash, Node, leaf_hash, node_hash},
        witness::cosign,
    },
    statement::{
        AuditStatement, Bundle, ChecksStatement, IndexRelease, IndexStatement, KeysetStatement, PublishStatement,
        ReleaseStatus, StatusAction, StatusStatement, StatusSubject, Verdict,
    },
};
use semver::{Version, VersionReq};
use serde_json::{Value, json};

const ORIGIN: &str = "registry.example";
const HOUR: i64 = 3_600_000_000;
const NOW: i64 = 20_000 * 24 * HOUR;
const PUBLISHER: u8 = 1;
const SECOND: u8 = 2;
const STRANGER: u8 = 9;
const LOG: u8 = 50;
const STATEMENTS: u8 = 51;
const WITNESSES: [u8; 2] = [60, 61];
const AUDITOR: u8 = 70;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn public(seed: u8) -> PublicKey {
    key(seed).public_key()
}

/// Where a statement goes in the evidence.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Slot {
    Keyset(usize),
    Publish,
    Checks,
    Audit,
    Status,
    /// In the log, and not shown.
    Elsewhere,
}

/// A log as somebody keeps it.
#[derive(Clone, Default)]
struct TestLog(Vec<Hash>);

impl TestLog {
    fn node(&self, node: Node) -> Hash {
        if node.level == 0 {
            return self.0[node.index as usize];
        }
        let child = |index| self.node(Node { level: node.level - 1, index });
        node_hash(&child(node.index * 2), &child(node.index * 2 + 1))
    }

    fn checkpoint(&self) -> Checkpoint {
        let size = self.0.len() as u64;
        let root = merkle::root(size, |node| Ok(self.node(node))).expect("a root");
        Checkpoint { origin: ORIGIN.parse().expect("a name"), size, root }
    }

    fn note(&self, witnesses: &[u8]) -> SignedNote {
        let mut note = self.checkpoint().sign(&key(LOG)).expect("a note");
        for seed in witnesses {
            let name = format!("witness-{seed}.example").parse().expect("a name");
            note.add(cosign(name, &key(*seed), &note, 1_000));
        }
        note
    }

    fn inclusion(&self, index: usize) -> Vec<Hash> {
        merkle::prove_inclusion(index as u64, self.0.len() as u64, |node| Ok(self.node(node))).expect("a proof")
    }

    fn consistency(&self, from: usize) -> Vec<Hash> {
        merkle::prove_consistency(from as u64, self.0.len() as u64, |node| Ok(self.node(node))).expect("a proof")
    }
}

/// A registry, a release and a host, all good; a row of a test spoils one thing.
struct World {
    package: Package,
    /// What is in the log, in order: where it is shown, the statement, and the key that the log's entry has.
    entries: Vec<(Slot, Bundle, PublicKey)>,
    index: IndexStatement,
    index_signer: u8,
    query: Query,
    policy: HostPolicy,
    seen: Seen,
    /// What was in the log when this host looked last.
    seen_size: Option<usize>,
    /// How many entries the newest checkpoint has beyond the evidence's; none: no network.
    head: Option<usize>,
    witnesses: Vec<u8>,
    now: i64,
    automatic: bool,
    spoil: fn(&mut Evidence),
    spoil_head: fn(&mut Head),
}

fn keyset(version: u64, threshold: u64, seeds: &[u8]) -> KeysetStatement {
    KeysetStatement {
        namespace: "acme".parse().expect("a label"),
        version,
        threshold,
        keys: seeds.iter().map(|seed| public(*seed)).collect(),
        reason: "test".into(),
    }
}

fn publish(package: &Package) -> PublishStatement {
    PublishStatement {
        registry: Some(ORIGIN.into()),
        oci_manifest: Some(Digest::of(b"manifest")),
        ..PublishStatement::of(package)
    }
}

fn checks(package: &Package) -> ChecksStatement {
    ChecksStatement {
        registry: ORIGIN.into(),
        name: package.manifest().name.clone(),
        version: package.manifest().version.clone(),
        component: package.digest(),
        ruleset: "1".into(),
        passed: vec!["size".parse().expect("a label")],
        warnings: vec![],
    }
}

fn audit(package: &Package, verdict: Verdict) -> AuditStatement {
    AuditStatement {
        name: package.manifest().name.clone(),
        version: package.manifest().version.clone(),
        component: package.digest(),
        criteria: "safe-to-run".parse().expect("a label"),
        verdict,
        delta_from: None,
        notes: "read".into(),
        expires: None,
    }
}

fn release_status(package: &Package, action: StatusAction) -> StatusStatement {
    StatusStatement {
        registry: ORIGIN.into(),
        subject: StatusSubject::Release {
            name: package.manifest().name.clone(),
            version: package.manifest().version.clone(),
            component: package.digest(),
        },
        action,
        reason: "test".into(),
        since_index: None,
        expires: (action == StatusAction::Quarantine).then_some(NOW + HOUR),
        by: "user:alice".into(),
    }
}

fn key_status(seed: u8, action: StatusAction, since_index: Option<u64>) -> StatusStatement {
    StatusStatement {
        registry: ORIGIN.into(),
        subject: StatusSubject::Key { namespace: "acme".parse().expect("a label"), key: public(seed).id() },
        action,
        reason: "stolen".into(),
        since_index,
        expires: None,
        by: "user:alice".into(),
    }
}

impl World {
    fn new() -> Self {
        let package = Builder::default().package();
        let manifest = package.manifest();
        let index = IndexStatement {
            registry: ORIGIN.into(),
            name: manifest.name.clone(),
            log_size: 3,
            issued: NOW - HOUR,
            expires: NOW + HOUR,
            deprecated: None,
            releases: vec![IndexRelease {
                version: manifest.version.clone(),
                component: package.digest(),
                oci_manifest: Digest::of(b"manifest"),
                size: package.size() as u64,
                released_at: NOW - 100 * HOUR,
                status: ReleaseStatus::Released,
            }],
        };
        let registry = TrustedRegistry {
            url: format!("https://{ORIGIN}"),
            origin: ORIGIN.into(),
            log_key: VerifierKey::of_log(ORIGIN.parse().expect("a name"), public(LOG)),
            statements_key: public(STATEMENTS),
            witness_policy: None,
        };
        let mut world = Self {
            query: Query { name: manifest.name.clone(), range: None, locked: None },
            index,
            index_signer: STATEMENTS,
            policy: HostPolicy { registries: vec![registry], ..HostPolicy::default() },
            seen: Seen::default(),
            seen_size: None,
            head: Some(2),
            witnesses: vec![],
            now: NOW,
            automatic: false,
            spoil: |_| {},
            spoil_head: |_| {},
            entries: Vec::new(),
            package,
        };
        world.log(Slot::Keyset(0), keyset(1, 1, &[PUBLISHER]).sign(&key(PUBLISHER)), PUBLISHER);
        world.log(Slot::Publish, publish(&world.package).sign(&key(PUBLISHER)), PUBLISHER);
        world.log(Slot::Checks, checks(&world.package).sign(&key(STATEMENTS)), STATEMENTS);
        world
    }

    fn log(&mut self, slot: Slot, bundle: Bundle, seed: u8) -> &mut Self {
        self.entries.push((slot, bundle, public(seed)));
        self
    }

    /// Puts a statement where the one of this slot was.
    fn replace(&mut self, slot: Slot, bundle: Bundle, seed: u8) -> &mut Self {
        let place = self.entries.iter_mut().find(|(found, ..)| *found == slot).expect("it is there");
        *place = (slot, bundle, public(seed));
        self
    }

    fn without(&mut self, slot: Slot) -> &mut Self {
        self.entries.iter_mut().filter(|(found, ..)| *found == slot).for_each(|entry| entry.0 = Slot::Elsewhere);
        self
    }

    /// A threshold of 2 of 2, and signatures of these.
    fn two_of_two(&mut self, signers: &[u8]) {
        self.two_of(&[PUBLISHER, SECOND], signers);
    }

    /// A threshold of 2 of 3, and signatures of these.
    fn two_of_three(&mut self, signers: &[u8]) {
        self.two_of(&[PUBLISHER, SECOND, 3], signers);
    }

    fn two_of(&mut self, keys: &[u8], signers: &[u8]) {
        let set = keyset(1, 2, keys);
        self.entries.clear();
        for seed in keys.iter().copied() {
            self.log(Slot::Keyset(0), set.sign(&key(seed)), seed);
        }
        for seed in signers {
            self.log(Slot::Publish, publish(&self.package).sign(&key(*seed)), *seed);
        }
        self.log(Slot::Checks, checks(&self.package).sign(&key(STATEMENTS)), STATEMENTS);
    }

    fn status(&mut self, status: &StatusStatement, seed: u8) -> &mut Self {
        self.log(Slot::Status, status.sign(&key(seed)), seed)
    }

    fn audit(&mut self, audit: &AuditStatement, seed: u8) -> &mut Self {
        self.log(Slot::Audit, audit.sign(&key(seed)), seed)
    }

    fn require_audit(&mut self) {
        let name = "alice".parse::<jackfield_package::Label>().expect("a label");
        self.policy.auditors.insert(name.clone(), public(AUDITOR));
        let criteria = "safe-to-run".parse().expect("a label");
        self.policy.audits.push(RequiredAudit {
            criteria,
            from: vec![name],
            count: 1,
            packages: "acme:*".parse().expect("a pattern"),
        });
    }

    fn require_witnesses(&mut self) {
        let log = &self.policy.registries[0].log_key;
        let mut text = format!("log {log}\n");
        for seed in WITNESSES {
            let name = format!("witness-{seed}.example").parse().expect("a name");
            text += &format!("witness w{seed} {}\n", VerifierKey::of_witness(name, public(seed)));
        }
        text += "group both all w60 w61\nquorum both\n";
        self.policy.registries[0].witness_policy = Some(text);
    }

    fn exempt(&mut self, rule: Rule, expires: &str) {
        self.policy.exemptions.push(Exemption {
            packages: "acme:weather".parse().expect("a pattern"),
            version: None,
            rule,
            reason: "test".into(),
            expires: expires.parse().expect("a day"),
        });
    }

    fn test_log(&self) -> TestLog {
        TestLog(self.entries.iter().map(|(_, bundle, key)| leaf_hash(&leaf(bundle, key))).collect())
    }

    fn evidence(&self) -> Evidence {
        let log = self.test_log();
        let mut evidence = Evidence {
            checkpoint: log.note(&self.witnesses),
            publish: vec![],
            keysets: vec![],
            checks: vec![],
            audits: vec![],
            statuses: vec![],
        };
        for (index, (slot, bundle, _)) in self.entries.iter().enumerate() {
            let logged = Logged { bundle: bundle.clone(), index: index as u64, proof: log.inclusion(index) };
            match slot {
                Slot::Keyset(at) => {
                    evidence.keysets.resize(evidence.keysets.len().max(at + 1), vec![]);
                    evidence.keysets[*at].push(logged);
                }
                Slot::Publish => evidence.publish.push(logged),
                Slot::Checks => evidence.checks.push(logged),
                Slot::Audit => evidence.audits.push(logged),
                Slot::Status => evidence.statuses.push(logged),
                Slot::Elsewhere => {}
            }
        }
        (self.spoil)(&mut evidence);
        evidence
    }

    /// Everything, through bytes as they come over the wire.
    fn run(&self) -> Admission {
        let log = self.test_log();
        let mut seen = self.seen.clone();
        let seen_log = TestLog(log.0[..self.seen_size.unwrap_or(0)].to_vec());
        if self.seen_size.is_some() {
            seen.checkpoint = Some(seen_log.note(&[]));
        }
        let head = self.head.map(|more| {
            let mut later = log.clone();
            later.0.extend((0..more).map(|n| leaf_hash(&[n as u8])));
            let mut head = Head {
                checkpoint: later.note(&[]),
                from_seen: self.seen_size.map(|size| later.consistency(size)).unwrap_or_default(),
                from_evidence: later.consistency(log.0.len()),
            };
            (self.spoil_head)(&mut head);
            head
        });
        let context = Context {
            registry: &self.policy.registries[0],
            policy: &self.policy,
            seen: &seen,
            head: head.as_ref(),
            now: self.now,
            automatic: self.automatic,
        };
        let index = Bundle::parse_index(&self.index.sign(&key(self.index_signer)).to_bytes()).expect("an index");
        let resolution = resolve(&index, &self.query, &context);
        let resolved = match resolution.verdict {
            Ok(resolved) => resolved,
            Err(refusal) => {
                let misbehaviour = resolution.misbehaviour;
                return Admission { steps: resolution.steps, verdict: Err(refusal), misbehaviour };
            }
        };
        let evidence = match Evidence::parse(&self.evidence().to_bytes()) {
            Ok(evidence) => evidence,
            Err(refusal) => return Admission { steps: vec![], verdict: Err(refusal), misbehaviour: None },
        };
        admit(&Offer { resolved: &resolved, package: &self.package, evidence: &evidence }, &context)
    }
}

fn code(admission: &Admission) -> &'static str {
    match &admission.verdict {
        Ok(_) => "ok",
        Err(refusal) => refusal.code,
    }
}

type Row = (&'static str, &'static str, fn(&mut World));

fn check(rows: &[Row]) {
    for (expected, name, spoil) in rows {
        let mut world = World::new();
        spoil(&mut world);
        let admission = world.run();
        assert_eq!(code(&admission), *expected, "{name}: {:?}", admission.steps.last());
    }
}

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
