//! What stands around every HTTP service of Jackfield, so that all of them say no in the same words.
//!
//! A [`Problem`] is a no, as RFC 9457 wants it. [`body::Body`] reads a request's JSON strictly, and so do [`uri::Path`] and
//! [`uri::Query`] what stands in its address. [`guard::guarded`] stands around a
//! whole router: how often somebody may ask, how long an answer may take, how much may come in, and what a browser is told.
//! [`serve::serve`] is the port; [`openapi`] says what is behind it. What the services themselves do, this crate does not know.

#![forbid(unsafe_code)]

pub mod body;
mod gauge;
pub mod guard;
pub mod ids;
pub mod limits;
pub mod openapi;
pub mod peer;
pub mod problem;
pub mod rate;
pub mod serve;
pub mod tls;
mod unread;
pub mod uri;

pub use jackfield_db::clock;
pub use problem::Problem;
