//! Admission: one good release, and each way of lying about it, with the code that says so.
#![allow(unreachable_pub, reason = "one world for all stories")]

#[path = "../common/mod.rs"]
mod common;
mod world;

mod admitted;
mod log;
mod said;
