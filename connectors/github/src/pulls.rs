//! Pull requests.

use jackfield_sdk::prelude::*;

use crate::{
    api,
    issues::{Label, State, User},
    listing::{Listing, Part, Single, get, walk},
};

/// A pull request. What a listing leaves out is null there.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub(crate) struct Pull {
    /// GitHub's own id.
    id: u64,
    /// Its number within the repository.
    number: u64,
    title: String,
    /// `open` or `closed`.
    state: String,
    #[serde(default)]
    draft: bool,
    /// Markdown.
    body: Option<String>,
    /// Who opened it; null if the account is gone.
    user: Option<User>,
    /// What is to be merged.
    head: Branch,
    /// Where to.
    base: Branch,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    requested_reviewers: Vec<User>,
    created_at: String,
    updated_at: String,
    closed_at: Option<String>,
    merged_at: Option<String>,
    /// The commit that merged it.
    merge_commit_sha: Option<String>,
    /// Only of a single pull request; null while GitHub still works it out.
    mergeable: Option<bool>,
    /// Only of a single pull request.
    merged: Option<bool>,
    /// Lines; only of a single pull request.
    additions: Option<u64>,
    /// Lines; only of a single pull request.
    deletions: Option<u64>,
    /// Only of a single pull request.
    changed_files: Option<u64>,
    html_url: String,
}

/// A branch and the commit at its end.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Branch {
    /// `owner:branch`
    label: Option<String>,
    /// The branch.
    r#ref: String,
    /// The commit.
    sha: String,
}

/// Input of `list-pulls`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListPulls {
    /// Whose repository.
    owner: String,
    /// The repository's name.
    repo: String,
    #[serde(default)]
    state: State,
    /// Only those into this branch.
    base: Option<String>,
    /// Only those from this branch: `owner:branch`.
    head: Option<String>,
    /// What an earlier call answered as `etag`.
    etag: Option<String>,
    #[serde(flatten)]
    part: Part,
}

/// Lists the pull requests of a repository, newest first.
#[operation(effect = "read", idempotent, title = "List pull requests", scopes = ["pull_requests:read"])]
pub(crate) fn list_pulls(input: ListPulls, context: &Context) -> Result<Listing<Pull>> {
    let request = Request::get(format!("{}/pulls", api::repository(&input.owner, &input.repo, context)?))
        .query("state", input.state.as_str())
        .query_opt("base", input.base)
        .query_opt("head", input.head);
    walk(request, &input.part, input.etag.as_deref(), |page| page.json())
}

/// Input of `get-pull`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetPull {
    /// Whose repository.
    owner: String,
    /// The repository's name.
    repo: String,
    /// The pull request's number.
    number: u64,
    /// What an earlier call answered as `etag`.
    etag: Option<String>,
}

/// Gets one pull request.
#[operation(effect = "read", idempotent, title = "Get a pull request", scopes = ["pull_requests:read"])]
pub(crate) fn get_pull(input: GetPull, context: &Context) -> Result<Single<Pull>> {
    let repository = api::repository(&input.owner, &input.repo, context)?;
    get(&format!("{repository}/pulls/{}", input.number), input.etag.as_deref())
}
