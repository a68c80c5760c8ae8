//! Who publishes to a registry that dies, and who watches its log: both remember what they were told.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use jackfield_package::{
    Package,
    key::SigningKey,
    log::{
        Checkpoint, SignedNote, VerifierKey, leaf,
        tile::{self, Edge, Tile},
    },
    oci::{Artifact, MANIFEST_MEDIA_TYPE},
    statement::{Bundle, ChecksStatement, KeysetStatement, PublishStatement},
};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{
    kit::{ORIGIN, PASSWORD},
    publish_kit::package,
};

/// Nobody answers any more.
#[derive(Debug)]
struct Gone;

/// Requests to a registry that may die under them.
struct Door {
    http: Client,
    url: String,
}

impl Door {
    fn new(url: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { http: Client::builder().no_proxy().build().unwrap(), url: url.to_owned() }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> Result<(u16, Vec<u8>), Gone> {
        let mut request =
            self.http.request(method, format!("{}{path}", self.url)).header("content-type", kind).body(body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|_| Gone)?;
        let status = response.status().as_u16();
        Ok((status, response.bytes().await.map_err(|_| Gone)?.to_vec()))
    }

    async fn get(&self, path: &str, token: &str) -> Result<(u16, Vec<u8>), Gone> {
        self.ask(Method::GET, path, token, "application/json", Vec::new()).await
    }

    async fn post(&self, path: &str, token: &str, body: &Value) -> Result<Value, Gone> {
        let (status, bytes) = self.ask(Method::POST, path, token, "application/json", body.to_string().into()).await?;
        assert!(matches!(status, 200..300), "{path}: {status} {}", String::from_utf8_lossy(&bytes));
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }
}

/// A release on its way, as far as its author has been told.
struct Wanted {
    package: Package,
    blobs: BTreeSet<String>,
    staged: bool,
    bundle: Option<Bundle>,
    signed: bool,
    released: bool,
}

impl Wanted {
    fn path(&self, rest: &str) -> String {
        format!("/v1/packages/acme/weather/{}/{rest}", self.package.manifest().version)
    }
}

/// Publishes one version after the other, and holds the registry to its word.
pub struct Author {
    hand: Hand,
    wanted: Vec<Wanted>,
}

/// What an author publishes with.
struct Hand {
    door: Door,
    token: String,
    operator: String,
    key: SigningKey,
}

const REPOSITORY: &str = "/v2/acme/weather";

impl Author {
    /// With a user, a namespace and a key.
    pub async fn new(url: &str, data: &Path) -> Self {
        let door = Door::new(url);
        let operator = std::fs::read_to_string(data.join("operator-token")).unwrap().trim().to_owned();
        let user = json!({ "name": "ada", "password": PASSWORD });
        door.post("/v1/users", &operator, &user).await.unwrap();
        let login = json!({ "user": "ada", "password": PASSWORD });
        let token = door.post("/v1/login", "", &login).await.unwrap()["token"].as_str().unwrap().to_owned();
        door.post("/v1/namespaces", &token, &json!({ "name": "acme" })).await.unwrap();
        let key = SigningKey::from_seed([41; 32]);
        let keyset = KeysetStatement {
            namespace: "acme".parse().unwrap(),
            version: 1,
            threshold: 1,
            keys: vec![key.public_key()],
            reason: "The first key.".to_owned(),
        };
        let bundle: Value = serde_json::from_slice(&keyset.sign(&key).to_bytes()).unwrap();
        door.post("/v1/namespaces/acme/keyset", &token, &json!({ "bundles": [bundle] })).await.unwrap();
        Self { hand: Hand { door, token, operator, key }, wanted: Vec::new() }
    }

    pub fn released(&self) -> usize {
        self.wanted.iter().filter(|wanted| wanted.released).count()
    }

    pub async fn publish_until_gone(&mut self, url: &str) {
        self.hand.door.url = url.to_owned();
        let Ok(()) = self.hold_to_its_word().await else { return };
        while let Ok(()) = self.go_on().await {}
    }

    /// Publishes one more, or what is on its way.
    pub async fn publish_one(&mut self, url: &str) {
        self.hand.door.url = url.to_owned();
        self.go_on().await.unwrap();
    }

