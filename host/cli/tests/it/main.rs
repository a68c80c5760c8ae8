//! A registry served by the real binary, and what people do with it by the real binary: one file a story.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test that can't go on fails")]

mod accounts;
mod cassettes;
mod install;
mod kit;
mod publish;
mod resumed;
mod staged;
