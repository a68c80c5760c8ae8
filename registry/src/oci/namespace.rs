//! What a namespace lets in: `connector` is strict, `generic` is plain OCI.

use http::StatusCode;
use jackfield_db::Conn;
use jackfield_package::PackageName;

use super::{
    path::{Repository, unknown_upload},
    store,
};
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

    /// Adds to what it stores, beside what open uploads have reserved.
    ///
    /// # Errors
    /// 403 `quota-exceeded`.
    pub(crate) async fn charge(&self, conn: &mut Conn, repository: &Repository, bytes: i64) -> Result<(), Problem> {
        self.charge_in_place_of(None, conn, repository, bytes).await
    }

    /// The same for an upload that ends with it: what it had reserved is what it may now store.
    ///
    /// # Errors
    /// As [`Self::charge`].
    pub(crate) async fn charge_in_place_of(
        &self,
        upload: Option<&str>,
        conn: &mut Conn,
        repository: &Repository,
        bytes: i64,
    ) -> Result<(), Problem> {
        let taken = store::hold_usage(conn, repository.namespace(), upload).await?;
        if bytes > self.quota_bytes.saturating_sub(taken) {
            return Err(over_quota(repository, self.quota_bytes));
        }
        Ok(store::charge(conn, repository.namespace(), bytes).await?)
    }

    /// Lets an upload of that size grow by `least` bytes, or by up to `most` where there is plenty of room: of what is left an
    /// eighth at the most, so that others which would fit are not turned away for what is only taken ahead. By how many it may.
    ///
    /// # Errors
    /// As [`Self::charge`], and 404 if the upload has changed or gone meanwhile.
    pub(crate) async fn reserve(
        &self,
        conn: &mut Conn,
        repository: &Repository,
        (id, size): (&str, i64),
        (least, most): (i64, i64),
    ) -> Result<i64, Problem> {
        let taken = store::hold_usage(conn, repository.namespace(), Some(id)).await?;
        let room = self.quota_bytes.saturating_sub(taken).saturating_sub(size);
        if room < least {
            return Err(over_quota(repository, self.quota_bytes));
        }
        let granted = most.min(least.saturating_add((room - least) / 8));
        match store::reserve_upload(conn, id, size, size.saturating_add(granted)).await? {
            true => Ok(granted),
            false => Err(unknown_upload()),
        }
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
