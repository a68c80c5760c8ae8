//! Puts the Rust SDK into the command, for `jackfield new` to copy: its path and bytes, file by file.

use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

/// Where the SDK stands, from this crate.
const SDK: &str = "../../sdk/rust";
/// What an author's copy does not need.
const LEFT_OUT: [&str; 3] = ["target", "tests", "Cargo.lock"];

fn main() -> Result<(), Box<dyn Error>> {
    let sdk = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join(SDK).canonicalize()?;
    println!("cargo::rerun-if-changed={}", sdk.display());
    let mut files = Vec::new();
    collect(&sdk, &mut files)?;
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        let path = file.strip_prefix(&sdk)?.to_str().ok_or("a path in the SDK is not UTF-8")?.replace('\\', "/");
        table.push_str(&format!("    ({path:?}, include_bytes!({:?})),\n", file.display().to_string()));
    }
    table.push(']');
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("sdk.rs"), table)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || name.ends_with('~') || LEFT_OUT.contains(&&*name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
