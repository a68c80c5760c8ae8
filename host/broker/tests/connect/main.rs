#![allow(clippy::unwrap_used, reason = "a test fails by it")]
//! Accounts are connected: the catalogue, every flow, and the pages a person sees, against fakes and a certified provider.

mod catalogue;
mod flows;
mod kit;
mod provider;
mod sessions;
