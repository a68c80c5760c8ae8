//! The invariants of ARCHITECTURE.md that a machine can check: who may depend on whom, and what stands where.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Normal dependencies of a crate of the workspace, its own crates' dependencies included.
fn dependencies_of(package: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package", package])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let lines = String::from_utf8(tree.stdout).unwrap();
    lines.lines().filter_map(|line| line.split(' ').next()).map(ToOwned::to_owned).collect()
}

/// Every Rust file below a folder of the checkout, generated and built ones aside.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.file_name().and_then(|name| name.to_str()).unwrap() {
                "target" | "vendor" | "node_modules" => {}
                _ if path.is_dir() => folders.push(path),
                name if name.ends_with(".rs") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

#[test]
fn packages_are_read_without_a_runtime_a_network_or_a_clock() {
    let dependencies = dependencies_of("jackfield-package");
    assert!(dependencies.contains("ed25519-dalek"), "the listing works");
    for absent in
        ["tokio", "wasmtime", "wit-component", "reqwest", "hyper", "rustls", "tempfile", "jackfield-host", "jackfield"]
    {
        assert!(!dependencies.contains(absent), "core/package must not depend on {absent}");
    }
    for file in rust_files("core/package/src") {
        let text = fs::read_to_string(&file).unwrap();
        for absent in [
            "std::fs",
            "TcpStream",
            "UdpSocket",
            "ToSocketAddrs",
            "std::process",
            "SystemTime",
            "Instant::now",
            "getrandom",
        ] {
            assert!(!text.contains(absent), "{} must not use {absent}", file.display());
        }
    }
}

#[test]
fn one_file_makes_what_a_host_installs() {
    for folder in ["core", "host", "registry"] {
        for file in rust_files(folder) {
            let text = fs::read_to_string(&file).unwrap();
            let makes = text.contains("Self { package: package.clone(), signer")
                || text.contains("Verified {\n        package");
            let defines = text.contains("struct Verified");
            let is_the_file = file.ends_with("core/package/src/verify.rs");
            assert_eq!((makes, defines), (is_the_file, is_the_file), "{}", file.display());
        }
    }
    // Outside its crate nobody can, since its fields are private; inside, one function does.
    let text = fs::read_to_string(root().join("core/package/src/verify.rs")).unwrap();
    assert_eq!(text.matches("Self { package: package.clone(), signer").count(), 1);
    assert!(text.contains("pub struct Verified {\n    package: Package,\n    signer: KeyId,"), "private fields");
}

#[test]
fn arrows_point_one_way() {
    let host = dependencies_of("jackfield-host");
    assert!(host.contains("jackfield-package"));
    for absent in ["jackfield", "jackfield-sdk", "jackfield-test-kit", "clap"] {
        assert!(!host.contains(absent), "host must not depend on {absent}");
    }
    assert!(!host.contains("jackfield-registry"), "host must not depend on the registry");
    let broker = dependencies_of("jackfield-broker");
    assert!(broker.contains("jackfield-db"), "the listing works");
    for absent in ["wasmtime", "jackfield-host", "jackfield-registry", "jackfield", "clap", "reqwest"] {
        assert!(!broker.contains(absent), "host/broker must not depend on {absent}: it is handed what it needs");
    }
    let registry = dependencies_of("jackfield-registry");
    assert!(registry.contains("sqlx"), "the listing works");
    for absent in ["wasmtime", "cranelift-codegen", "wit-component", "jackfield-host", "jackfield", "clap"] {
        assert!(!registry.contains(absent), "registry must not depend on {absent}: what needs a sandbox is handed in");
    }
    let workspace = dependencies_of("jackfield-workspace");
    assert!(workspace.contains("jackfield-host"), "the listing works");
    for absent in ["jackfield-registry", "jackfield", "clap"] {
        assert!(
            !workspace.contains(absent),
            "host/workspace must not depend on {absent}: accounts and releases are handed in"
        );
    }
    let server = dependencies_of("jackfield-server");
    for absent in ["jackfield-registry", "jackfield-workspace", "jackfield-host", "jackfield-broker"] {
        assert!(!server.contains(absent), "core/server must not depend on {absent}: it knows no service");
    }
    let db = dependencies_of("jackfield-db");
    for absent in ["jackfield-package", "jackfield-registry", "axum"] {
        assert!(!db.contains(absent), "core/db must not depend on {absent}");
    }
    let command = dependencies_of("jackfield");
    for absent in ["jackfield-sdk", "jackfield-test-kit"] {
        assert!(!command.contains(absent), "host/cli must not depend on {absent}");
    }
    let sdk = dependencies_of("jackfield-sdk");
    for absent in ["jackfield-package", "jackfield-host", "tokio"] {
        assert!(!sdk.contains(absent), "sdk/rust must not depend on {absent}");
    }
}

