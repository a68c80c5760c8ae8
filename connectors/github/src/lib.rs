//! Issues and pull requests of GitHub repositories. The token is attached by the host, outside the sandbox.

mod api;
mod issues;
mod listing;
mod pulls;

use jackfield_sdk::prelude::*;

connector!(
    issues::list_issues,
    issues::get_issue,
    issues::create_issue,
    issues::search_issues,
    pulls::list_pulls,
    pulls::get_pull,
);
