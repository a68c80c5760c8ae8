//! The project's own commands.
//!
//! ```console
//! $ cargo xtask demo      # the main job on real input, embedded defaults; ends by itself
//! $ cargo xtask serve     # a registry with connectors in it, its pages and a workspace; until Ctrl-C
//! $ cargo xtask test      # every test; installs or explains what it needs
//! $ cargo xtask check     # formatting and lints
//! $ cargo xtask bench     # ratios, side by side; --peers adds other people's runtimes
//! ```

mod demo;
mod http;
mod need;
mod person;
mod provider;
mod registry;
mod run;
mod serve;
mod server;
mod service;
mod test;
mod web;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

Commands:
  demo           Build, sign, verify, install and invoke the connectors on real input
  serve          Serve a registry with connectors in it, its pages and a workspace, until Ctrl-C
  test           Run every test
  check          Formatting and lints
  bench [--peers]  Print ratios, side by side; --peers builds other runtimes too (minutes)
";

/// Why a command ended early, for a person.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["demo"] => demo::demo(),
        ["serve"] => serve::serve(),
        ["test"] => test::test(),
        ["check"] => test::check(),
        ["bench"] => test::bench(false),
        ["bench", "--peers"] => test::bench(true),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
