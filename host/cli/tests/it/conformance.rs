//! The lines of docs/spec/oci.md that prepare a registry for the OCI conformance suite, word for word, and then every
//! requirement of that suite against the served program.

use std::{collections::HashMap, net::TcpListener, path::Path, process::Command};

use crate::oci_suite;

/// Ends with the test.
struct Served(String);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(&self.0).status();
    }
}

#[tokio::test]
async fn the_page_prepares_a_registry_that_conforms() {
    let page = include_str!("../../../../docs/spec/oci.md");
    let (_, section) = page.split_once("\n## Conformance\n").unwrap();
    let block = section.split("```").nth(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    // Another place and port, and in the suite's stead what tells us its environment.
    let script = block
        .replace("/tmp/registry", folder.path().join("registry").to_str().unwrap())
        .replace("8787", &port)
        .replace("./conformance", "env");
    assert!(script.contains("env\n") && script.contains("serve --only registry"), "{script}");
    let bin = Path::new(env!("CARGO_BIN_EXE_jackfield")).parent().unwrap().to_str().unwrap();
    let output = Command::new("sh")
        .args(["-e", "-c", &format!("exec 2>{}/log\n{script}\necho SERVED=$!", folder.path().display())])
        .env("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()))
        .env("JACKFIELD_HOME", folder.path().join("home"))
        .stdout(std::fs::File::create(folder.path().join("out")).unwrap())
        .status()
        .unwrap();
    let said = std::fs::read_to_string(folder.path().join("out")).unwrap();
    let told: HashMap<&str, &str> = said.lines().filter_map(|line| line.split_once('=')).collect();
    let _served = Served(told.get("SERVED").copied().unwrap_or("0").to_owned());
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    assert!(output.success(), "{script}\n{said}\n{log}");

    assert_eq!(
        (told["OCI_TLS"], told["OCI_REPO1"], told["OCI_REPO2"]),
        ("disabled", oci_suite::REPO, oci_suite::REPO_2)
    );
    let login = (told["OCI_USERNAME"], told["OCI_PASSWORD"]);
    let (checks, requests) = oci_suite::Suite::new(told["OCI_REGISTRY"], login, false).run().await;
    println!("{checks} checks met in {requests} requests");
}
