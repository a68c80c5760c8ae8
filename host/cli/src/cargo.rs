//! Cargo, as a connector's build uses it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

use crate::error::{Failed, Kind};

/// What a connector is compiled to: a component of WASI 0.2, straight from the compiler.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// What `cargo build` left behind.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The component, without a manifest.
    pub(crate) component: PathBuf,
    /// Cargo's target directory, wherever CARGO_TARGET_DIR or a configuration file puts it.
    pub(crate) target_directory: PathBuf,
}

/// Compiles the crate in `folder`, with cargo's own progress and diagnostics on stderr.
pub(crate) fn build(folder: &Path, debug: bool, quiet: bool) -> Result<Compiled, Failed> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Failed::new(
            Kind::NotFound,
            "cargo-manifest-not-found",
            format!("there is no `{}`", manifest.display()),
        )
        .hint("`jackfield build` compiles connectors in Rust; check one in another language with `jackfield check`"));
    }
    let manifest = manifest
        .canonicalize()
        .map_err(|error| Failed::file(format!("cannot find `{}`", manifest.display()), &error))?;
    let metadata = Metadata::read(folder)?;
    let package = metadata.packages.iter().find(|package| package.manifest_path == manifest).ok_or_else(|| {
        Failed::new(Kind::Refused, "cargo-no-package", format!("`{}` has no [package]", manifest.display()))
            .hint("name the connector's own folder, not that of its workspace")
    })?;
    if !package.targets.iter().any(Target::is_component) {
        return Err(Failed::new(
            Kind::Refused,
            "cargo-no-cdylib",
            format!("`{}` makes no component", manifest.display()),
        )
        .hint("put this into it:\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]"));
    }
    require_target(folder)?;

    let mut cargo = cargo(folder);
    cargo.args(["build", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    cargo.arg("--manifest-path").arg(&manifest);
    if quiet {
        cargo.arg("--quiet");
    }
    if debug {
        // Backtraces need names, not line tables, which make a component twenty times as large.
        cargo.args(["--config", "profile.dev.strip=\"debuginfo\""]);
    } else {
        cargo.arg("--release");
    }
    // The same source gives the same bytes wherever it stands: no path of this machine gets into the component, and no
    // flags that are meant for other programs.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let flags: Vec<String> =
        remapped(&metadata, package).into_iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")).collect();
    let flags = serde_json::to_string(&flags).unwrap_or_default();
    cargo.arg("--config").arg(format!("target.{TARGET}.rustflags={flags}"));
    cargo.stdout(Stdio::piped()).stderr(Stdio::inherit());

    let output = cargo.output().map_err(|error| cannot_run("cargo", &error))?;
    if !output.status.success() {
        return Err(Failed::new(
            Kind::Refused,
            "compile-failed",
            format!("cargo could not compile `{}`", package.name),
        ));
    }
    let component = component_of(&output.stdout, &manifest).ok_or_else(|| {
        Failed::new(
            Kind::Refused,
            "compile-no-component",
            format!("cargo compiled `{}`, but made no component", package.name),
        )
    })?;
    Ok(Compiled { component, target_directory: metadata.target_directory })
}

/// Cargo, or the program that CARGO names, as cargo's own subcommands do it.
fn cargo(folder: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn cannot_run(program: &str, error: &std::io::Error) -> Failed {
    let failed = Failed::file(format!("cannot run `{program}`"), error);
    match error.kind() {
        std::io::ErrorKind::NotFound => failed.hint("install Rust: https://rustup.rs"),
        _ => failed,
    }
}

/// Without the target's standard library, cargo's complaint is one page for each dependency.
fn require_target(folder: &Path) -> Result<(), Failed> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let mut command = Command::new(rustc);
    command.current_dir(folder).stdin(Stdio::null()).args(["--print", "target-libdir", "--target", TARGET]);
    let output = command.output().map_err(|error| cannot_run("rustc", &error))?;
    let directory = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if output.status.success() && directory.is_dir() {
        return Ok(());
    }
    Err(Failed::new(Kind::NotFound, "compile-target-missing", format!("the Rust target `{TARGET}` is not installed"))
        .hint(format!("rustup target add {TARGET}")))
}

/// Which paths of this machine are replaced by which words: the crates of registries, and packages that are taken by path.
/// Cargo names what is within the workspace by relative paths. The list is the same for every project with these
/// dependencies, so that they can share what is compiled.
fn remapped(metadata: &Metadata, package: &Package) -> Vec<(String, String)> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
        let home = std::env::home_dir()?;
        Some(home.join(".cargo"))
    });
    let mut remapped = Vec::new();
    if let Some(home) = home {
        remapped.push((home, "/cargo".to_owned()));
    }
    for dependency in &package.dependencies {
        if let Some(path) = &dependency.path
            && !path.starts_with(&metadata.workspace_root)
        {
            remapped.push((path.clone(), format!("/{}", dependency.name)));
        }
    }
    remapped.into_iter().filter_map(|(from, to)| Some((from.into_os_string().into_string().ok()?, to))).collect()
}

/// The component among cargo's messages, one JSON object a line.
fn component_of(messages: &[u8], manifest: &Path) -> Option<PathBuf> {
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| message.manifest_path.as_deref() == Some(manifest))
        .filter(|message| message.target.as_ref().is_some_and(Target::is_component))
        .flat_map(|message| message.filenames)
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

/// The part of `cargo metadata` that is looked at. Cargo adds keys, so unknown ones are let be.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    path: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

impl Target {
    fn is_component(&self) -> bool {
        self.crate_types.iter().any(|crate_type| crate_type == "cdylib")
    }
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

impl Metadata {
    fn read(folder: &Path) -> Result<Self, Failed> {
        let mut cargo = cargo(folder);
        let output = cargo
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .map_err(|error| cannot_run("cargo", &error))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim().strip_prefix("error: ").unwrap_or(said.trim());
            let message = format!("cargo cannot read the project in `{}`: {said}", folder.display());
            return Err(Failed::new(Kind::Refused, "cargo-manifest-malformed", message));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| {
            Failed::new(Kind::Fault, "cargo-metadata-unknown", format!("cargo's metadata makes no sense: {error}"))
        })
    }
}
