//! The credential broker: it keeps secrets, and puts them on requests. Nothing ever gets one back out of it.
//!
//! # The words
//!
//! A *connection* is a credential for one account at one provider. Its secrets lie in the [`vault`], sealed with a key of its
//! own. A *generation* counts the token sets that a connection has had, so that what is said about one token is never
//! taken for another. A *provider* is an entry of the catalogue; a *flow* is how its tokens are got.
//!
//! # The path of a credential
//!
//! A flow brings a [`token::TokenSet`] → the [`vault`] seals it → a [`connection`] is active. A request that may carry it
//! comes from the host: one call authorises the use and records it, [`refresh`] makes sure that the token will last, `attach`
//! puts it on the request, and takes it out of everything that comes back.
//!
//! The broker knows neither the sandbox nor the network: it reaches out by a [`sender::Sender`], and is told the time.
//! SQL stands in `store` modules only.

#![forbid(unsafe_code)]

pub mod attach;
mod broker;
pub mod connection;
pub mod error;
pub mod flow;
pub mod home;
pub mod hook;
pub mod limits;
pub mod migrations;
pub(crate) mod private_file;
pub(crate) mod probe;
pub mod provider;
mod random;
pub mod refresh;
pub mod secret;
pub mod sender;
pub mod session;
#[cfg(test)]
pub(crate) mod testing;
pub mod token;
pub mod vault;

pub use broker::{Broker, Parts};
pub use connection::{Caller, Connection, ConnectionId};
pub use error::Error;
pub use jackfield_db::clock;
pub use secret::Secret;
