//! Who may do what: users, tokens, namespaces, trusted publishing.
//!
//! A request's [`Actor`] comes from its `Authorization` header; [`Actor::authorise`] decides and records in one call. A *user*
//! has a password, or none and only tokens. A *token* is good for some packages and some actions until it expires. A *namespace*
//! has *owners*, who say who belongs to it and which keys sign for it, and *publishers*, who stage releases.

pub mod authority;
pub mod control;
pub mod dns;
pub mod keysets;
pub(crate) mod names;
pub mod namespaces;
mod oidc;
mod password;
mod publishers;
pub mod routes;
pub mod session;
pub(crate) mod sign_in;
mod store;
pub mod tokens;
pub mod users;
pub mod worker;

pub use authority::{Action, Actor, Target};

/// What stands between requests at the door: who has been knocking, and how many passwords are being hashed.
#[derive(Debug)]
pub struct Door {
    pub(crate) passwords: password::Passwords,
    /// Failed sign-ins.
    pub(crate) sign_ins: jackfield_server::rate::Limiter,
    /// Whose identity tokens are trusted.
    pub(crate) issuers: oidc::Issuers,
    /// Where people sign in.
    pub(crate) providers: sign_in::Providers,
}

impl Door {
    /// # Errors
    /// `config-invalid`.
    pub(crate) fn new(config: &crate::Config) -> Result<Self, crate::Problem> {
        Ok(Self {
            passwords: password::Passwords::new(),
            sign_ins: Default::default(),
            issuers: oidc::Issuers::new(),
            providers: sign_in::Providers::of(config)?,
        })
    }
}

/// Whether the database answers.
pub(crate) async fn ping(conn: &mut jackfield_db::Conn) -> Result<(), crate::Problem> {
    store::ping(conn).await?;
    Ok(())
}
