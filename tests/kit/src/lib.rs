//! What tests stand on.
//!
//! A test is a story: [`TestHost`] with a builder line for what is installed, an invocation, and an assertion on what a
//! user sees. What the guest does is one of the [`programs`]; whom it talks to is an [`HttpServer`] on loopback that keeps
//! every byte it was sent; what names mean is a [`FakeResolver`]'s word.

pub mod canary;
pub mod host;
pub mod package;
pub mod people;
pub mod programs;
pub mod resolver;
pub mod server;
pub mod tls;

pub use canary::Canaries;
pub use host::{Installed, Installing, TestHost};
pub use package::{PackageBuilder, publisher, trust};
pub use people::{Browser, OpenIdProvider};
pub use resolver::FakeResolver;
pub use server::{HttpServer, Received, Reply};
pub use tls::Authority;
