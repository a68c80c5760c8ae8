//! Every test, the lints, and the benches.

use crate::{
    Failure, need,
    run::{cargo, command, jackfield, root, run, target, works},
    web,
};

/// Every test there is.
pub(crate) fn test() -> Result<(), Failure> {
    need::wasm_target()?;
    let python = need::python()?;
    if python.is_none() {
        need::missing(
            "Python 3 with venv",
            "signatures are not checked by securesystemslib, nor the server by schemathesis, nor metrics by Prometheus' parser",
            "install python3-venv, then run this again",
        );
    }
    let openssl = works(command("openssl").arg("version"));
    if !openssl {
        need::missing("openssl", "keys and signatures are not checked by it", "install openssl 3, then run this again");
    }

    let curl = works(command("curl").arg("--version"));
    if !curl {
        need::missing("curl", "examples/call/shell.sh is not run", "apt-get install curl, then run this again");
    }
    let node = need::node()?;
    if node.is_none() {
        need::missing("Node and npm", "log proofs are not checked by @sigstore/verify", "install node 20, npm");
    }
    let agents = need::agents()?;
    let providers = need::providers()?;
    if providers.is_none() {
        need::missing("Node and npm", "no flow is tried against a certified OpenID provider", "install node 20, npm");
    }
    let chromium = need::chromium();
    if chromium.is_none() {
        need::missing(
            "Chromium",
            "nobody signs in at a provider by a real browser",
            "apt-get install chromium, then run this again",
        );
    }
    let go = need::go(python.as_deref())?;
    if go.is_none() {
        need::missing("Go from PyPI", "log proofs are not checked by Go's note and tlog", "install python3-venv");
    }

    let skopeo = works(command("skopeo").arg("--version"));
    if !skopeo {
        need::missing(
            "skopeo",
            "nothing is fetched from the registry with it",
            "apt-get install skopeo, then run this again",
        );
    }
    let wkg = works(command("wkg").arg("--version"));
    if !wkg {
        need::missing(
            "wkg",
            "nothing is fetched from the registry and published to it with wkg",
            "cargo install wkg (some ten minutes), then run this again",
        );
    }
    // More than a gigabyte and minutes: it is not installed by itself.
    let n8n = std::env::var_os("JACKFIELD_TEST_N8N").unwrap_or_else(|| "n8n".into());
    let has_n8n = works(command(&n8n).arg("--version"));
    if !has_n8n {
        need::missing(
            "n8n",
            "examples/n8n/workflow.json is not run",
            "npm install --global n8n@1.123.0 (for Node 20), or name the program in JACKFIELD_TEST_N8N, then run this again",
        );
    }
    let postgres = need::postgres();
    if !postgres {
        need::missing(
            "PostgreSQL",
            "the registry is tested on SQLite only",
            "apt-get install postgresql, then run this again",
        );
    }

    // First of all: a slip in them is found in seconds, not after every other test.
    let pages = web::build()?;
    if pages {
        web::check()?;
    }

    // The tests that run other people's verifiers fail without them, unless told that they are missing.
    let told = |command: &mut std::process::Command| {
        match &python {
            Some(python) => command.env("JACKFIELD_TEST_PYTHON", python),
            None => command.env("JACKFIELD_TEST_WITHOUT_PYTHON", "1"),
        };
        match &node {
            Some(folder) => command.env("JACKFIELD_TEST_NODE", folder),
            None => command.env("JACKFIELD_TEST_WITHOUT_NODE", "1"),
        };
        match &providers {
            Some(folder) => command.env("JACKFIELD_TEST_PROVIDERS", folder),
            None => command.env("JACKFIELD_TEST_WITHOUT_NODE", "1"),
        };
        match &agents {
            Some(folder) => command.env("JACKFIELD_TEST_AGENTS", folder),
            None => command.env("JACKFIELD_TEST_WITHOUT_NODE", "1"),
        };
        match &chromium {
            Some(program) => command.env("JACKFIELD_TEST_CHROMIUM", program),
            None => command.env("JACKFIELD_TEST_WITHOUT_CHROMIUM", "1"),
        };
        match &go {
            Some(program) => command.env("JACKFIELD_TEST_GO", program),
            None => command.env("JACKFIELD_TEST_WITHOUT_GO", "1"),
        };
        if has_n8n {
            command.env("JACKFIELD_TEST_N8N", &n8n);
        } else {
            command.env("JACKFIELD_TEST_WITHOUT_N8N", "1");
        }
        if !openssl {
            command.env("JACKFIELD_TEST_WITHOUT_OPENSSL", "1");
        }
        if !curl {
            command.env("JACKFIELD_TEST_WITHOUT_CURL", "1");
        }
        if !skopeo {
            command.env("JACKFIELD_TEST_WITHOUT_SKOPEO", "1");
        }
        if !wkg {
            command.env("JACKFIELD_TEST_WITHOUT_WKG", "1");
        }
        if !postgres {
            command.env("JACKFIELD_TEST_WITHOUT_POSTGRES", "1");
        }
    };
    let mut tests = if works(cargo(&["nextest", "--version"]).current_dir(root())) {
        cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])
    } else {
        cargo(&["test", "--workspace", "--locked", "--no-fail-fast", "--all-targets"])
    };
    told(&mut tests);
    run(&mut tests)?;
    let mut docs = cargo(&["test", "--doc", "--workspace", "--locked"]);
    run(&mut docs)?;
    // The connectors: their logic natively, and their cassettes in the sandbox.
    run(cargo(&["test", "--locked"]).current_dir(root().join("connectors")))?;
    run(&mut jackfield())?;
    for connector in ["connectors/csv", "connectors/github", "connectors/http"] {
        run(command(target().join("debug/jackfield")).args(["test", connector]))?;
    }
    if let (true, Some(chromium), Some(providers)) = (pages, &chromium, &providers) {
        web::stories(chromium, providers)?;
    }
    Ok(())
}

/// Formatting and lints, of hosts and of guests.
pub(crate) fn check() -> Result<(), Failure> {
    need::wasm_target()?;
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))?;
    let connectors = root().join("connectors");
    run(cargo(&["fmt", "--all", "--check"]).current_dir(&connectors))?;
    let guests = ["clippy", "--locked", "--target", "wasm32-wasip2", "--", "-D", "warnings"];
    run(cargo(&guests).current_dir(&connectors))
}

/// The benches: ratios within one run.
pub(crate) fn bench(peers: bool) -> Result<(), Failure> {
    need::wasm_target()?;
    let packages = ["jackfield-tests", "jackfield-registry", "jackfield"].map(|name| ["--package", name]).concat();
    run(&mut cargo(&[&["bench", "--locked"], &packages[..]].concat()))?;
    if peers {
        run(cargo(&["bench", "--locked"]).current_dir(root().join("tests/peers")))?;
    }
    Ok(())
}
