//! The home's own files: changed by several commands at once, and on a disk that is full.

use std::process::{Command, Stdio};

use jackfield_test_kit::programs;

use crate::kit::Desk;

#[test]
fn commands_that_change_the_same_file_at_once_undo_nothing() {
    const KEYS: usize = 8;
    let desk = Desk::new();
    for number in 0..KEYS {
        desk.json("home", &["key", "new", &format!("k{number}"), "--passphrase-file", "pass"]);
    }
    let servers: Vec<_> = ["a.example", "b.example", "c.example"]
        .map(|origin| {
            let data = format!("data={}", desk.path(origin).display());
            desk.serve(&["--origin", origin, "--set", &data])
        })
        .into();
    let mut commands: Vec<Vec<String>> =
        (0..KEYS).map(|number| vec!["trust".into(), "add".into(), format!("k{number}")]).collect();
    commands.extend(servers.iter().map(|server| vec!["registry".into(), "add".into(), server.url.clone()]));
    let running: Vec<_> = commands
        .iter()
        .map(|words| {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            desk.command("home", &words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for (mut child, words) in running.into_iter().zip(&commands) {
        assert!(child.wait().unwrap().success(), "{words:?}");
    }
    assert_eq!(desk.json("home", &["trust", "list"])["keys"].as_array().unwrap().len(), KEYS);
    assert_eq!(desk.json("home", &["registry", "list"])["registries"].as_array().unwrap().len(), servers.len());
}

/// What is done in a home that has no room left. Each line of its answer is a word and an exit code.
const FULL: &str = r#"
    mount -t tmpfs -o size=96m none "$FULL" && cp -a "$HOME_BEFORE/." "$FULL" || exit 9
    dd if=/dev/zero of="$FULL/fill" bs=4096 2>/dev/null
    export JACKFIELD_HOME="$FULL"
    "$BIN" grant acme:echo --limit fuel=1000000 >/dev/null 2>&1; echo grant $?
    "$BIN" invoke acme:echo run >/dev/null 2>&1; echo invoke $?
    "$BIN" disable acme:echo >/dev/null; echo disable $?
    "$BIN" invoke acme:echo run >/dev/null 2>&1; echo invoke $?
    "$BIN" disable acme:echo >/dev/null; echo again $?
    "$BIN" list --output json | grep -q '"enabled": *false'; echo listed $?
    "$BIN" enable acme:echo >/dev/null 2>&1; echo enable $?
    rm "$FULL/fill"
    "$BIN" enable acme:echo >/dev/null; echo enable $?
    "$BIN" invoke acme:echo run >/dev/null; echo invoke $?
    dd if=/dev/zero of="$FULL/fill" bs=4096 2>/dev/null
    "$BIN" uninstall acme:echo >/dev/null; echo uninstall $?
    "$BIN" invoke acme:echo run >/dev/null 2>&1; echo invoke $?
"#;

#[test]
fn the_kill_switch_needs_no_room() {
    let desk = Desk::new();
    let root = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
    if !root {
        eprintln!("NOT TESTED on a full disk: only root may mount one");
        return;
    }
    desk.write("it.wasm", programs::ECHO, "1.0.0");
    desk.json("home", &["key", "new", "release", "--passphrase-file", "pass"]);
    desk.json("home", &["sign", "it.wasm", "--key", "release", "--passphrase-file", "pass"]);
    desk.json("home", &["trust", "add", "release"]);
    desk.json("home", &["install", "it.wasm"]);
    std::fs::create_dir(desk.path("full")).unwrap();
    let done = Command::new("unshare")
        .args(["-m", "sh", "-c", FULL])
        .env("FULL", desk.path("full"))
        .env("HOME_BEFORE", desk.path("home"))
        .env("BIN", env!("CARGO_BIN_EXE_jackfield"))
        .output()
        .unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let wanted = "grant 1\ninvoke 0\ndisable 0\ninvoke 5\nagain 0\nlisted 0\nenable 1\nenable 0\ninvoke 0\nuninstall 0\ninvoke 8\n";
    assert_eq!(said, wanted, "{}", String::from_utf8_lossy(&done.stderr));
}
