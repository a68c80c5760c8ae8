//! The marketplace's pages: built before the command, which shows them, and lived in by people with a real browser.

use std::path::{Path, PathBuf};

use crate::{
    Failure,
    need::{missing, npm_packages},
    run::{command, root, run, target},
};

/// Builds the pages, so that the command is built with them in it. Without Node it shows one page that says how to have them;
/// whether there is Node.
pub(crate) fn build() -> Result<bool, Failure> {
    let pages = root().join("marketplace-web");
    if !npm_packages(&pages)? {
        missing("Node and npm", "the command shows no pages of the marketplace", "install node 20, npm");
        return Ok(false);
    }
    run(command("npm").args(["run", "--silent", "build"]).current_dir(&pages))?;
    Ok(true)
}

/// Types, and the verifier on the vectors that Rust reads.
pub(crate) fn check() -> Result<(), Failure> {
    let pages = root().join("marketplace-web");
    run(command("npm").args(["run", "--silent", "check"]).current_dir(&pages))?;
    run(command("npm").args(["test", "--silent"]).current_dir(&pages))
}

/// The stories, against the command with its pages in it. The connectors stand where their own tests have left them.
pub(crate) fn stories(chromium: &Path, providers: &Path) -> Result<(), Failure> {
    let stories: PathBuf = root().join("tests/e2e");
    npm_packages(&stories)?;
    let mut told = command("npm");
    told.args(["test", "--silent"]).current_dir(&stories);
    told.env("JACKFIELD_TEST_BINARY", target().join("debug/jackfield"));
    told.env("JACKFIELD_TEST_CONNECTORS", target().join("jackfield"));
    told.env("JACKFIELD_TEST_MOUNTED", "1");
    told.env("JACKFIELD_TEST_CHROMIUM", chromium);
    told.env("JACKFIELD_TEST_PROVIDERS", providers);
    run(&mut told)
}
