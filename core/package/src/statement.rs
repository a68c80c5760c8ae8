//! Statements: everything that is signed is one of these.
//!
//! A statement is JSON in the in-toto Statement v1 form ([`publish`]), signed in a DSSE v1 envelope ([`dsse`]), and
//! carried in a Sigstore bundle v0.3 ([`bundle`]) beside the component: `<component>.wasm.sigstore.json`.

pub mod bundle;
pub mod dsse;
pub mod publish;

pub use bundle::{BUNDLE_MEDIA_TYPE, Bundle, bundle_file_name};
pub use dsse::{PAYLOAD_TYPE, pae};
pub use publish::{PUBLISH_PREDICATE_TYPE, PublishStatement, STATEMENT_TYPE};

use crate::{Package, key::SigningKey};

/// Signs that the key's owner publishes this package, for any registry and without a predecessor. For more, fill in a
/// [`PublishStatement`] and call [`PublishStatement::sign`].
pub fn sign_publish(package: &Package, key: &SigningKey) -> Bundle {
    PublishStatement::of(package).sign(key)
}