    /// Publishes the last one, and looks at each once more.
    pub async fn finish(&mut self, url: &str, watcher: &mut Watcher) {
        self.publish_one(url).await;
        watcher.look_at(url).await;
        let checked = watcher.checked().await;
        for wanted in &self.wanted {
            self.hand.is_as_told(wanted).await.unwrap();
            if let Some(bundle) = wanted.bundle.as_ref().filter(|_| wanted.released) {
                let version = wanted.package.manifest().version.to_string();
                let entry = leaf(bundle, &self.hand.key.public_key());
                assert_eq!(watcher.entries.iter().filter(|one| **one == entry).count(), 1, "{version} in the log");
                assert_eq!(checked.get(&version), Some(&1), "the checks of {version} in the log");
            }
        }
    }

    /// What was acknowledged before is there: of the last release, and of one that stands for the others.
    async fn hold_to_its_word(&self) -> Result<(), Gone> {
        for wanted in self.wanted.last().into_iter().chain(self.wanted.get(self.wanted.len() / 2)) {
            self.hand.is_as_told(wanted).await?;
        }
        Ok(())
    }

    /// Takes the release that is on its way to its end, from wherever it is.
    async fn go_on(&mut self) -> Result<(), Gone> {
        if self.wanted.last().is_none_or(|wanted| wanted.released) {
            let version = format!("1.0.{}", self.wanted.len());
            let package = package("acme:weather", &version, |_| {});
            let blobs = BTreeSet::new();
            self.wanted.push(Wanted { package, blobs, staged: false, bundle: None, signed: false, released: false });
        }
        self.hand.publish(self.wanted.last_mut().unwrap()).await
    }
}

impl Hand {
    async fn is_as_told(&self, wanted: &Wanted) -> Result<(), Gone> {
        let version = &wanted.package.manifest().version;
        for digest in &wanted.blobs {
            let path = format!("{REPOSITORY}/blobs/{digest}");
            let (status, bytes) = self.door.get(&path, &self.token).await?;
            assert_eq!(status, 200, "{version}: a blob that was taken is lost");
            assert_eq!(jackfield_package::Digest::of(&bytes).to_string(), *digest, "{version}");
        }
        if !wanted.staged {
            return Ok(());
        }
        let (status, bytes) = self.door.get(&wanted.path("progress"), &self.token).await?;
        assert_eq!(status, 200, "{version} was staged, and is lost");
        let progress: Value = serde_json::from_slice(&bytes).unwrap();
        let state = progress["state"].as_str().unwrap();
        assert!(!wanted.signed || state != "staged", "{version}: its statement was taken, and is lost");
        assert!(!wanted.released || state == "released", "{version} was released, and is {state}");
        // Whoever is nobody sees it if, and only if, it is released.
        let token = format!("/v2/token?service={ORIGIN}&scope=repository:acme/weather:pull");
        let token: Value = serde_json::from_slice(&self.door.get(&token, "").await?.1).unwrap();
        let path = format!("{REPOSITORY}/manifests/{version}");
        let (status, _) = self.door.get(&path, token["token"].as_str().unwrap()).await?;
        assert!(!wanted.released || status == 200, "{version}: {status}");
        assert!(status == 200 || state != "released", "{version}");
        Ok(())
    }

