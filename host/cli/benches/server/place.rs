//! A server with connectors installed, and what its process takes.

use std::sync::LazyLock;

use jackfield_test_kit::PackageBuilder;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    kit::{Desk, Server},
    wrk::Load,
};

pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// More calls a minute than a machine makes.
const NO_QUOTA: u64 = 60_000_000;

pub struct Place {
    pub server: Server,
    pub token: String,
    operator: String,
    client: Client,
    pub desk: Desk,
}

impl Place {
    /// Serves with these flags; nothing is installed.
    pub fn new(flags: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let desk = Desk::new();
        let server = desk.serve(&[&["--set", "requests_per_minute=0"], flags].concat());
        desk.publisher(&server);
        Self::with(desk, server)
    }

    /// What was served before, again.
    pub fn with(desk: Desk, server: Server) -> Self {
        let operator = std::fs::read_to_string(desk.path("data/operator-token")).unwrap().trim().to_owned();
        let mut place = Self { server, token: String::new(), operator, client: Client::new(), desk };
        place.ask(Method::PUT, "/main/quota", json!({ "calls_a_minute": NO_QUOTA }));
        let made = place.ask(Method::POST, "/main/tokens", json!({ "label": "a workflow" }));
        place.token = made["token"].as_str().unwrap().to_owned();
        place
    }

    /// Asked as the server's operator.
    pub fn ask(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}/v1/workspaces{path}", self.server.url);
        RUNTIME.block_on(async {
            let answer = self.client.request(method, url).bearer_auth(&self.operator).json(&body).send().await.unwrap();
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            assert!(status.is_success(), "{path}: {status} {text}");
            serde_json::from_str(&text).unwrap_or_default()
        })
    }

    /// Publishes a package and installs it with a grant.
    pub fn install(&self, package: &PackageBuilder, grant: &Value) {
        std::fs::write(self.desk.path("it.wasm"), package.bytes()).unwrap();
        let ran = self.desk.publish_file("it.wasm", &[]);
        assert_eq!((ran.code, &ran.answer()["state"]), (0, &Value::from("released")), "{ran:#?}");
        self.ask(Method::POST, "/main/installations", json!({ "package": package.name(), "grant": grant }));
    }

    /// Calls of an installation's only operation.
    pub fn calls(&self, name: &str, body: &str) -> Load {
        Load { url: self.invoke_url(name), post: Some((self.token.clone(), body.to_owned())) }
    }

    pub fn invoke_url(&self, name: &str) -> String {
        let path = name.replace(':', "/");
        format!("{}/v1/workspaces/main/installations/{path}/operations/run/invoke", self.server.url)
    }

    /// MiB that its process has in memory, and its mappings.
    pub fn memory(&self) -> (u64, usize) {
        let proc = format!("/proc/{}", self.server.id());
        let status = std::fs::read_to_string(format!("{proc}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        (kib >> 10, std::fs::read_to_string(format!("{proc}/maps")).unwrap().lines().count())
    }
}
