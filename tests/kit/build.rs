//! Builds the guest programs, and writes `programs.rs`: where each one stands, and a macro with all their names.
//!
//! Programs in Rust are built by one cargo of their own, since they are another workspace for another target. Programs in
//! WAT are those that no compiler would write; they are wrapped into components here.
#![allow(clippy::unwrap_used, reason = "a build that cannot go on stops")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const TARGET: &str = "wasm32-wasip2";

fn main() {
    let tests = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap()).parent().unwrap().to_owned();
    let programs = tests.join("programs");
    let wit = tests.parent().unwrap().join("wit");
    for input in ["Cargo.toml", "Cargo.lock", "operations.json", "src", "examples", "wat"] {
        println!("cargo::rerun-if-changed={}", programs.join(input).display());
    }
    println!("cargo::rerun-if-changed={}", wit.display());

    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    // <target>/<profile>/build/<package>/out
    let guests = out.ancestors().nth(4).expect("OUT_DIR stands in a target folder").join("guests");
    build_with_cargo(&programs, &guests);

    let built = guests.join(TARGET).join("release/examples");
    let mut components: Vec<(String, PathBuf)> = stems(&programs.join("examples"), "rs")
        .into_iter()
        .map(|name| (name.clone(), built.join(format!("{name}.wasm"))))
        .collect();
    for name in stems(&programs.join("wat"), "wat").into_iter().filter(|name| name != "common") {
        let path = out.join(format!("{name}.wasm"));
        fs::write(&path, assemble(&programs, &wit, &name)).unwrap();
        components.push((name, path));
    }
    components.sort();
    fs::write(out.join("programs.rs"), listing(&components)).unwrap();
}

fn build_with_cargo(programs: &Path, target_dir: &Path) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap());
    cargo
        .args(["build", "--release", "--examples", "--locked", "--target", TARGET, "--target-dir"])
        .arg(target_dir)
        .current_dir(programs);
    // What the outer cargo tells its own compilers must not reach those of another target.
    for (name, _) in env::vars_os() {
        let outer = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_") && !matches!(name, "CARGO_HOME" | "CARGO_NET_OFFLINE")
                || matches!(
                    name,
                    "RUSTFLAGS" | "RUSTC" | "RUSTC_WRAPPER" | "RUSTC_WORKSPACE_WRAPPER" | "RUSTDOC" | "TARGET"
                )
        });
        if outer {
            cargo.env_remove(name);
        }
    }
    let status = cargo.status().expect("cargo runs");
    assert!(
        status.success(),
        "the guest programs of {} do not build ({status}); their errors stand above.\n\
         hint: where the target is missing, `rustup target add {TARGET}`",
        programs.display()
    );
}

/// Wraps the module of `wat/<name>.wat` and `wat/common.wat` into a component.
fn assemble(programs: &Path, wit: &Path, name: &str) -> Vec<u8> {
    let read = |path: PathBuf| fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let operations = read(programs.join("operations.json"));
    let program = read(programs.join(format!("wat/{name}.wat")));
    let common = read(programs.join("wat/common.wat"))
        .replace("OPERATIONS\"", &format!("{}\"", operations.escape_default()))
        .replace("LENGTH)", &format!("{})", operations.len()));
    let mut text = format!("(module\n{program}\n{common})");

    let mut resolve = Resolve::default();
    resolve.push_dir(wit).expect("wit/ parses");
    let mut world =
        "package test:programs; world wat { include jackfield:connector/connector@0.1.0; EXTRA }".to_owned();
    match name {
        "imports_unknown" => {
            resolve.push_str("evil.wit", "package evil:host@1.0.0; interface backdoor { open: func(); }").unwrap();
            world = world.replace("EXTRA", "import evil:host/backdoor@1.0.0;");
        }
        "wrong_world" => {
            let later = read(wit.join("connector.wit")).replace("@0.1.0", "@0.3.0");
            resolve.push_str("later.wit", &later).unwrap();
            world = world.replace("@0.1.0", "@0.3.0");
            text = text.replace("@0.1.0", "@0.3.0");
        }
        _ => {}
    }
    let package = resolve.push_str("program.wit", &world.replace("EXTRA", "")).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(&text).unwrap_or_else(|fault| panic!("{name}.wat: {fault}"));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .unwrap_or_else(|fault| panic!("{name}.wat: {fault:?}"))
}

fn listing(components: &[(String, PathBuf)]) -> String {
    let mut text = String::new();
    for (name, path) in components {
        let path = path.to_str().expect("the target folder's path is UTF-8");
        text += &format!("/// `{name}`\npub const {}: &str = {path:?};\n", name.to_uppercase());
    }
    let names: Vec<_> = components.iter().map(|(name, _)| format!("$then!({name});")).collect();
    text += &format!(
        "/// Calls a macro with the name of every program.\n#[macro_export]\nmacro_rules! for_every_program {{\n    \
         ($then:ident) => {{ {} }};\n}}\n",
        names.join(" ")
    );
    text
}

fn stems(folder: &Path, extension: &str) -> Vec<String> {
    fs::read_dir(folder)
        .unwrap_or_else(|fault| panic!("{}: {fault}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}
