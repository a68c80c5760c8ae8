//! TLS by files: served, renewed, and refused where the files are not right.

use std::{sync::Arc, time::Duration};

use axum::Router;
use jackfield_server::{
    serve::{Port, bind, serve},
    tls::Tls,
};
use jackfield_test_kit::Authority;
use reqwest::{Certificate, Client};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::{
    kit::Desk,
    workspaces::{operator, send},
};

fn client(authority: &Authority) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = Certificate::from_pem(authority.root_pem().as_bytes()).unwrap();
    Client::builder().tls_certs_only([root]).build().unwrap()
}

#[test]
fn a_server_speaks_tls_by_files() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let desk = Desk::new();
    let (certificate, key) = (desk.path("chain.pem"), desk.path("key.pem"));
    authority.write(&["127.0.0.1", "localhost"], &certificate, &key);
    let flags = ["--public-url", "https://localhost", "--set", "tls_certificate=chain.pem", "--set", "tls_key=key.pem"];
    let server = desk.serve(&flags);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let url = |path: &str| format!("{}{path}", server.url);

    // Whoever believes its authority is served; others and plain HTTP are not.
    let believer = client(&authority);
    let health = send(believer.get(url("/healthz")));
    assert_eq!((health.status.as_u16(), health.text.as_str()), (200, "ok\n"));
    assert!(health.headers.contains_key("strict-transport-security"));
    let runtime = Runtime::new().unwrap();
    let asked = |client: Client, url: String| runtime.block_on(async move { client.get(url).send().await });
    assert!(asked(client(&stranger), url("/healthz")).is_err());
    assert!(asked(Client::new(), url("/healthz").replace("https:", "http:")).is_err());
    // Whoever connects and says nothing keeps nobody from it.
    let _silent = std::net::TcpStream::connect(server.url.trim_start_matches("https://")).unwrap();
    assert_eq!(send(believer.get(url("/readyz"))).status.as_u16(), 200);

    // Workspaces reach the registry beside them: what is not there, it says.
    let offered = send(believer.get(url("/v1/workspaces/main/offer?package=acme:none")).bearer_auth(operator(&desk)));
    let message = offered.expect(404)["detail"].to_string();
    assert!(message.contains("package-not-found"), "{message}");

    assert_eq!(server.stop(), 0);
}

#[test]
fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    old.write(&["127.0.0.1"], &certificate, &key);
    let tls = Arc::new(Tls::from_files(&certificate, &key).unwrap());
    // Files are told apart by when they were written.
    let look = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(&certificate, text).unwrap();
        }
        let written = std::fs::File::options().append(true).open(&certificate).unwrap();
        written.set_modified(std::time::SystemTime::now() + Duration::from_secs(5)).unwrap();
        tls.look();
    };
    Runtime::new().unwrap().block_on(async {
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let port = Port { tls: Some(tls.clone()), ..Port::plain(listener) };
        let router = Router::new().fallback(async || "here");
        let serving = tokio::spawn(serve(port, router, |stop| async move { stop.cancelled().await }, stop.clone()));

        let is_served = async |authority| client(authority).get(&url).send().await.is_ok();
        assert!(is_served(&old).await && !is_served(&new).await);
        look(Some("no certificate"));
        assert!(is_served(&old).await);
        new.write(&["127.0.0.1"], &certificate, &key);
        look(None);
        assert!(is_served(&new).await && !is_served(&old).await);
        stop.cancel();
        serving.await.unwrap();
    });
}

#[test]
fn files_that_make_no_tls_are_refused_at_the_start() {
    let desk = Desk::new();
    let authority = Authority::new();
    authority.write(&["localhost"], &desk.path("a.pem"), &desk.path("a.key"));
    authority.write(&["localhost"], &desk.path("b.pem"), &desk.path("b.key"));
    std::fs::write(desk.path("empty.pem"), "").unwrap();
    let refused = |settings: &[&str], public_url: &str| {
        let arguments = [&["serve", "--check", "--data", "data", "--public-url", public_url], settings].concat();
        desk.run("home", &arguments).error()
    };
    let https = "https://localhost";
    let one = ["--set", "tls_certificate=a.pem"];
    assert_eq!(refused(&one, https), (2, "config-malformed".to_owned()));
    let both = ["--set", "tls_certificate=a.pem", "--set", "tls_key=a.key"];
    assert_eq!(refused(&both, "http://localhost"), (2, "config-malformed".to_owned()));
    for (certificate, key) in [("a.pem", "b.key"), ("empty.pem", "a.key"), ("none.pem", "a.key"), ("a.pem", "a.pem")] {
        let (certificate, key) = (format!("tls_certificate={certificate}"), format!("tls_key={key}"));
        let settings = ["--set", certificate.as_str(), "--set", key.as_str()];
        assert_eq!(refused(&settings, https), (2, "tls-unusable".to_owned()), "{settings:?}");
    }
}
