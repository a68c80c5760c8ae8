//! Looks for anything of the host's: variables, arguments, folders, files, input.

use program::{
    Answer, Call, program,
    wasi::{
        cli::{environment, stdin},
        filesystem::preopens,
    },
};
use serde_json::json;

fn run(_: Call) -> Answer {
    let preopens: Vec<_> = preopens::get_directories().into_iter().map(|(_, path)| path).collect();
    let look = |path: &str| std::fs::read_dir(path).map(|_| "listed").unwrap_or("nothing");
    let stdin = stdin::get_stdin().blocking_read(16).unwrap_or_default();
    Ok(json!({
        "variables": environment::get_environment(),
        "arguments": environment::get_arguments(),
        "initial_cwd": environment::initial_cwd(),
        "preopens": preopens,
        "root": look("/"),
        "here": look("."),
        "passwd": std::fs::read_to_string("/etc/passwd").map_or("nothing", |_| "read"),
        "written": std::fs::write("/tmp/jackfield-was-here", "x").map_or("nothing", |()| "written"),
        "stdin": stdin,
    })
    .to_string())
}

program!(run);