#[test]
fn the_default_sender_of_wasmtime_is_not_compiled_in() {
    let features = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges", "normal,features", "--prefix", "none", "--package", "jackfield"])
        .current_dir(root())
        .output()
        .unwrap();
    let features = String::from_utf8(features.stdout).unwrap();
    assert!(features.contains("wasmtime-wasi-http"), "the listing works");
    assert!(!features.contains("default-send-request"), "egress must have one way out");
}

#[test]
fn unsafe_code_stands_in_one_file() {
    let mut where_it_stands = Vec::new();
    for folder in ["core", "host", "registry", "sdk", "connectors", "examples", "tests", "xtask"] {
        for file in rust_files(folder) {
            let text = fs::read_to_string(&file).unwrap();
            // In two pieces, or this file would be found.
            if text.contains(concat!("un", "safe {"))
                || text.contains(concat!("un", "safe impl"))
                || text.contains(concat!("un", "safe fn"))
            {
                where_it_stands.push(file.strip_prefix(root()).unwrap().display().to_string());
            }
        }
    }
    where_it_stands.retain(|file| !file.starts_with("tests/programs/") && !file.starts_with("tests/peers/"));
    assert_eq!(where_it_stands, ["host/src/compiled.rs"]);
}

#[test]
fn a_secret_is_defined_where_it_is_kept() {
    for file in rust_files("host") {
        let text = fs::read_to_string(&file).unwrap();
        let is_its_home = file.ends_with("host/broker/src/secret.rs");
        assert_eq!(text.contains("struct Secret("), is_its_home, "{}", file.display());
        if !file.starts_with(root().join("host/broker")) {
            assert!(!text.contains(".expose"), "{} looks into a secret", file.display());
        }
    }
    let text = fs::read_to_string(root().join("host/broker/src/secret.rs")).unwrap();
    assert!(!text.contains("pub fn expose"), "nobody outside looks into a secret");
    let definition = text.split("struct Secret(").next().unwrap();
    let attributes = definition.rsplit("\n\n").next().unwrap();
    assert!(!attributes.contains("derive"), "a secret derives nothing: {attributes}");
    for absent in ["Debug for Secret", "Display for Secret", "Serialize for Secret"] {
        assert!(!text.contains(absent), "a secret has no {absent}");
    }
}

#[test]
fn guests_and_hosts_share_no_workspace() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let members: Vec<_> =
        metadata["packages"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert!(members.contains(&"jackfield-host"));
    for absent in ["jackfield-csv", "jackfield-http", "jackfield-github", "program", "misbehave", "issues"] {
        assert!(!members.contains(&absent), "{absent} must not be a member of the hosts' workspace");
    }
}

#[test]
fn sql_stands_in_stores() {
    for file in ["registry/src", "host"].map(rust_files).concat() {
        let text = fs::read_to_string(&file).unwrap();
        // A test may tamper with rows behind a store's back.
        let is_store = file.ends_with("tests.rs")
            || file.components().any(|part| part.as_os_str().to_string_lossy().starts_with("store"));
        assert!(is_store || !text.contains("sqlx::"), "{} runs SQL, and is no store", file.display());
    }
}

#[test]
fn registry_broker_and_workspaces_are_told_the_time() {
    for file in ["registry/src", "host/broker/src", "host/workspace/src"].map(rust_files).concat() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("SystemTime::now"), "{} looks at the machine's clock", file.display());
    }
}

/// All pages on errors.
fn documented_codes() -> String {
    let pages = ["README.md", "host.md", "command.md", "registry.md", "broker.md", "workspace.md"]
        .map(|page| fs::read_to_string(root().join("docs/errors").join(page)).unwrap());
    pages.concat()
}

#[test]
fn every_code_of_host_broker_registry_and_command_has_a_line_in_the_docs() {
    let documented = documented_codes();
    for folder in
        ["host/src", "host/broker/src", "host/workspace/src", "host/cli/src", "registry/src", "core/server/src"]
    {
        for file in rust_files(folder) {
            let text = fs::read_to_string(&file).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            let makers = [
                "Refusal::new(",
                "Error::refused(",
                "Failed::usage(",
                "refuse(",
                "Problem::bad_request(",
                "Problem::not_found(",
                "Problem::conflict(",
                "Problem::forbidden(",
                "Problem::unavailable(",
            ];
            for maker in makers {
                for after in text.split(maker).skip(1) {
                    let code = after.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                    let Some(code) = code.filter(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
                    else {
                        continue;
                    };
                    assert!(
                        documented.contains(&format!("`{code}`")),
                        "docs/errors says nothing about `{code}` of {}",
                        file.display()
                    );
                }
            }
        }
    }
}
