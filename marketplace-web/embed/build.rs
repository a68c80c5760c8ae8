//! Writes a list of the built pages with their bytes, for `lib.rs` to include. Where nothing has been built (no Node was asked for),
//! the list has one page that says so.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

const PLACEHOLDER: &str = "embed/placeholder.html";

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let build = here.join("build");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed={PLACEHOLDER}");
    let mut files = Vec::new();
    let is_built = build.join("index.html").exists();
    if is_built {
        collect(&build, &build, &mut files)?;
        files.sort();
    } else {
        if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
            println!("cargo::warning=without the marketplace's pages: see marketplace-web/README.md");
        }
        files.push(("index.html".to_owned(), here.join(PLACEHOLDER)));
    }
    let known: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let smaller = |name: &str, ending: &str| match known.contains(&format!("{name}.{ending}").as_str()) {
        true => format!("Some(include_bytes!({:?}))", build.join(format!("{name}.{ending}"))),
        false => "None".to_owned(),
    };
    let mut text =
        format!("pub(crate) const IS_BUILT: bool = {is_built};\npub(crate) static EMBEDDED: &[Embedded] = &[\n");
    for (name, path) in files.iter().filter(|(name, _)| !name.ends_with(".br") && !name.ends_with(".gz")) {
        let (brotli, gzip) = (smaller(name, "br"), smaller(name, "gz"));
        text.push_str(&format!(
            "Embedded {{ name: {name:?}, bytes: include_bytes!({path:?}), brotli: {brotli}, gzip: {gzip} }},\n"
        ));
    }
    text.push_str("];\n");
    fs::write(out.join("embedded.rs"), text)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
            continue;
        }
        let name = path.strip_prefix(root).ok().and_then(Path::to_str).map(|name| name.replace('\\', "/"));
        files.extend(name.map(|name| (name, path)));
    }
    Ok(())
}
