//! The registry through its routes, on both databases. One file a story.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../../../core/package/tests/common/mod.rs"]
mod components;
#[allow(dead_code)]
mod kit;

mod account_abuse;
mod account_keysets;
mod account_namespaces;
mod account_oidc;
mod account_sessions;
mod account_sign_in;
mod account_tokens;
mod crash;
mod crash_client;
mod evidence;
mod log;
mod log_crash;
mod log_rebuild;
mod log_witness;
mod oci_client;
mod oci_clients;
mod oci_conformance;
mod oci_connector;
mod oci_hostile;
mod oci_kit;
mod oci_suite;
mod oci_uploads;
mod opens;
mod publish_crash;
mod publish_fails_closed;
mod publish_hostile;
#[allow(dead_code)]
mod publish_kit;
mod publish_signers;
mod publish_stories;
mod publish_withdrawal;
mod read_memory;
mod read_openapi;
mod read_packages;
mod read_rows;
mod read_search;
mod refusals;
mod review_stories;
mod serve_slow;
mod status_advisories;
mod status_releases;
