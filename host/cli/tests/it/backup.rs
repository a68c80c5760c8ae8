//! A server's data, copied while it works and put back elsewhere.

use std::{
    os::unix::fs::PermissionsExt as _,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use serde_json::{Value, json};

use crate::{
    kit::Desk,
    workspaces::{Asks, operator},
};

const RUN: &str = "/main/installations/acme/echo/operations/run/invoke";

#[test]
fn a_backup_made_under_load_is_a_whole_server() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    desk.publisher(&server);
    desk.release_echo("1.0.0");
    let admin = Asks::new(&server, operator(&desk));
    admin.post("/main/installations", json!({ "package": "acme:echo", "grant": "none" }), 201);
    // Named like folders whose content is made anew.
    for name in ["uploads", "compiled"] {
        admin.post("", json!({ "name": name }), 201);
        admin.post(&format!("/{name}/installations"), json!({ "package": "acme:echo", "grant": "none" }), 201);
    }
    // A stranger's bytes among the blobs, that begin as a database does.
    let odd = "data/blobs/blobs/sha256/".to_owned() + &"00".repeat(32);
    std::fs::write(desk.path(&odd), b"SQLite format 3\0and nothing more").unwrap();
    let token = admin.post("/main/tokens", json!({ "label": "a workflow" }), 201);
    let token = token["token"].as_str().unwrap();

    // While calls are made and releases come out.
    let stop = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        scope.spawn(|| {
            let workflow = Asks::new(&server, token);
            while !stop.load(Relaxed) {
                workflow.post(RUN, json!({ "n": 1 }), 200);
            }
        });
        scope.spawn(|| desk.release_echo("1.1.0"));
        let made = desk.json("server-home", &["backup", "copy", "--data", "data"]);
        stop.store(true, Relaxed);
        made
    });
    assert!(made["files"].as_u64().unwrap() > 10 && made["elsewhere"] == json!([]), "{made}");
    assert_eq!(desk.path("copy").metadata().unwrap().permissions().mode() & 0o777, 0o700);
    server.kill();

    // Elsewhere it is the same server: tokens, what is installed, the log and what it proves.
    desk.json("server-home", &["restore", "copy", "--data", "data-2"]);
    std::fs::rename(desk.path("data"), desk.path("lost")).unwrap();
    std::fs::rename(desk.path("data-2"), desk.path("data")).unwrap();
    let server = desk.serve(&[]);
    let workflow = Asks::new(&server, token);
    assert_eq!(workflow.post(RUN, json!({ "n": 2 }), 200)["result"], json!({ "n": 2 }));
    let admin = Asks::new(&server, operator(&desk));
    assert_eq!(admin.get("/main/audit/verify")["intact"], json!(true));
    for name in ["uploads", "compiled"] {
        assert_eq!(admin.get(&format!("/{name}/installations/acme/echo"))["version"], "1.0.0", "{name}");
    }
    assert_eq!(std::fs::read(desk.path(&odd)).unwrap(), b"SQLite format 3\0and nothing more");
    let compared = desk.json("server-home", &["log", "rebuild", "--compare", "--data", "data"]);
    assert_eq!(compared["differences"], json!([]), "{compared}");
    desk.believer("reader", &server);
    desk.json("reader", &["install", "acme:echo@1.0.0", "--grant-none"]);
}

#[test]
fn what_is_no_whole_backup_is_refused() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let error = |arguments: &[&str]| desk.run("server-home", arguments).error();
    assert_eq!(error(&["backup", "data/copy", "--data", "data"]), (2, "backup-within".to_owned()));
    std::os::unix::fs::symlink(desk.path("data"), desk.path("link")).unwrap();
    assert_eq!(error(&["backup", "link/copy", "--data", "data"]), (2, "backup-within".to_owned()));
    assert_eq!(error(&["backup", "copy", "--data", "."]).1, "not-a-data-folder");
    desk.json("server-home", &["backup", "copy", "--data", "data"]);
    server.kill();
    assert_eq!(error(&["backup", "copy", "--data", "data"]), (2, "folder-not-empty".to_owned()));
    assert_eq!(error(&["restore", "copy", "--data", "data"]), (2, "folder-not-empty".to_owned()));

    let list = desk.path("copy/backup.json");
    let good = std::fs::read(&list).unwrap();
    let tries = std::cell::Cell::new(0);
    let restored = || {
        tries.set(tries.get() + 1);
        error(&["restore", "copy", "--data", &format!("try-{}", tries.get())])
    };
    // One byte of any file.
    let changed = desk.path("copy/data/keys/log.pem");
    let key = std::fs::read(&changed).unwrap();
    std::fs::write(&changed, [&key[..key.len() - 1], b"x"].concat()).unwrap();
    assert_eq!(restored(), (3, "backup-damaged".to_owned()));
    std::fs::remove_file(&changed).unwrap();
    assert_eq!(restored(), (3, "backup-damaged".to_owned()));
    std::fs::write(&changed, key).unwrap();
    // No plain file of its own: a link to another of this machine, or a pipe that never ends.
    let aside = desk.path("copy/data/operator-token");
    let token = std::fs::read(&aside).unwrap();
    std::fs::write(desk.path("elsewhere"), &token).unwrap();
    std::fs::remove_file(&aside).unwrap();
    std::os::unix::fs::symlink(desk.path("elsewhere"), &aside).unwrap();
    assert_eq!(restored(), (3, "backup-damaged".to_owned()));
    std::fs::remove_file(&aside).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&aside).status().unwrap().success());
    assert_eq!(restored(), (3, "backup-damaged".to_owned()));
    std::fs::remove_file(&aside).unwrap();
    std::fs::write(&aside, token).unwrap();
    // A list that leads out of the folder, of another form, cut off, or not there.
    let altered = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&good).unwrap();
        change(&mut value);
        std::fs::write(&list, value.to_string()).unwrap();
    };
    altered(&|list| list["files"][0]["path"] = json!("../../outside"));
    assert_eq!(restored(), (3, "backup-damaged".to_owned()));
    altered(&|list| list["files"][0]["path"] = json!(""));
    assert_eq!(restored(), (3, "backup-damaged".to_owned()));
    altered(&|list| list["files"] = json!([]));
    assert_eq!(restored(), (3, "backup-damaged".to_owned()));
    altered(&|list| list["format"] = json!(2));
    assert_eq!(restored(), (3, "backup-unknown".to_owned()));
    std::fs::write(&list, &good[..good.len() / 2]).unwrap();
    assert_eq!(restored(), (3, "backup-damaged".to_owned()));
    std::fs::remove_file(&list).unwrap();
    let missing = restored();
    assert_eq!(missing, (8, "file-not-found".to_owned()));
    std::fs::write(&list, &good).unwrap();
    desk.json("server-home", &["restore", "copy", "--data", "fine"]);
}

#[test]
fn what_is_kept_elsewhere_is_named() {
    let desk = Desk::new();
    let _server = desk.serve(&[]);
    let flags =
        ["--data", "data", "--database", "postgres://jack:hunter2@127.0.0.1/jackfield", "--blobs", "s3://bucket/x"];
    let made = desk.json("server-home", &[&["backup", "copy"], &flags[..]].concat());
    assert_eq!(made["elsewhere"], json!(["postgres://127.0.0.1/jackfield", "s3://bucket/x"]), "{made}");
    let inside = ["--data", "data", "--blobs", "data/blobs", "--database", "sqlite://data/registry.sqlite"];
    let made = desk.json("server-home", &[&["backup", "copy-2"], &inside[..]].concat());
    assert_eq!(made["elsewhere"], json!([]), "{made}");
}
