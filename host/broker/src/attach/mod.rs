//! Putting a credential on a request, outside the sandbox, and taking it out of everything that comes back.
//!
//! A [`Binding`] says which credential goes where; it holds no secret, only where one is: the path of a file, or the id of a
//! connection. For each request the secret is got anew, so that one which has rotated is in force at once, and
//! [`Attached`] carries it through that one exchange: onto the request once TLS stands, and then over what comes back.
//!
//! What is blotted out are the forms in which the secret was sent, and those in which services commonly repeat it: plain,
//! percent-encoded, escaped as JSON, in base64 of whatever it is a part of, a signature. A service that transforms it otherwise (hashes
//! it, reverses it, gives it out in pieces) gets past this net, but for one that compresses its answer unasked, which the host does
//! not pass on; the first line of defence is that a credential only ever goes to the hosts
//! which its manifest entry names and the admin granted.

mod attached;
mod binding;
mod blot;
mod file;
mod load;
mod query;
mod sign;
#[cfg(test)]
mod tests;

pub(crate) use attached::as_base64;
pub use attached::{Attached, NotAttached};
pub use binding::{Binding, Place, Source};
pub use blot::StreamCleaner;
pub use query::decode_query;
