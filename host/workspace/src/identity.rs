//! Who a person is.

use async_trait::async_trait;
use http::request::Parts;
use jackfield_package::Label;

use crate::Problem;

/// Somebody whom the accounts know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The user's name.
    pub user: Label,
    /// Whether he runs this server: he may make workspaces, and mend any.
    pub operator: bool,
}

/// What tells who a request comes from: the accounts, wherever they are kept.
#[async_trait]
pub trait Identity: Send + Sync + std::fmt::Debug {
    /// The person that a request's `Authorization` header or cookie speaks for; none if there is neither.
    ///
    /// # Errors
    /// 401 for credentials that are good no more, 403 for a token that is not good for workspaces, 503.
    async fn person(&self, parts: &mut Parts) -> Result<Option<Person>, Problem>;

    /// Whether there is a user of that name.
    ///
    /// # Errors
    /// 503.
    async fn exists(&self, user: &Label) -> Result<bool, Problem>;
}
