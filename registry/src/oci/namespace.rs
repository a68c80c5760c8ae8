//! What a namespace lets in: `connector` is strict, `generic` is plain OCI.

use http::StatusCode;
use jackfield_db::Conn;
use jackfield_package::PackageName;

use super::{path::Repository, store};
use crate::Problem;

/// The namespace of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Repositories are packages, tags are versions, manifests are components.
    Connector,
    /// Anything that OCI has, in repositories of any depth.
    Generic,
}

/// What writing to it needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Namespace {
    pub(crate) class: Class,
    pub(crate) quota_bytes: i64,
}

impl Namespace {
    /// Looks it up. Call after authorising.
    ///
    /// # Errors
    /// 404 if there is none of that name, 403 if it is held, 400 if the repository is none that it can have.
    pub(crate) async fn of(conn: &mut Conn, repository: &Repository) -> Result<Self, Problem> {
        let name = repository.namespace();
        let Some(row) = store::namespace(conn, name).await? else {
            return Err(Problem::not_found("name-unknown", format!("there is no namespace `{name}`"))
                .hint(format!("make it first: jackfield namespace create {name}")));
        };
        if row.state != "active" {
            return Err(Problem::forbidden(
                "namespace-held",
                format!("the namespace `{name}` is held until a person has looked at it"),
            ));
        }
        let class = if row.class == "generic" { Class::Generic } else { Class::Connector };
        if class == Class::Connector {
            package(repository)?;
        }
        Ok(Self { class, quota_bytes: row.quota_bytes })
    }

    /// Whether what is in it can be deleted.
    pub(crate) fn deletes(&self, repository: &Repository) -> Result<(), Problem> {
        match self.class {
            Class::Generic => Ok(()),
            Class::Connector => Err(Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "connector-undeletable",
                format!("nothing is deleted from `{repository}`: others may depend on it"),
            )
            .hint("yank the release: jackfield yank")),
        }
    }

    /// Adds to what it stores.
    ///
    /// # Errors
    /// 403 `quota-exceeded`.
    pub(crate) async fn charge(&self, conn: &mut Conn, repository: &Repository, bytes: i64) -> Result<(), Problem> {
        if store::charge(conn, repository.namespace(), bytes, self.quota_bytes).await? {
            return Ok(());
        }
        Err(over_quota(repository, self.quota_bytes))
    }
}

/// The package that a repository of a connector namespace is.
pub(crate) fn package(repository: &Repository) -> Result<PackageName, Problem> {
    repository.package().ok_or_else(|| {
        Problem::bad_request(
            "name-invalid",
            format!("`{repository}` is not a package: in a connector namespace a repository is `namespace/name`"),
        )
    })
}

pub(crate) fn over_quota(repository: &Repository, quota_bytes: i64) -> Problem {
    Problem::forbidden(
        "quota-exceeded",
        format!("the namespace `{}` may store {quota_bytes} bytes, and this is beyond them", repository.namespace()),
    )
    .hint("delete what is not needed, or ask the operator for more")
}
