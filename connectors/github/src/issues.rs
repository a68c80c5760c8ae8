//! Issues.

use jackfield_sdk::prelude::*;

use crate::{
    api,
    listing::{Listing, Part, Single, get, walk},
};

/// An issue; a pull request is one too, to GitHub.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub(crate) struct Issue {
    /// GitHub's own id.
    id: u64,
    /// Its number within the repository.
    number: u64,
    title: String,
    /// `open` or `closed`.
    state: String,
    /// Why it was closed, such as `completed` or `not_planned`.
    state_reason: Option<String>,
    /// Markdown.
    body: Option<String>,
    /// Who opened it; null if the account is gone.
    user: Option<User>,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    assignees: Vec<User>,
    milestone: Option<Milestone>,
    #[serde(default)]
    locked: bool,
    #[serde(default)]
    comments: u64,
    created_at: String,
    updated_at: String,
    closed_at: Option<String>,
    html_url: String,
    /// The pull request that this issue is, if it is one.
    pull_request: Option<PullLink>,
}

/// An account.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub(crate) struct User {
    login: String,
    id: u64,
    html_url: String,
}

/// A label.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub(crate) struct Label {
    name: String,
    color: Option<String>,
    description: Option<String>,
}

/// A milestone.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub(crate) struct Milestone {
    number: u64,
    title: String,
    state: String,
    due_on: Option<String>,
}

/// Where the pull request that an issue is can be seen.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct PullLink {
    html_url: Option<String>,
    merged_at: Option<String>,
}

/// Which are wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    #[default]
    Open,
    Closed,
    All,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::All => "all",
        }
    }
}

/// Input of `list-issues`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListIssues {
    /// Whose repository.
    owner: String,
    /// The repository's name.
    repo: String,
    #[serde(default)]
    state: State,
    /// Only those with all of these labels.
    #[serde(default)]
    labels: Vec<String>,
    /// Only those assigned to this account; `none` or `*` for none or any.
    assignee: Option<String>,
    /// Only those updated at or after this time (RFC 3339).
    since: Option<String>,
    /// Whether pull requests are listed too.
    #[serde(default)]
    include_pulls: bool,
    /// What an earlier call answered as `etag`.
    etag: Option<String>,
    #[serde(flatten)]
    part: Part,
}

/// Lists the issues of a repository, newest first.
#[operation(effect = "read", idempotent, scopes = ["issues:read"])]
pub(crate) fn list_issues(input: ListIssues, context: &Context) -> Result<Listing<Issue>> {
    let labels = Some(input.labels.join(",")).filter(|labels| !labels.is_empty());
    let request = Request::get(format!("{}/issues", api::repository(&input.owner, &input.repo, context)?))
        .query("state", input.state.as_str())
        .query_opt("labels", labels)
        .query_opt("assignee", input.assignee)
        .query_opt("since", input.since);
    let mut found = walk(request, &input.part, input.etag.as_deref(), |page| page.json::<Vec<Issue>>())?;
    if !input.include_pulls {
        found.items.retain(|issue| issue.pull_request.is_none());
    }
    Ok(found)
}

/// Input of `get-issue`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetIssue {
    /// Whose repository.
    owner: String,
    /// The repository's name.
    repo: String,
    /// The issue's number.
    number: u64,
    /// What an earlier call answered as `etag`.
    etag: Option<String>,
}

/// Gets one issue.
#[operation(effect = "read", idempotent, scopes = ["issues:read"])]
pub(crate) fn get_issue(input: GetIssue, context: &Context) -> Result<Single<Issue>> {
    let repository = api::repository(&input.owner, &input.repo, context)?;
    get(&format!("{repository}/issues/{}", input.number), input.etag.as_deref())
}

/// Input of `create-issue`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateIssue {
    /// Whose repository.
    owner: String,
    /// The repository's name.
    repo: String,
    #[schemars(length(min = 1))]
    title: String,
    /// Markdown.
    body: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    /// Logins of accounts.
    #[serde(default)]
    assignees: Vec<String>,
    /// A milestone's number.
    milestone: Option<u64>,
}

/// What GitHub takes.
#[derive(Serialize)]
struct NewIssue<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    labels: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    assignees: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    milestone: Option<u64>,
}

/// Opens an issue. GitHub knows no idempotency key: doing it twice opens two.
#[operation(effect = "write", scopes = ["issues:write"])]
pub(crate) fn create_issue(input: CreateIssue, context: &Context) -> Result<Issue> {
    let repository = api::repository(&input.owner, &input.repo, context)?;
    let new = NewIssue {
        title: &input.title,
        body: input.body.as_deref(),
        labels: &input.labels,
        assignees: &input.assignees,
        milestone: input.milestone,
    };
    api::check(api::headers(Request::post(format!("{repository}/issues"))).json(&new).send()?)?.json()
}

/// Input of `search-issues`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchIssues {
    /// As in GitHub's search box: `repo:owner/name is:issue is:open label:bug crash`.
    #[schemars(length(min = 1, max = 256))]
    query: String,
    #[serde(flatten)]
    part: Part,
}

/// Output of `search-issues`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Search {
    /// How many there are in all; GitHub gives the first 1 000.
    total_count: u64,
    /// Whether GitHub gave up before it had looked everywhere.
    incomplete_results: bool,
    #[serde(flatten)]
    listing: Listing<Issue>,
}

#[derive(Deserialize)]
struct SearchPage {
    total_count: u64,
    incomplete_results: bool,
    items: Vec<Issue>,
}

/// Searches issues and pull requests over all of GitHub that the account may see, best match first.
#[operation(effect = "read", idempotent, scopes = ["issues:read"])]
pub(crate) fn search_issues(input: SearchIssues, context: &Context) -> Result<Search> {
    let request = Request::get(format!("{}/search/issues", api::base(context)?)).query("q", &input.query);
    let (mut total_count, mut incomplete_results) = (0, false);
    let listing = walk(request, &input.part, None, |page| {
        let page: SearchPage = page.json()?;
        total_count = page.total_count;
        incomplete_results |= page.incomplete_results;
        Ok(page.items)
    })?;
    Ok(Search { total_count, incomplete_results, listing })
}
