//! Admission: whether a release that a registry offers may be installed here.
//!
//! Nobody is believed for being asked: the registry's *index* says what there is ([`resolve()`]), and for one release of it
//! the *evidence* ([`evidence`]) must show that its publisher signed it with keys of the namespace ([`keys`]), that all of
//! this stands in the one log that everybody sees ([`history`]), that the registry checked it, that nobody took it back
//! since, and that it meets this host's [`policy`] ([`admit()`]). The last thing made is a [`crate::Verified`].
//! Of a release that was taken back, [`taken_back()`] says by whom and why.
//!
//! Everything is pure: bytes, policy, what was seen before and the time go in; steps, a verdict and, where the registry lied,
//! evidence of that come out.

pub mod admit;
pub mod evidence;
pub mod history;
pub mod keys;
pub mod lock;
pub mod policy;
pub mod resolve;
pub mod taken_back;

pub use admit::{Admission, Admitted, Context, Offer, admit};
pub use evidence::{Evidence, Logged};
pub use history::{EvidenceOfMisbehaviour, Misbehaviour, Seen};
pub use lock::{Lock, LockedPackage};
pub use policy::{HostPolicy, KeysetPin, TrustedRegistry, WhenRevoked};
pub use resolve::{Query, Resolution, Resolved, Waiting, resolve};
pub use taken_back::{TakenBack, taken_back};