    async fn publish(&self, wanted: &mut Wanted) -> Result<(), Gone> {
        let artifact = Artifact::of(&wanted.package);
        let blobs = [(artifact.component, wanted.package.bytes().to_vec()), (artifact.config_digest, artifact.config)];
        for (digest, bytes) in blobs.into_iter().map(|(digest, bytes)| (digest.to_string(), bytes)) {
            if !wanted.blobs.contains(&digest) {
                let path = format!("{REPOSITORY}/blobs/uploads/?digest={digest}");
                self.send(Method::POST, &path, "application/octet-stream", bytes, 201).await?;
                wanted.blobs.insert(digest);
            }
        }
        if !wanted.staged {
            let path = format!("{REPOSITORY}/manifests/{}", wanted.package.manifest().version);
            self.send(Method::PUT, &path, MANIFEST_MEDIA_TYPE, artifact.manifest, 201).await?;
            wanted.staged = true;
        }
        if !wanted.signed {
            if wanted.bundle.is_none() {
                let (_, bytes) = self.door.get(&wanted.path("progress"), &self.token).await?;
                let progress: Value = serde_json::from_slice(&bytes).unwrap();
                let statement = PublishStatement {
                    registry: Some(ORIGIN.to_owned()),
                    oci_manifest: Some(artifact.manifest_digest),
                    previous: progress["previous"].as_str().map(|digest| digest.parse().unwrap()),
                    ..PublishStatement::of(&wanted.package)
                };
                wanted.bundle = Some(statement.sign(&self.key));
            }
            let bytes = wanted.bundle.as_ref().map(Bundle::to_bytes).unwrap();
            self.send(Method::POST, &wanted.path("statements"), "application/json", bytes, 202).await?;
            wanted.signed = true;
        }
        let mut since = 0;
        loop {
            let path = wanted.path(&format!("progress?wait=5&since={since}"));
            let progress: Value = serde_json::from_slice(&self.door.get(&path, &self.token).await?.1).unwrap();
            since = progress["events"].as_array().unwrap().len();
            match progress["state"].as_str().unwrap() {
                "released" => {
                    wanted.released = true;
                    return Ok(());
                }
                // Its examination was cut off too often.
                "held" => {
                    let path = format!("/v1/moderation/releases/{}", progress["id"].as_str().unwrap());
                    let decided = json!({ "decision": "approve", "reason": "It was not its fault." });
                    self.door.post(&path, &self.operator, &decided).await?;
                }
                "checking" | "ready" | "logged" => {}
                other => panic!("{other}: {progress}"),
            }
        }
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Vec<u8>, expected: u16) -> Result<(), Gone> {
        let (status, bytes) = self.door.ask(method, path, &self.token, kind, body).await?;
        assert_eq!(status, expected, "{path}: {}", String::from_utf8_lossy(&bytes));
        Ok(())
    }
}

/// Somebody outside, who knows the log's key and forgets nothing.
pub struct Watcher {
    door: Door,
    key: VerifierKey,
    edge: Edge,
    entries: Vec<Vec<u8>>,
    roots: BTreeMap<u64, String>,
}

impl Watcher {
    pub async fn new(url: &str) -> Self {
        let door = Door::new(url);
        let about: Value =
            serde_json::from_slice(&door.get("/.well-known/jackfield.json", "").await.unwrap().1).unwrap();
        let key = about["log_key"].as_str().unwrap().parse().unwrap();
        Self { door, key, edge: Edge::empty(), entries: Vec::new(), roots: BTreeMap::new() }
    }

    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    pub async fn watch_until_gone(&mut self, url: &str) {
        self.door.url = url.to_owned();
        while let Ok(()) = self.look().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn look_at(&mut self, url: &str) {
        self.door.url = url.to_owned();
        self.look().await.unwrap();
    }

    /// Whatever is shown now goes on from all that was shown before: one root a size, every size on one tree.
    async fn look(&mut self) -> Result<(), Gone> {
        let (status, bytes) = self.door.get("/log/checkpoint", "").await?;
        if status == 404 && self.roots.is_empty() {
            return Ok(());
        }
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
        let checkpoint = Checkpoint::open(&SignedNote::parse(&bytes).unwrap(), &self.key).unwrap();
        let root = checkpoint.root.to_string();
        assert_eq!(*self.roots.entry(checkpoint.size).or_insert(root.clone()), root, "two roots for one size");
        assert!(checkpoint.size >= self.size(), "the log went back from {} to {}", self.size(), checkpoint.size);
        while self.size() < checkpoint.size {
            let index = self.size() / tile::WIDTH;
            let width = (checkpoint.size - index * tile::WIDTH).min(tile::WIDTH);
            let tile = Tile { kind: tile::Kind::Entries, index, width };
            let (status, bytes) = self.door.get(&format!("/log/{tile}"), "").await?;
            assert_eq!(status, 200, "{tile}");
            let known = usize::try_from(self.size() - index * tile::WIDTH).unwrap();
            for entry in tile::decode_entries(tile, &bytes).unwrap().into_iter().skip(known) {
                self.edge.push_entry(&entry);
                self.entries.push(entry);
            }
        }
        assert_eq!(self.edge.root().to_string(), root, "the log has another past at {}", checkpoint.size);
        Ok(())
    }

    /// How many checks statements the log has of each version.
    async fn checked(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        let mut from = 0;
        while from < self.entries.len() {
            let path = format!("/v1/log/statements?from={from}");
            let page: Value = serde_json::from_slice(&self.door.get(&path, "").await.unwrap().1).unwrap();
            let page = page["statements"].as_array().unwrap();
            assert!(!page.is_empty(), "statement {from} is missing");
            for bundle in page {
                let bundle = Bundle::parse(bundle.to_string().as_bytes()).unwrap();
                if let Ok(checks) = ChecksStatement::from_verified_payload(bundle.envelope().unverified_payload()) {
                    *found.entry(checks.version.to_string()).or_default() += 1;
                }
            }
            from += page.len();
        }
        found
    }
}
