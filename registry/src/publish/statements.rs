//! The publisher's statement: who may sign, and what he must have signed.

use jackfield_db::Conn;
use jackfield_package::{
    Digest, PackageName,
    key::PublicKey,
    statement::{Bundle, PublishStatement, quorum},
};
use semver::Version;

use super::{
    State, Why, change,
    store::{self, HandedIn, Release},
};
use crate::{Problem, Shared, account::Actor};

/// A namespace's keys, as they count now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// How many of them must sign.
    pub threshold: u64,
    /// Those that are not revoked.
    pub good: Vec<PublicKey>,
    /// Those that are in the keyset, and revoked.
    pub revoked: Vec<PublicKey>,
}

impl Keys {
    /// Those of a namespace, for statements that have no place in the log yet.
    ///
    /// # Errors
    /// 409 `keyset-missing`.
    pub async fn of(conn: &mut Conn, namespace: &str) -> Result<Self, Problem> {
        let row = store::keyset(conn, namespace).await?.ok_or_else(|| missing(namespace))?;
        let keys: Vec<PublicKey> = serde_json::from_str(&row.keys).map_err(|error| Problem::internal(&error))?;
        let gone = store::revoked_keys(conn, namespace).await?;
        let is_gone = |key: &PublicKey| gone.iter().any(|(id, _)| *id == key.id().to_string());
        let (revoked, good) = keys.into_iter().partition(is_gone);
        Ok(Self { threshold: u64::try_from(row.threshold).unwrap_or(u64::MAX), good, revoked })
    }

    /// Whether enough of these keys signed a release's publish statements, all over the same bytes; the bundles that count.
    ///
    /// # Errors
    /// Those of [`quorum::signed_by`].
    pub fn quorum(&self, bundles: &[Bundle]) -> Result<PublishStatement, Problem> {
        let signed = quorum::signed_by(bundles, &self.good, self.threshold)?;
        Ok(PublishStatement::from_verified_payload(signed.payload)?)
    }
}

fn missing(namespace: &str) -> Problem {
    Problem::conflict(
        "keyset-missing",
        format!("the namespace `{namespace}` has no keys yet, so nobody can sign for it"),
    )
    .hint(format!("register its keys first: jackfield namespace keyset {namespace} --key NAME"))
}

