//! A connector that acts in somebody's name and never sees by what: it sends plain requests, and the host attaches the account
//! that an admin has connected.

use jackfield_sdk::prelude::*;

/// The installation's settings.
#[derive(Deserialize)]
struct Config {
    host: String,
    #[serde(default = "https_port")]
    port: u16,
}

fn https_port() -> u16 {
    443
}

/// A repository, as in `host/owner/repo`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Repository {
    owner: String,
    repo: String,
}

/// What is open there.
#[derive(Serialize, JsonSchema)]
struct Issues {
    issues: Vec<Issue>,
}

/// An issue.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Issue {
    number: u64,
    title: String,
}

/// Nothing to say.
#[derive(Deserialize, JsonSchema)]
struct Nothing {}

/// Whose account it is.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Account {
    login: String,
}

/// Lists the open issues of a repository.
#[operation(effect = "read", idempotent)]
fn list_issues(input: Repository, context: &Context) -> Result<Issues> {
    for (field, name) in [("owner", &input.owner), ("repo", &input.repo)] {
        let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || !name.chars().all(known) || name.starts_with('.') {
            return Err(Error::invalid_input(format!("{field}: `{}` is no name", name.escape_debug())));
        }
    }
    Ok(Issues { issues: get(&format!("/repos/{}/{}/issues", input.owner, input.repo), context)? })
}

/// Says whose account is connected.
#[operation(effect = "read", idempotent)]
fn who_am_i(_: Nothing, context: &Context) -> Result<Account> {
    get("/user", context)
}

fn get<T: serde::de::DeserializeOwned>(path: &str, context: &Context) -> Result<T> {
    let Config { host, port } = context.config()?;
    Request::get(format!("https://{host}:{port}{path}")).send()?.error_for_status()?.json()
}

connector!(list_issues, who_am_i);
