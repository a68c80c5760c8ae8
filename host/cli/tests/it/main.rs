//! A registry served by the real binary, and what people do with it by the real binary: one file a story.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test that can't go on fails")]

mod accounts;
mod advisories;
mod agents;
mod audits;
mod backup;
mod called;
mod canary;
mod cassettes;
mod conformance;
mod contract;
mod crash;
mod full_disk;
mod github;
mod home;
mod install;
mod killed;
mod kit;
mod log;
mod n8n;
mod publish;
mod read_openapi;
mod resumed;
mod reviews;
mod search;
mod staged;
mod standing;
mod telemetry;
mod tls;
mod tried;
mod vault;
mod withdrawals;
mod workspaces;

#[allow(dead_code)]
#[path = "../../../../registry/tests/it/oci_client.rs"]
mod oci_client;
#[path = "../../../../registry/tests/it/oci_suite/mod.rs"]
mod oci_suite;
