//! What a path names, parsed before anything looks at it.

use axum::extract::FromRequestParts;
use http::request::Parts;
use jackfield_package::{Digest, Label, PackageName};
use jackfield_server::uri::Path;
use semver::Version;

use crate::{Problem, Shared};

/// `{ns}/{name}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackagePath(pub(crate) PackageName);

/// `{ns}/{name}/{version}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReleasePath(pub(crate) PackageName, pub(crate) Version);

/// `{ns}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamespacePath(pub(crate) Label);

/// `{digest}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DigestPath(pub(crate) Digest);

/// A package and one more part: `{ns}/{name}/…/{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ItemPath(pub(crate) PackageName, pub(crate) String);

impl FromRequestParts<Shared> for PackagePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Shared) -> Result<Self, Problem> {
        let (namespace, name): (String, String) = raw(parts, registry).await?;
        Ok(Self(package(&namespace, &name)?))
    }
}

impl FromRequestParts<Shared> for ReleasePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Shared) -> Result<Self, Problem> {
        let (namespace, name, version): (String, String, String) = raw(parts, registry).await?;
        Ok(Self(package(&namespace, &name)?, parse_version(&version)?))
    }
}

impl FromRequestParts<Shared> for NamespacePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Shared) -> Result<Self, Problem> {
        let namespace: String = raw(parts, registry).await?;
        Ok(Self(namespace.parse()?))
    }
}

impl FromRequestParts<Shared> for DigestPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Shared) -> Result<Self, Problem> {
        let digest: String = raw(parts, registry).await?;
        let shown: String = digest.chars().take(80).collect();
        Ok(Self(digest.parse().map_err(|_| {
            Problem::bad_request(
                "digest-malformed",
                format!("`{}` is not a digest: expected `sha256:` and 64 lower-case hex digits", shown.escape_debug()),
            )
        })?))
    }
}

impl FromRequestParts<Shared> for ItemPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Shared) -> Result<Self, Problem> {
        let (namespace, name, id): (String, String, String) = raw(parts, registry).await?;
        let is_id = id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_id {
            return Err(Problem::not_found("not-found", "there is nothing of that id"));
        }
        Ok(Self(package(&namespace, &name)?, id))
    }
}

/// A version as it is stored: semver without build metadata.
///
/// # Errors
/// 400 `version-malformed`.
pub(crate) fn parse_version(text: &str) -> Result<Version, Problem> {
    let shown = || text.chars().take(80).collect::<String>().escape_debug().to_string();
    Version::parse(text).ok().filter(|version| version.build.is_empty() && text.len() <= 128).ok_or_else(|| {
        Problem::bad_request("version-malformed", format!("`{}` is not a version: expected such as 1.2.3", shown()))
    })
}

fn package(namespace: &str, name: &str) -> Result<PackageName, Problem> {
    // A colon within a part would shift the border.
    Ok(format!("{}:{}", namespace.parse::<Label>()?, name.parse::<Label>()?).parse()?)
}

async fn raw<T: serde::de::DeserializeOwned + Send>(parts: &mut Parts, registry: &Shared) -> Result<T, Problem> {
    Path::from_request_parts(parts, registry).await.map(|Path(value)| value)
}
