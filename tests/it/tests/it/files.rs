//! Files pass through a call as streams, and stay where they belong.

use bytes::Bytes;
use jackfield_host::{Failure, FileSource, Invocation, limits::Limit};
use jackfield_test_kit::{TestHost, programs};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::outcome::{answer, assert_stopped, guest_error_of};

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn files_copy() {
    let host = TestHost::new();
    let program = host.program(programs::FILES_COPY).install().await;
    let call = Invocation::new("run", json!({ "file": { "$file": "in" }, "name": "greeting.txt" }).to_string());
    let outcome = program.call(call.file("in", FileSource::Bytes(Bytes::from_static(b"hello")))).await;
    assert_eq!(answer(&outcome)["bytes"], 5);
    let [file] = &outcome.files[..] else { panic!("{:?}", outcome.files) };
    assert_eq!(answer(&outcome)["file"]["$file"], file.id.as_str());
    assert_eq!(
        (file.name.as_str(), file.media_type.as_str(), file.bytes),
        ("greeting.txt", "application/octet-stream", 5)
    );
    assert_eq!(std::fs::read(&file.path).unwrap(), b"hello");
    assert_eq!((outcome.bill.file_bytes_in, outcome.bill.file_bytes_out), (5, 5));
    let path = file.path.clone();
    drop(outcome);
    assert!(!path.exists(), "it goes with the outcome");
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn typed() {
    let host = TestHost::new();
    let described: Value = serde_json::from_str(include_str!("../../../programs/typed.json")).unwrap();
    let operations = serde_json::from_value(described["operations"].clone()).unwrap();
    let program = host.program(programs::TYPED).manifest(|manifest| manifest.operations = operations).install().await;
    assert_eq!(answer(&program.call(Invocation::new("sort", "[3,1,2]")).await), json!([1, 2, 3]));
    let outcome = program.call(Invocation::new("content", "{}")).await;
    assert_eq!(outcome.files[0].media_type, "image/png");
    assert!(program.call(Invocation::new("handling", "{}")).await.result.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_larger_than_memory_passes_through() {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("source.bin");
    let bytes: Vec<u8> = (0..40_u32 << 18).flat_map(u32::to_le_bytes).collect();
    std::fs::write(&source, &bytes).unwrap();
    let host = TestHost::new();
    let program = host.program(programs::FILES_COPY).limit(Limit::MemoryBytes, 4 << 20).install().await;
    let call = Invocation::new("run", json!({ "file": { "$file": "in" } }).to_string());
    let outcome = program.call(call.file("in", FileSource::Path(source)).output_directory(folder.path())).await;
    assert_eq!(answer(&outcome)["bytes"], 40 << 20);
    assert!(std::fs::read(folder.path().join("copy.bin")).unwrap() == bytes, "byte for byte");
    assert_eq!((outcome.bill.file_bytes_in, outcome.bill.file_bytes_out), (40 << 20, 40 << 20));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing else is left behind: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_handed_in_is_not_found() {
    let host = TestHost::new();
    let program = host.program(programs::FILES_COPY).install().await;
    let outcome = program.run(json!({ "file": { "$file": "in" } })).await;
    assert_eq!(guest_error_of(&outcome).message, "open `in`: not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_read_is_the_hosts_fault() {
    let host = TestHost::new();
    let program = host.program(programs::FILES_COPY).install().await;
    let call = Invocation::new("run", json!({ "file": { "$file": "in" } }).to_string());
    let outcome = program.call(call.file("in", FileSource::Path("/nowhere/at/all".into()))).await;
    let Err(Failure::Host(fault)) = &outcome.result else { panic!("{:?}", outcome.result) };
    assert!(fault.message.contains("/nowhere/at/all"), "{fault}");
}

/// Opening one waits for whoever writes into it, and the call's time runs on.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_nobody_writes_to_does_not_stop_the_clock() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let host = TestHost::new();
    let program = host.program(programs::FILES_COPY).limit(Limit::TimeMs, 2_000).install().await;
    let call = Invocation::new("run", json!({ "file": { "$file": "in" } }).to_string());
    let outcome = program.call(call.file("in", FileSource::Path(pipe.clone()))).await;
    // Lets the thread go that still waits.
    let writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    assert_stopped(&outcome, Limit::TimeMs, 2_000);
    drop(writer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_put_in_its_place_takes_the_others_with_it() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("taken")).unwrap();
    std::fs::write(folder.path().join("old"), "kept").unwrap();
    let host = TestHost::new();
    let program = host.program(programs::FILES_BAD_NAMES).install().await;
    let call = Invocation::new("run", json!({ "names": ["new", "old", "taken"] }).to_string());
    let outcome = program.call(call.output_directory(folder.path())).await;
    let Err(Failure::Host(fault)) = &outcome.result else { panic!("{:?}", outcome.result) };
    assert!(fault.message.contains("taken` is a folder"), "{fault}");
    assert_eq!(std::fs::read(folder.path().join("old")).unwrap(), b"kept");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing new");
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn files_flood() {
    let host = TestHost::new();
    let program =
        host.program(programs::FILES_FLOOD).limit(Limit::Files, 3).limit(Limit::FileBytes, 100_000).install().await;
    // A guest that copes with the refusal keeps what it has.
    let outcome = program.run(json!({ "how": "create" })).await;
    assert_eq!(answer(&outcome), json!({ "count": 3, "error": "too-many" }));
    assert_eq!(outcome.files.len(), 3);
    let outcome = program.run(json!({ "how": "write" })).await;
    assert_eq!(answer(&outcome)["count"], 24 * 4096, "the piece that passes the limit is refused");
    assert_eq!(outcome.files[0].bytes, 24 * 4096);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_by_a_files_limit_names_it_and_leaves_no_files() {
    let folder = TempDir::new().unwrap();
    let host = TestHost::new();
    let program = host.program(programs::FILES_COPY).limit(Limit::FileBytes, 100_000).install().await;
    let call = Invocation::new("run", json!({ "file": { "$file": "in" } }).to_string());
    let call = call.file("in", FileSource::Bytes(vec![7; 200_000].into())).output_directory(folder.path());
    let outcome = program.call(call).await;
    assert_stopped(&outcome, Limit::FileBytes, 100_000);
    assert!(outcome.files.is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_files_handed_in_run_nothing() {
    let host = TestHost::new();
    let program = host.program(programs::FILES_COPY).limit(Limit::Files, 2).install().await;
    let mut call = Invocation::new("run", "{}");
    for id in ["a", "b", "c"] {
        call = call.file(id, FileSource::Bytes(Bytes::new()));
    }
    let outcome = program.call(call).await;
    let Err(Failure::Limit(exceeded)) = &outcome.result else { panic!("{:?}", outcome.result) };
    assert_eq!((exceeded.limit, exceeded.allowed, exceeded.used), (Limit::Files, 2, 3));
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn files_bad_names() {
    let folder = TempDir::new().unwrap();
    let host = TestHost::new();
    let program = host.program(programs::FILES_BAD_NAMES).limit(Limit::Files, 100).install().await;
    let long = "n".repeat(300);
    let names = [
        "",
        ".",
        "..",
        "../x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "C:x",
        "nul\0byte",
        "line\nbreak",
        ".hidden",
        "x.",
        "x ",
        &long,
    ];
    let ids = ["in", "", "../in", "created-1", "/etc/passwd"];
    let media_types = ["", "text", "text/plain\r\nx: y", "text/\0"];
    let call = Invocation::new("run", json!({ "names": names, "ids": ids, "media_types": media_types }).to_string());
    let outcome = program.call(call.output_directory(folder.path())).await;
    let found = answer(&outcome);
    assert_eq!(found["created"], json!(names.map(|name| json!([name, "invalid-name"]))));
    assert_eq!(found["opened"], json!(ids.map(|id| json!([id, "not-found"]))));
    assert_eq!(found["typed"], json!(media_types.map(|text| json!([text, "invalid-name"]))));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let call = Invocation::new("run", json!({ "names": ["Übersicht 1.csv", "twice", "twice"] }).to_string());
    let found = answer(&program.call(call.output_directory(folder.path())).await);
    let expected = json!([["Übersicht 1.csv", "accepted"], ["twice", "accepted"], ["twice", "invalid-name"]]);
    assert_eq!(found["created"], expected);
}