/// Takes in one signature for a staged release. When as many keys as the namespace's threshold says have signed the same
/// bytes, the checks begin. The same statement again is fine.
///
/// # Errors
/// Before anything is stored: 404 `release-not-found`, 409 `keyset-missing`, `release-not-staged`, `previous-mismatch`,
/// `publish-in-progress`; 403 `signer-unknown`, `key-revoked`; 400 with the codes of bundles and statements, `name-mismatch`,
/// `version-mismatch`, `subject-mismatch`, `audience-mismatch`.
pub async fn accept(
    registry: &Shared,
    conn: &mut Conn,
    actor: &Actor,
    package: &PackageName,
    version: &Version,
    bytes: &[u8],
) -> Result<Release, Problem> {
    let now = registry.now();
    let bundle = Bundle::parse(bytes)?;
    store::lock_package(conn, &package.to_string(), now).await?;
    let release = store::find(conn, package, version).await?.ok_or_else(|| unknown(package, version))?;
    let keys = Keys::of(conn, package.namespace().as_str()).await?;
    let hint = bundle.key_hint();
    let Some(key) = keys.good.iter().find(|key| key.id() == *hint) else {
        let (code, what) = match keys.revoked.iter().any(|key| key.id() == *hint) {
            true => ("key-revoked", "was revoked"),
            false => ("signer-unknown", "is not among the namespace's keys"),
        };
        return Err(Problem::forbidden(code, format!("the key {hint} {what}: it can't sign for {package}"))
            .hint(format!("sign with a key of the namespace: GET /v1/namespaces/{} shows them", package.namespace())));
    };
    let payload = quorum::verified(&bundle, key)?;
    let statement = PublishStatement::from_verified_payload(payload)?;
    is_about(&statement, &registry.config.origin, package, version, &release)?;

    let new = HandedIn {
        key_id: key.id().to_string(),
        payload: Digest::of(payload).to_string(),
        bundle: bundle.without_log_entries().to_bytes(),
    };
    let state = release.state()?;
    if state != State::Staged {
        let before = store::bundles(conn, &release.id).await?;
        if before.iter().any(|before| before.key_id == new.key_id && before.payload == new.payload) {
            return Ok(release);
        }
        let message = format!("{package}@{version} is {state}: it takes no more signatures");
        return Err(Problem::conflict("release-not-staged", message));
    }
    let last = store::last_released(conn, &package.to_string()).await?;
    previous_is(&statement, last.as_deref())?;
    if let Some(other) = store::in_flight(conn, &package.to_string(), &release.id).await? {
        let message = format!("{package}@{other} is being published: releases of a package follow one another");
        return Err(Problem::conflict("publish-in-progress", message).hint("try again when it is out"));
    }
    let public_key = hex::encode(key.to_bytes());
    store::put_bundle(conn, &release.id, &new, &public_key, now).await?;
    let same = store::bundles(conn, &release.id).await?.iter().filter(|other| other.payload == new.payload).count();
    if u64::try_from(same).unwrap_or(0) >= keys.threshold {
        let signed = format!("signed by {same} of {} keys", keys.good.len());
        let why = Why { actor: &actor.name, reason: Some(&signed) };
        change(conn, &release.id, State::Staged, State::Checking, why, now).await?;
    }
    store::by_id(conn, &release.id).await?.ok_or_else(|| unknown(package, version))
}

/// Whether it speaks of this release on this registry.
///
/// # Errors
/// See [`accept`].
pub fn is_about(
    statement: &PublishStatement,
    origin: &str,
    package: &PackageName,
    version: &Version,
    release: &Release,
) -> Result<(), Problem> {
    let differs = |code: &'static str, what: &str, said: &str, expected: &str| {
        let said: String = said.chars().take(160).collect();
        let said = said.escape_debug();
        Err(Problem::bad_request(code, format!("the statement's {what} is `{said}`: expected `{expected}`")))
    };
    if statement.name != *package {
        return differs("name-mismatch", "name", &statement.name.to_string(), &package.to_string());
    }
    if statement.version != *version {
        return differs("version-mismatch", "version", &statement.version.to_string(), &version.to_string());
    }
    if statement.registry.as_deref() != Some(origin) {
        return differs("audience-mismatch", "registry", statement.registry.as_deref().unwrap_or("none"), origin);
    }
    if statement.component.to_string() != release.component {
        return differs("subject-mismatch", "component", &statement.component.to_string(), &release.component);
    }
    let oci_manifest = statement.oci_manifest.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
    if oci_manifest != release.oci_manifest {
        return differs("subject-mismatch", "OCI manifest", &oci_manifest, &release.oci_manifest);
    }
    Ok(())
}

/// Whether it names the release before it.
///
/// # Errors
/// 409 `previous-mismatch`.
pub fn previous_is(statement: &PublishStatement, last: Option<&str>) -> Result<(), Problem> {
    let said = statement.previous.map(|digest| digest.to_string());
    if said.as_deref() == last {
        return Ok(());
    }
    let told = |digest: Option<&str>| digest.map_or_else(|| "none".to_owned(), str::to_owned);
    let (said, last) = (told(said.as_deref()), told(last));
    Err(Problem::conflict(
        "previous-mismatch",
        format!("the statement says that the release before it is {said}, and the last one is {last}"),
    )
    .hint("another release came in between: sign again, after a look at it"))
}

/// Nothing of that name is there, or not for the caller's eyes.
pub fn unknown(package: &PackageName, version: &Version) -> Problem {
    Problem::not_found("release-not-found", format!("there is no {package}@{version}"))
}
