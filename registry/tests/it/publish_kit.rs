//! A publisher of a test's own, and validators that do what they are told.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use jackfield_package::{
    Label, Package,
    check::check,
    key::SigningKey,
    oci::{Artifact, MANIFEST_MEDIA_TYPE},
    statement::{KeysetStatement, PublishStatement},
};
use jackfield_registry::{
    clock::SECOND,
    log::sequencer::{Round, Sequencer},
    publish::{
        rules::{self, CASSETTES_REPLAY, COMPONENT_VALID, DESCRIBE_EQUAL},
        worker::Worker,
    },
    validator::{Contents, Examination, Facts, Trial, Tried, Validator, ValidatorFault},
};
use serde_json::{Value, json};

use crate::{
    components::{Builder, manifest},
    kit::{Answer, ORIGIN, TestRegistry},
};

/// A package of that name and version, changed.
pub fn package(name: &str, version: &str, change: impl FnOnce(&mut Value)) -> Package {
    let mut value = manifest();
    value["name"] = json!(name);
    value["version"] = json!(version);
    change(&mut value);
    Builder::default().manifest(&value).package()
}

/// Reads the bytes in this process, and believes their `describe`: what runs them is tested with the real child.
pub fn examine(bytes: Vec<u8>) -> Examination {
    let package = match Package::parse(bytes) {
        Ok(package) => package,
        Err(refusal) => {
            return Examination { outcomes: vec![COMPONENT_VALID.fail(refusal.to_string())], facts: None };
        }
    };
    let mut outcomes = vec![COMPONENT_VALID.pass()];
    outcomes.extend(check(&package).outcomes);
    outcomes.extend(rules::offline(package.manifest()));
    outcomes.extend([DESCRIBE_EQUAL.pass(), CASSETTES_REPLAY.pass()]);
    let facts = Facts {
        digest: package.digest(),
        size: package.size() as u64,
        manifest: package.manifest_text().to_owned(),
        manifest_digest: package.manifest_digest(),
        imports: package.imports().to_vec(),
        exports: package.exports().to_vec(),
        readme: package.readme().map(str::to_owned),
    };
    Examination { outcomes, facts: Some(facts) }
}

type Answering = dyn Fn(usize, Vec<u8>) -> Result<Examination, ValidatorFault> + Send + Sync;

/// A validator that answers as it is told; it counts how often it was asked, from 1.
#[derive(Clone)]
pub struct Told {
    answer: Arc<Answering>,
    pub asked: Arc<AtomicUsize>,
}

impl Told {
    pub fn new(answer: impl Fn(usize, Vec<u8>) -> Result<Examination, ValidatorFault> + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), asked: Arc::default() }
    }

    /// One that does its work.
    pub fn good() -> Self {
        Self::new(|_, bytes| Ok(examine(bytes)))
    }
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}

#[async_trait]
impl Validator for Told {
    async fn validate(&self, component: &Path) -> Result<Examination, ValidatorFault> {
        let bytes = std::fs::read(component).map_err(|error| ValidatorFault::Failed(error.to_string()))?;
        // As a child process would: the answer comes later.
        tokio::task::yield_now().await;
        (self.answer)(self.asked.fetch_add(1, Ordering::SeqCst) + 1, bytes)
    }

    async fn read(&self, _: &Path) -> Result<Contents, ValidatorFault> {
        Err(ValidatorFault::Missing)
    }

    async fn try_out(&self, _: &Path, _: &Trial) -> Result<Tried, ValidatorFault> {
        Err(ValidatorFault::Missing)
    }
}

/// Whoever publishes in a namespace.
pub struct Publisher<'a> {
    pub registry: &'a TestRegistry,
    pub token: String,
    pub keys: Vec<SigningKey>,
}

