//! Runs connectors: third-party code that this process does not trust, each call in a sandbox of its own.
//!
//! The words: an [`Installation`] is a release pinned by digest, with a [`Grant`](grant::Grant) of what it may do. An
//! [`Invocation`] is one call of one of its operations; its [`Outcome`] is a result or a [`Failure`], with a [`Bill`] and the
//! [`Denial`]s on the way.
//!
//! The path of a call, top down: [`Host::invoke`] finds the installation and authorises (`live`), waits for a turn, has the code
//! loaded (`compiled`), makes a fresh instance (`call`, on an engine of `engine`), and enters it. What the guest asks for comes back
//! through `bindings`: files to `files`, lines to `log`, and requests to [`egress`], which judges each against grant ∩ manifest,
//! resolves, classifies every address, attaches the credential and sends. The instance is dropped; the bill stays.
//!
//! ```no_run
//! # async fn example(verified: jackfield_package::Verified) -> Result<(), Box<dyn std::error::Error>> {
//! use jackfield_host::{Host, Invocation, grant::Grant};
//!
//! let host = Host::builder().home("/var/lib/jackfield").build()?;
//! let grant = Grant::all_of(verified.package().manifest());
//! let installation = host.install(verified, &[], grant).await?;
//! let outcome = host.invoke(&installation.name, Invocation::new("greet", r#"{"name":"Ada"}"#)).await;
//! println!("{} for {} units of fuel", outcome.result?, outcome.bill.fuel);
//! # Ok(()) }
//! ```

pub mod bill;
mod bindings;
mod broker;
mod call;
mod compiled;
mod credentials;
pub mod denial;
pub mod egress;
mod engine;
mod error;
pub mod failure;
mod files;
pub mod grant;
mod home;
mod hook;
mod host;
mod installation;
mod invocation;
pub mod limits;
mod live;
mod log;
mod memory;
mod usage;

pub use bill::Bill;
pub use broker::provider_network;
pub use compiled::{Compiler, compile_in_child};
pub use denial::Denial;
pub use engine::Engines;
pub use error::Error;
pub use failure::Failure;
pub use files::{FileSource, OutputFile};
pub use host::{Host, HostBuilder};
pub use installation::Installation;
pub use invocation::{Invocation, Outcome};
pub use log::{Level, LogLine, LogSink};
pub use usage::Usage;
