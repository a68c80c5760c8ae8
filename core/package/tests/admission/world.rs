//! A registry, a log, a release and a host, all good, for a row of a test to spoil one thing of.

use jackfield_package::{
    Digest, Package,
    admission::{
        Admission, Context, Evidence, HostPolicy, Logged, Offer, Query, Seen, TakenBack, TrustedRegistry, admit,
        history::Head,
        policy::{Exemption, RequiredAudit, Rule},
        resolve, taken_back,
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

use crate::common::Builder;

pub const ORIGIN: &str = "registry.example";
pub const HOUR: i64 = 3_600_000_000;
pub const NOW: i64 = 20_000 * 24 * HOUR;
pub const PUBLISHER: u8 = 1;
pub const SECOND: u8 = 2;
pub const STRANGER: u8 = 9;
pub const LOG: u8 = 50;
pub const STATEMENTS: u8 = 51;
pub const WITNESSES: [u8; 2] = [60, 61];
pub const AUDITOR: u8 = 70;

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

pub fn public(seed: u8) -> PublicKey {
    key(seed).public_key()
}

/// Where a statement goes in the evidence.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Slot {
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
pub struct TestLog(pub Vec<Hash>);

impl TestLog {
    pub fn node(&self, node: Node) -> Hash {
        if node.level == 0 {
            return self.0[node.index as usize];
        }
        let child = |index| self.node(Node { level: node.level - 1, index });
        node_hash(&child(node.index * 2), &child(node.index * 2 + 1))
    }

    pub fn checkpoint(&self) -> Checkpoint {
        let size = self.0.len() as u64;
        let root = merkle::root(size, |node| Ok(self.node(node))).expect("a root");
        Checkpoint { origin: ORIGIN.parse().expect("a name"), size, root }
    }

    pub fn note(&self, witnesses: &[u8]) -> SignedNote {
        let mut note = self.checkpoint().sign(&key(LOG)).expect("a note");
        for seed in witnesses {
            let name = format!("witness-{seed}.example").parse().expect("a name");
            note.add(cosign(name, &key(*seed), &note, 1_000));
        }
        note
    }

    pub fn inclusion(&self, index: usize) -> Vec<Hash> {
        merkle::prove_inclusion(index as u64, self.0.len() as u64, |node| Ok(self.node(node))).expect("a proof")
    }

    pub fn consistency(&self, from: usize) -> Vec<Hash> {
        merkle::prove_consistency(from as u64, self.0.len() as u64, |node| Ok(self.node(node))).expect("a proof")
    }
}

/// A registry, a release and a host, all good; a row of a test spoils one thing.
pub struct World {
    pub package: Package,
    /// What is in the log, in order: where it is shown, the statement, and the key that the log's entry has.
    pub entries: Vec<(Slot, Bundle, PublicKey)>,
    pub index: IndexStatement,
    pub index_signer: u8,
    pub query: Query,
    pub policy: HostPolicy,
    pub seen: Seen,
    /// What was in the log when this host looked last.
    pub seen_size: Option<usize>,
    /// How many entries the newest checkpoint has beyond the evidence's; none: no network.
    pub head: Option<usize>,
    pub witnesses: Vec<u8>,
    pub now: i64,
    pub automatic: bool,
    pub spoil: fn(&mut Evidence),
    pub spoil_head: fn(&mut Head),
}

pub fn keyset(version: u64, threshold: u64, seeds: &[u8]) -> KeysetStatement {
    KeysetStatement {
        namespace: "acme".parse().expect("a label"),
        version,
        threshold,
        keys: seeds.iter().map(|seed| public(*seed)).collect(),
        reason: "test".into(),
    }
}

pub fn publish(package: &Package) -> PublishStatement {
    PublishStatement {
        registry: Some(ORIGIN.into()),
        oci_manifest: Some(Digest::of(b"manifest")),
        ..PublishStatement::of(package)
    }
}

pub fn checks(package: &Package) -> ChecksStatement {
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

pub fn audit(package: &Package, verdict: Verdict) -> AuditStatement {
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

pub fn release_status(package: &Package, action: StatusAction) -> StatusStatement {
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

pub fn key_status(seed: u8, action: StatusAction, since_index: Option<u64>) -> StatusStatement {
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
    pub fn new() -> Self {
        let package = Builder::default().package();
        let manifest = package.manifest();
        let index = IndexStatement {
            registry: ORIGIN.into(),
            name: manifest.name.clone(),
            log_size: 3,
            issued: NOW - HOUR,
            expires: NOW + HOUR,
            deprecated: None,
            advisories: Vec::new(),
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

    pub fn log(&mut self, slot: Slot, bundle: Bundle, seed: u8) -> &mut Self {
        self.entries.push((slot, bundle, public(seed)));
        self
    }

    /// Puts a statement where the one of this slot was.
    pub fn replace(&mut self, slot: Slot, bundle: Bundle, seed: u8) -> &mut Self {
        let place = self.entries.iter_mut().find(|(found, ..)| *found == slot).expect("it is there");
        *place = (slot, bundle, public(seed));
        self
    }

    pub fn without(&mut self, slot: Slot) -> &mut Self {
        self.entries.iter_mut().filter(|(found, ..)| *found == slot).for_each(|entry| entry.0 = Slot::Elsewhere);
        self
    }

    /// A threshold of 2 of 2, and signatures of these.
    pub fn two_of_two(&mut self, signers: &[u8]) {
        self.two_of(&[PUBLISHER, SECOND], signers);
    }

    /// A threshold of 2 of 3, and signatures of these.
    pub fn two_of_three(&mut self, signers: &[u8]) {
        self.two_of(&[PUBLISHER, SECOND, 3], signers);
    }

    pub fn two_of(&mut self, keys: &[u8], signers: &[u8]) {
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

    pub fn status(&mut self, status: &StatusStatement, seed: u8) -> &mut Self {
        self.log(Slot::Status, status.sign(&key(seed)), seed)
    }

    pub fn audit(&mut self, audit: &AuditStatement, seed: u8) -> &mut Self {
        self.log(Slot::Audit, audit.sign(&key(seed)), seed)
    }

    pub fn require_audit(&mut self) {
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

    pub fn require_witnesses(&mut self) {
        let log = &self.policy.registries[0].log_key;
        let mut text = format!("log {log}\n");
        for seed in WITNESSES {
            let name = format!("witness-{seed}.example").parse().expect("a name");
            text += &format!("witness w{seed} {}\n", VerifierKey::of_witness(name, public(seed)));
        }
        text += "group both all w60 w61\nquorum both\n";
        self.policy.registries[0].witness_policy = Some(text);
    }

    pub fn exempt(&mut self, rule: Rule, expires: &str) {
        self.policy.exemptions.push(Exemption {
            packages: "acme:weather".parse().expect("a pattern"),
            version: None,
            rule,
            reason: "test".into(),
            expires: expires.parse().expect("a day"),
        });
    }

    pub fn test_log(&self) -> TestLog {
        TestLog(self.entries.iter().map(|(_, bundle, key)| leaf_hash(&leaf(bundle, key))).collect())
    }

    pub fn evidence(&self) -> Evidence {
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
    pub fn run(&self) -> Admission {
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

impl World {
    /// What the evidence shows against the release, through bytes as they come over the wire; the code where it shows nothing
    /// that counts.
    pub fn taken_back(&self) -> Result<Option<TakenBack>, &'static str> {
        let context = Context {
            registry: &self.policy.registries[0],
            policy: &self.policy,
            seen: &self.seen,
            head: None,
            now: self.now,
            automatic: false,
        };
        let evidence = Evidence::parse(&self.evidence().to_bytes()).expect("evidence");
        let name = &self.package.manifest().name;
        taken_back(name, self.package.digest(), &evidence, &context).map_err(|refusal| refusal.code)
    }
}

pub fn code(admission: &Admission) -> &'static str {
    match &admission.verdict {
        Ok(_) => "ok",
        Err(refusal) => refusal.code,
    }
}

pub type Row = (&'static str, &'static str, fn(&mut World));

pub fn check(rows: &[Row]) {
    for (expected, name, spoil) in rows {
        let mut world = World::new();
        spoil(&mut world);
        let admission = world.run();
        assert_eq!(code(&admission), *expected, "{name}: {:?}", admission.steps.last());
    }
}
