//! Rows as publishing leaves them, put there directly: stories about reading begin where publishing ends.

use jackfield_db::{Conn, on};
use jackfield_package::{Digest, PackageName};
use jackfield_registry::read::search;
use serde_json::{Value, json};

use crate::kit::{START, TestRegistry};

/// A release, as far as reading looks at it.
pub struct Row {
    pub package: String,
    pub version: String,
    pub state: &'static str,
    pub manifest: Value,
    pub readme: Option<String>,
    pub imports: Vec<&'static str>,
    pub released_at: i64,
}

impl Row {
    /// Released, with a manifest that asks for nothing.
    pub fn new(package: &str, version: &str) -> Self {
        Self {
            package: package.to_owned(),
            version: version.to_owned(),
            state: "released",
            manifest: json!({
                "name": package, "version": version, "world": "jackfield:connector@0.1.0",
                "title": "A title", "summary": "A summary.", "license": "Apache-2.0",
                "operations": [{
                    "name": "run", "kind": "action", "title": "Run", "effect": "read",
                    "input": {"type": "object"}, "output": {"type": "object"},
                }],
            }),
            readme: None,
            imports: vec!["wasi:io/streams@0.2.6"],
            released_at: START,
        }
    }

    #[must_use]
    pub fn state(mut self, state: &'static str) -> Self {
        self.state = state;
        self
    }

    /// Other keys of the manifest.
    #[must_use]
    pub fn with(mut self, keys: Value) -> Self {
        for (key, value) in keys.as_object().unwrap() {
            self.manifest[key] = value.clone();
        }
        self
    }

    #[must_use]
    pub fn readme(mut self, text: &str) -> Self {
        self.readme = Some(text.to_owned());
        self
    }

    #[must_use]
    pub fn at(mut self, released_at: i64) -> Self {
        self.released_at = released_at;
        self
    }

    /// The digest that its component would have.
    pub fn component(&self) -> Digest {
        Digest::of(format!("component of {} {}", self.package, self.version).as_bytes())
    }

    /// Writes it.
    pub async fn put(&self, registry: &TestRegistry) {
        let mut tx = registry.shared.db.begin().await.unwrap();
        let name: PackageName = self.package.parse().unwrap();
        insert(&mut tx, self, &name).await;
        search::reindex(&mut tx, &name).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// Writes many in one transaction.
pub async fn put_all(registry: &TestRegistry, rows: &[Row]) {
    let mut tx = registry.shared.db.begin().await.unwrap();
    for row in rows {
        let name: PackageName = row.package.parse().unwrap();
        insert(&mut tx, row, &name).await;
        search::reindex(&mut tx, &name).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn insert(conn: &mut Conn, row: &Row, name: &PackageName) {
    let namespace = name.namespace().as_str();
    on!(conn, c => sqlx::query(
        "INSERT INTO namespaces (name, class, state, quota_bytes, created_at) VALUES ($1, 'connector', 'active', 0, $2)
         ON CONFLICT (name) DO NOTHING",
    ).bind(namespace).bind(START).execute(c), rows)
    .unwrap();
    on!(conn, c => sqlx::query(
        "INSERT INTO packages (name, namespace, state, downloads, installs, created_at, updated_at)
         VALUES ($1, $2, 'active', 0, 0, $3, $3) ON CONFLICT (name) DO NOTHING",
    ).bind(&row.package).bind(namespace).bind(START).execute(c), rows)
    .unwrap();
    let manifest = row.manifest.to_string();
    let facts = json!({ "imports": row.imports, "exports": ["jackfield:connector/operations@0.1.0"] }).to_string();
    let released_at = (!matches!(row.state, "staged" | "checking" | "held")).then_some(row.released_at);
    on!(conn, c => sqlx::query(
        "INSERT INTO releases (id, package, version, state, next_actor, state_at, component, size, oci_manifest, manifest,
           manifest_digest, facts, readme, attempts, staged_by, staged_at, released_at)
         VALUES ($1, $2, $3, $4, 'nobody', $5, $6, 1000, $7, $8, $9, $10, $11, 1, 'user:ada', $5, $12)",
    )
        .bind(format!("id-{}-{}", row.package, row.version))
        .bind(&row.package)
        .bind(&row.version)
        .bind(row.state)
        .bind(row.released_at)
        .bind(row.component().to_string())
        .bind(Digest::of(row.component().to_string().as_bytes()).to_string())
        .bind(&manifest)
        .bind(Digest::of(manifest.as_bytes()).to_string())
        .bind(&facts)
        .bind(&row.readme)
        .bind(released_at)
        .execute(c), rows).unwrap();
}

/// Sets how often a package was installed.
pub async fn installs(registry: &TestRegistry, package: &str, count: i64) {
    let mut tx = registry.shared.db.begin().await.unwrap();
    let conn: &mut Conn = &mut tx;
    on!(conn, c => sqlx::query("UPDATE packages SET installs = $2 WHERE name = $1").bind(package).bind(count).execute(c), rows)
        .unwrap();
    search::reindex(&mut tx, &package.parse().unwrap()).await.unwrap();
    tx.commit().await.unwrap();
}