impl<'a> Publisher<'a> {
    /// An owner of a new namespace with that many keys, all of which must sign.
    pub async fn new(registry: &'a TestRegistry, namespace: &str, keys: u8) -> Self {
        let token = registry.owner(&format!("{namespace}-owner"), namespace).await;
        let seed = namespace.bytes().fold(7u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        let keys: Vec<_> = (0..keys).map(|index| SigningKey::from_seed([seed.wrapping_add(index); 32])).collect();
        let keyset = KeysetStatement {
            namespace: namespace.parse::<Label>().unwrap(),
            version: 1,
            threshold: keys.len() as u64,
            keys: keys.iter().map(SigningKey::public_key).collect(),
            reason: "The first keys.".to_owned(),
        };
        let bundles: Vec<Value> =
            keys.iter().map(|key| serde_json::from_slice(&keyset.sign(key).to_bytes()).unwrap()).collect();
        let path = format!("/v1/namespaces/{namespace}/keyset");
        let answer = registry.post(&path).token(&token).json(&json!({ "bundles": bundles })).send().await;
        assert!(answer.status.is_success(), "{:?}", answer.bytes);
        Self { registry, token, keys }
    }

    /// Pushes blobs and the manifest under that version.
    pub async fn push(&self, package: &Package) -> Answer {
        let artifact = Artifact::of(package);
        let manifest = package.manifest();
        self.push_as(&manifest.name.to_string(), &manifest.version.to_string(), package, &artifact.manifest).await
    }

    /// The same under another name, version or manifest.
    pub async fn push_as(&self, name: &str, version: &str, package: &Package, manifest: &[u8]) -> Answer {
        let repository = name.replacen(':', "/", 1);
        let artifact = Artifact::of(package);
        for (digest, bytes) in
            [(artifact.component, package.bytes().to_vec()), (artifact.config_digest, artifact.config.clone())]
        {
            self.blob(&repository, &digest.to_string(), bytes).await;
        }
        let path = format!("/v2/{repository}/manifests/{version}");
        let put = self.registry.put(&path).token(&self.token).header("content-type", MANIFEST_MEDIA_TYPE);
        put.bytes(manifest.to_vec()).send().await
    }

    pub async fn blob(&self, repository: &str, digest: &str, bytes: Vec<u8>) {
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let answer = self.registry.post(&path).token(&self.token).bytes(bytes).send().await;
        assert_eq!(answer.status.as_u16(), 201, "{:?}", answer.bytes);
    }

    /// What must be signed.
    pub async fn statement(&self, package: &Package) -> PublishStatement {
        let progress = self.progress(package).await;
        PublishStatement {
            registry: Some(ORIGIN.to_owned()),
            oci_manifest: Some(Artifact::of(package).manifest_digest),
            previous: progress["previous"].as_str().map(|digest| digest.parse().unwrap()),
            ..PublishStatement::of(package)
        }
    }

    pub fn path(package: &Package, rest: &str) -> String {
        let manifest = package.manifest();
        let (name, version) = (&manifest.name, &manifest.version);
        format!("/v1/packages/{}/{}/{version}/{rest}", name.namespace(), name.name())
    }

    /// Hands in a statement with a key's signature.
    pub async fn hand_in(&self, package: &Package, statement: &PublishStatement, key: &SigningKey) -> Answer {
        let post = self.registry.post(&Self::path(package, "statements")).token(&self.token);
        post.bytes(statement.sign(key).to_bytes()).send().await
    }

    /// Pushes and signs with all keys.
    pub async fn publish(&self, package: &Package) {
        let pushed = self.push(package).await;
        assert_eq!(pushed.status.as_u16(), 201, "{:?}", pushed.bytes);
        let statement = self.statement(package).await;
        for key in &self.keys {
            self.hand_in(package, &statement, key).await.expect(202);
        }
    }

    pub async fn progress(&self, package: &Package) -> Value {
        self.registry.get(&Self::path(package, "progress")).token(&self.token).send().await.expect(200)
    }

    pub async fn state(&self, package: &Package) -> String {
        self.progress(package).await["state"].as_str().unwrap().to_owned()
    }

    /// Whether a stranger can fetch it.
    pub async fn is_out(&self, package: &Package) -> bool {
        let repository = package.manifest().name.to_string().replacen(':', "/", 1);
        let path = format!("/v2/{repository}/manifests/{}", package.manifest().version);
        let pull = anonymous(self.registry, &repository).await;
        self.registry.get(&path).token(&pull).send().await.status.is_success()
    }
}

/// A token that anybody gets.
pub async fn anonymous(registry: &TestRegistry, repository: &str) -> String {
    let path = format!("/v2/token?service={ORIGIN}&scope=repository:{repository}:pull");
    let answer = registry.get(&path).send().await.expect(200);
    answer["token"].as_str().unwrap().to_owned()
}

/// Everything that goes on between requests, until there is nothing more to do.
pub async fn work(registry: &TestRegistry) {
    let worker = Worker::new().unwrap();
    let mut sequencer = Sequencer::new().unwrap();
    loop {
        let mut busy = false;
        while worker.check_next(&registry.shared).await.unwrap() {
            busy = true;
        }
        match sequencer.round(&registry.shared).await.unwrap() {
            Round::Grown(_) => busy = true,
            // Another writer has the lease, and its time is not over: here time is moved.
            Round::Behind => {
                registry.clock.advance(60 * SECOND);
                busy = true;
            }
            Round::Idle => {}
        }
        busy |= worker.release_passed(&registry.shared).await.unwrap() > 0;
        if !busy {
            return;
        }
    }
}
