//! What is installed stays what it was: across processes, crashes and whoever else writes into the home.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use jackfield_host::{Failure, Host, Invocation, limits::Limit};
use jackfield_test_kit::{TestHost, programs};
use serde_json::json;

use crate::outcome::{answer, assert_billed};

fn installer(host: &TestHost, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_installer"));
    command.arg(host.home()).args(arguments);
    command
}

/// Another host over the same home, as another process would have it.
fn other(host: &TestHost) -> Host {
    TestHost::over(host.home()).expect("a host over the same home")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_finds_what_another_installed() {
    let host = TestHost::new();
    let program = host.program(programs::ECHO).install().await;
    let installations = other(&host).installations().unwrap();
    assert_eq!(installations, std::slice::from_ref(&program.installation));
    assert_eq!(answer(&other(&host).invoke(&program.name, Invocation::new("run", "7")).await), 7);
    other(&host).uninstall(&program.name).unwrap();
    assert!(
        matches!(program.run(json!({})).await.result, Err(Failure::Refused(refusal)) if refusal.code == "not-installed")
    );
    assert_eq!(host.files_in("components").len(), 0, "its bytes are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_an_install_leaves_the_old_or_the_new() {
    let host = TestHost::new();
    host.program(programs::ECHO).install().await;
    for round in 0..12_u64 {
        let mut child = installer(&host, &[programs::ECHO]).stdout(Stdio::piped()).spawn().unwrap();
        // Each round ends it at another moment of an install.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.next().is_some(), "it installs");
        std::thread::sleep(std::time::Duration::from_micros(round * 700));
        child.kill().unwrap();
        child.wait().unwrap();

        let survivor = other(&host);
        let [installation] = &survivor.installations().unwrap()[..] else { panic!("one installation") };
        let version = installation.version.to_string();
        assert!(["1.0.0", "1.0.1"].contains(&version.as_str()), "{version}");
        assert_eq!(answer(&survivor.invoke(&installation.name, Invocation::new("run", "[1]")).await), json!([1]));
    }
    // What a crash left behind goes with the next install.
    host.program(programs::ECHO).install().await;
    let components = host.files_in("components");
    assert_eq!(components.len(), 2, "one component and its statements: {components:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_install_at_once() {
    let host = TestHost::new();
    let mut children: Vec<_> = (0..2)
        .map(|_| installer(&host, &[programs::ECHO]).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap())
        .collect();
    for child in &mut children {
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert_eq!(lines.take(10).filter_map(Result::ok).count(), 10, "it went on");
    }
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let name = "test:echo".parse().unwrap();
    assert_eq!(answer(&host.host().invoke(&name, Invocation::new("run", "1")).await), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_that_was_changed_is_made_anew_and_never_loaded() {
    let host = TestHost::new();
    let program = host.program(programs::ECHO).install().await;
    let [code] = &host.files_in("compiled")[..] else { panic!("one file of code") };
    let good = std::fs::read(code).unwrap();
    let other_code = {
        let second = TestHost::new();
        second.program(programs::ECHO).install().await;
        std::fs::read(&second.files_in("compiled")[0]).unwrap()
    };
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    for (story, bytes) in [
        ("a changed byte of code", flipped(good.len() / 2)),
        ("a changed byte of the seal", flipped(3)),
        ("cut short", good[..good.len() / 2].to_vec()),
        ("empty", Vec::new()),
        ("nonsense", b"not code at all".repeat(100)),
        ("another host's, sealed with another key", other_code),
    ] {
        std::fs::write(code, &bytes).unwrap();
        assert_eq!(answer(&other(&host).invoke(&program.name, Invocation::new("run", "1")).await), 1, "{story}");
        assert!(std::fs::read(code).unwrap() != bytes, "{story}: it was made anew");
    }
    std::fs::remove_file(code).unwrap();
    assert_eq!(answer(&other(&host).invoke(&program.name, Invocation::new("run", "1")).await), 1);
}

/// Whoever can put something into `compiled` can slow the next call down, and do nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_of_code_is_not_waited_for() {
    let host = TestHost::new();
    let program = host.program(programs::ECHO).install().await;
    let [code] = &host.files_in("compiled")[..] else { panic!("one file of code") };
    std::fs::remove_file(code).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(code).status().unwrap().success());
    assert_eq!(answer(&other(&host).invoke(&program.name, Invocation::new("run", "1")).await), 1, "a pipe");
    std::fs::remove_file(code).unwrap();
    std::fs::create_dir(code).unwrap();
    assert_eq!(answer(&other(&host).invoke(&program.name, Invocation::new("run", "1")).await), 1, "a folder");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_made_though_what_is_left_over_cannot_be_removed() {
    let host = TestHost::new();
    let program = host.program(programs::ECHO).install().await;
    std::fs::create_dir_all(host.home().join("compiled/folder/within")).unwrap();
    std::fs::write(host.home().join("installations/test/.aside-crashed"), "half").unwrap();
    host.program(programs::CLOCK).named("test:clock").install().await;
    assert!(
        !host.home().join("compiled/folder").exists()
            && !host.home().join("installations/test/.aside-crashed").exists()
    );
    // A record that nobody can read says nothing of what it needs, so nothing is swept, and others can still be changed.
    std::fs::write(host.home().join("installations/test/clock.json"), "{").unwrap();
    host.host().uninstall(&program.name).unwrap();
    host.program(programs::ECHO).install().await;
    host.host().uninstall(&"test:clock".parse().unwrap()).unwrap();
    assert_eq!(host.files_in("components").len(), 2, "a component and its statements");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_was_changed_is_refused() {
    let host = TestHost::new();
    let program = host.program(programs::ECHO).install().await;
    let component =
        host.files_in("components").into_iter().find(|path| path.extension().is_some_and(|end| end == "wasm")).unwrap();
    let other_program = std::fs::read(programs::SPIN).unwrap();
    std::fs::write(&component, other_program).unwrap();
    let outcome = other(&host).invoke(&program.name, Invocation::new("run", "1")).await;
    let Err(Failure::Host(fault)) = &outcome.result else { panic!("{:?}", outcome.result) };
    assert!(fault.message.contains("was changed since it was installed"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_stops_a_running_call() {
    for elsewhere in [false, true] {
        for program in [programs::SPIN, programs::SLEEP_FOREVER] {
            let host = TestHost::new();
            let installed = host.program(program).limit(Limit::Fuel, 1 << 50).install().await;
            let disable = async {
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                if elsewhere {
                    let mut disable = installer(&host, &[program, "disable"]);
                    let status = tokio::task::spawn_blocking(move || disable.status()).await.unwrap().unwrap();
                    assert!(status.success());
                } else {
                    host.host().set_enabled(&installed.name, false).unwrap();
                }
            };
            let (outcome, ()) = tokio::join!(installed.run(json!({})), disable);
            assert!(matches!(outcome.result, Err(Failure::Cancelled)), "{:?}", outcome.result);
            assert_billed(&outcome);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uninstalling_stops_a_running_call() {
    let host = TestHost::new();
    let installed = host.program(programs::SLEEP_FOREVER).install().await;
    let uninstall = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        host.host().uninstall(&installed.name).unwrap();
    };
    let (outcome, ()) = tokio::join!(installed.run(json!({})), uninstall);
    assert!(matches!(outcome.result, Err(Failure::Cancelled)), "{:?}", outcome.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let host = TestHost::new();
    host.program(programs::ECHO).install().await;
    for name in ["host.key", "components", "compiled", "installations"] {
        let mode = std::fs::metadata(host.home().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
    }
}
