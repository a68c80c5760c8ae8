//! What the commands need beyond Rust: installed where that is a matter of seconds, explained where it is not.

use crate::{
    Failure,
    run::{command, run, target, works},
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

/// A Python with securesystemslib, which checks that signatures are what others take them for. None where there is no Python.
pub(crate) fn python() -> Result<Option<std::path::PathBuf>, Failure> {
    let venv = target().join("python");
    let python = venv.join("bin/python");
    if works(command(&python).args(["-c", "import securesystemslib, cryptography"])) {
        return Ok(Some(python));
    }
    if !works(command("python3").args(["-c", "import venv, ensurepip"])) {
        return Ok(None);
    }
    std::fs::create_dir_all(target())?;
    run(command("python3").args(["-m", "venv"]).arg(&venv))?;
    run(command(&python).args(["-m", "pip", "install", "--quiet", "securesystemslib[crypto]==1.6.0"]))?;
    Ok(Some(python))
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
