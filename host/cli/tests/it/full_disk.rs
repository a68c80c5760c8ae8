//! A disk that is truly full: a small one of the test's own, on which a registry has its folder and its database.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use jackfield_test_kit::programs;
use serde_json::Value;

use crate::kit::{Desk, Server};

/// MiB of the disk.
const DISK_MIB: u32 = 24;
/// KiB that are left when a publish begins: it gets further with each.
const LEFT_KIB: [u64; 6] = [0, 32, 96, 256, 768, 2048];
/// How long a publish may try on a full disk before room is made: the first one until it gives up and says why.
const PATIENCE: Duration = Duration::from_secs(6);
const UNTIL_IT_GIVES_UP: Duration = Duration::from_secs(120);

/// Serves `data` on a file system of its own, which nobody else has mounted and which goes with the process.
fn serve_on_small_disk(desk: &Desk) -> Server {
    std::fs::create_dir_all(desk.path("data")).unwrap();
    let script = format!("mount -t tmpfs -o size={DISK_MIB}m none data && exec \"$0\" \"$@\"");
    desk.serve_by("127.0.0.1:0", &[], |serve| {
        let mut command = Command::new("unshare");
        command.env_clear();
        command.args(["--mount", "--propagation", "private", "sh", "-c", &script]).arg(serve.get_program());
        command.args(serve.get_args()).envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(desk.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        *serve = command;
    })
}

/// A file that takes all room but so many KiB.
fn fill(path: &Path, left_kib: u64) {
    let mut file = File::create(path).unwrap();
    let block = vec![7; 16 << 10];
    let mut size: u64 = 0;
    while let Ok(written) = file.write(&block) {
        size += written as u64;
    }
    file.set_len(size.saturating_sub(left_kib << 10)).unwrap();
}

#[test]
fn on_a_full_disk_nothing_is_released_and_room_lets_it_go_on() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT TESTED on a full disk: mounting one needs root");
        return;
    }
    let desk = Desk::new();
    let server = serve_on_small_disk(&desk);
    // The disk as the server sees it.
    let inside: PathBuf = Path::new("/proc")
        .join(server.id().to_string())
        .join("root")
        .join(desk.path("data").strip_prefix("/").unwrap());
    std::fs::copy(inside.join("operator-token"), desk.path("data/operator-token")).unwrap();
    desk.publisher(&server);
    desk.release_echo("1.0.0");
    let filler = inside.join("filler");
    let mut refused = Vec::new();
    for (number, left_kib) in LEFT_KIB.into_iter().enumerate() {
        fill(&filler, left_kib);
        let version = format!("1.1.{number}");
        desk.write("it.wasm", programs::ECHO, &version);
        let arguments = ["publish", "it.wasm", "--key", "release", "--passphrase-file", "pass", "--output", "json"];
        let mut publishing =
            desk.command("ada", &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        let patience = if left_kib == 0 { UNTIL_IT_GIVES_UP } else { PATIENCE };
        while publishing.try_wait().unwrap().is_none() && began.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = publishing.kill();
        let output = publishing.wait_with_output().unwrap();
        if output.status.code() == Some(1) {
            let stderr = String::from_utf8(output.stderr).unwrap();
            let line = stderr.lines().find(|line| line.contains("\"error\"")).unwrap();
            let error: Value = serde_json::from_str(line).unwrap();
            let message = error["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains("disk is full") || message.contains("does not answer"), "{stderr}");
            refused.push(message);
        }
        // What is out is in the log, and what is read is read from a full disk, too.
        let watched = desk.run("eve", &["log", "monitor", "--registry", &server.url, "--once"]);
        assert_eq!(watched.code, 0, "{left_kib} KiB left: {watched:#?}");
        std::fs::remove_file(&filler).unwrap();
        let ran = desk.publish_file("it.wasm", &[]);
        assert_eq!((ran.code, &ran.answer()["state"]), (0, &Value::from("released")), "{left_kib} KiB left: {ran:#?}");
    }
    assert!(refused.iter().any(|message| message.contains("disk is full")), "{refused:?}");
    let watched = desk.run("eve", &["log", "monitor", "--registry", &server.url, "--once"]);
    assert_eq!(watched.code, 0, "{watched:#?}");
}
