//! Credentials: where they arrive, where they never do, and what comes back of them.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::PathBuf};

use tempfile::TempDir;

use super::*;
use crate::grant::Source;

const SECRET: &str = "s3cr3t/canary+token";

struct Vault {
    folder: TempDir,
}

impl Vault {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }
}

/// A manifest with one `auth` entry for api.example.com, and a grant that binds it and allows three hosts.
fn bound(vault: &Vault, auth: Value, secret: &str) -> (Manifest, Grant) {
    let mut entry = json!({"id": "key", "hosts": ["api.example.com"]});
    entry.as_object_mut().unwrap().extend(auth.as_object().unwrap().clone());
    let hosts = ["api.example.com", "other.example.com", "127.0.0.1"];
    let egress = hosts.map(|host| json!({"host": host, "ports": "any", "methods": "any", "reason": "tests"}));
    let manifest = manifest(Value::from(egress.to_vec()), json!([entry]));
    let mut grant = grant(&[
        "* http://api.example.com:* via 127.0.0.1",
        "* http://other.example.com:* via 127.0.0.1",
        "* http://127.0.0.1:*",
    ]);
    grant.credentials.insert("key".parse().unwrap(), Source::File(vault.file("secret", &format!("{secret}\n"), 0o600)));
    (manifest, grant)
}

async fn service(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Service {
    Service::tls(&["api.example.com", "other.example.com", "127.0.0.1"], answer).await
}

fn bench(policy: &(Manifest, Grant), services: &[&Service]) -> Bench {
    let bench = Bench::new(&policy.0, &policy.1, services);
    bench.resolve("api.example.com", &[&["127.0.0.1"]]).resolve("other.example.com", &[&["127.0.0.1"]])
}

#[tokio::test]
async fn a_credential_arrives_where_the_manifest_says() {
    let vault = Vault::new();
    for (auth, secret, expected) in [
        (json!({"type": "bearer"}), SECRET, "\r\nauthorization: Bearer s3cr3t/canary+token\r\n"),
        (json!({"type": "oauth2"}), SECRET, "\r\nauthorization: Bearer s3cr3t/canary+token\r\n"),
        (
            json!({"type": "api-key", "attach": {"in": "header", "name": "x-api-key"}}),
            SECRET,
            "\r\nx-api-key: s3cr3t/canary+token\r\n",
        ),
        (
            json!({"type": "api-key", "attach": {"in": "query", "name": "api key"}}),
            SECRET,
            "GET /v1?a=1&api%20key=s3cr3t%2Fcanary%2Btoken HTTP/1.1\r\n",
        ),
        (
            json!({"type": "basic", "attach": {"in": "basic"}}),
            "user:password",
            "\r\nauthorization: Basic dXNlcjpwYXNzd29yZA==\r\n",
        ),
        (json!({"type": "basic"}), "user:password", "\r\nauthorization: Basic dXNlcjpwYXNzd29yZA==\r\n"),
    ] {
        let service = service(|_| Answer::ok("")).await;
        let bench = bench(&bound(&vault, auth, secret), &[&service]);
        bench.get(&format!("https://api.example.com:{}/v1?a=1", service.port())).await.unwrap();
        let arrived = service.last();
        assert!(arrived.contains(expected), "{arrived}");
        assert!(arrived.contains("\r\naccept-encoding: identity\r\n"), "{arrived}");
    }
}

#[tokio::test]
async fn a_credential_goes_to_its_host_over_tls_and_nowhere_else() {
    let vault = Vault::new();
    let policy = bound(&vault, json!({"type": "bearer"}), SECRET);
    let (secure, plain) = (service(|_| Answer::ok("")).await, Service::plain(|_| Answer::ok("")).await);
    let bench = bench(&policy, &[&secure]);
    bench.get(&format!("https://other.example.com:{}/", secure.port())).await.unwrap();
    bench.get(&format!("https://127.0.0.1:{}/", secure.port())).await.unwrap();
    // Bound for the host, and plain text: that is said, and nothing leaves.
    let denial = bench.denied(request("GET", &format!("http://api.example.com:{}/", plain.port()), &[], "")).await;
    assert_eq!(denial.layer, Layer::Credential);
    assert!(denial.reason.contains("https only"), "{}", denial.reason);
    bench.get(&format!("http://127.0.0.1:{}/", plain.port())).await.unwrap();
    for arrived in secure.received().iter().chain(&plain.received()) {
        assert!(!arrived.contains("s3cr3t") && !arrived.contains("authorization"), "{arrived}");
    }
    assert_eq!((secure.received().len(), plain.received().len()), (2, 1));
    // A port that is not granted is no place for it either.
    let mut narrow = policy.1.clone();
    narrow.egress = vec!["GET https://api.example.com:1 via 127.0.0.1".parse().unwrap()];
    let bench = Bench::new(&policy.0, &narrow, &[&secure]).resolve("api.example.com", &[&["127.0.0.1"]]);
    let denial = bench.denied(request("GET", &format!("https://api.example.com:{}/", secure.port()), &[], "")).await;
    assert_eq!(denial.layer, Layer::Grant);
}

#[tokio::test]
async fn a_service_that_no_one_vouches_for_never_sees_it() {
    let vault = Vault::new();
    let policy = bound(&vault, json!({"type": "bearer"}), SECRET);
    let (impostor, unrelated) = (service(|_| Answer::ok("")).await, service(|_| Answer::ok("")).await);
    let bench = bench(&policy, &[&unrelated]);
    let error = bench.get(&format!("https://api.example.com:{}/", impostor.port())).await.unwrap_err();
    assert!(matches!(error, HttpError::TlsCertificateError), "{error:?}");
    assert!(impostor.received().is_empty());
}

#[tokio::test]
async fn a_redirect_does_not_carry_it_on() {
    let vault = Vault::new();
    let policy = bound(&vault, json!({"type": "bearer"}), SECRET);
    let other = Service::plain(|_| Answer::ok("")).await;
    let location = format!("http://127.0.0.1:{}/", other.port());
    let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let first = service(move |_| Answer::raw(&answer)).await;
    let bench = bench(&policy, &[&first]);
    let response = bench.get(&format!("https://api.example.com:{}/", first.port())).await.unwrap();
    assert_eq!((response.status().as_u16(), other.connections()), (307, 0));
    bench.get(response.headers()["location"].to_str().unwrap()).await.unwrap();
    assert!(!other.last().contains("s3cr3t"));
}

#[tokio::test]
async fn its_places_are_not_the_guests() {
    let vault = Vault::new();
    let service = service(|_| Answer::ok("")).await;
    let uri = |host: &str| format!("https://{host}:{}/v1", service.port());
    let header = bench(
        &bound(&vault, json!({"type": "api-key", "attach": {"in": "header", "name": "X-Api-Key"}}), SECRET),
        &[&service],
    );
    for name in ["authorization", "cookie", "x-api-key"] {
        let denial = header.denied(request("GET", &uri("api.example.com"), &[(name, "mine")], "")).await;
        assert_eq!(denial.layer, Layer::Header, "{name}");
        let plain = header.denied(request("GET", "http://api.example.com:1/", &[(name, "mine")], "")).await;
        assert_eq!(plain.layer, Layer::Header, "{name}");
        // Elsewhere they are its own.
        header.fetch(request("GET", &uri("other.example.com"), &[(name, "mine")], "")).await.unwrap();
    }
    let query = bench(
        &bound(&vault, json!({"type": "api-key", "attach": {"in": "query", "name": "key"}}), SECRET),
        &[&service],
    );
    for taken in ["?key=mine", "?a=1&key=mine", "?a=1&%6bey=mine", "?a;key=x", "?key"] {
        let denial = query.denied(request("GET", &format!("{}{taken}", uri("api.example.com")), &[], "")).await;
        assert_eq!(denial.layer, Layer::Header, "{taken}");
    }
    assert!(service.received().iter().all(|arrived| arrived.contains("other.example.com")));
}

#[tokio::test]
async fn a_request_that_holds_the_secret_already_is_refused() {
    let vault = Vault::new();
    let service = service(|_| Answer::ok("")).await;
    let bench = bench(&bound(&vault, json!({"type": "bearer"}), SECRET), &[&service]);
    let origin = format!("https://api.example.com:{}", service.port());
    for (uri, headers) in [
        (format!("{origin}/{SECRET}"), &[][..]),
        (format!("{origin}/?q=s3cr3t%2Fcanary%2Btoken"), &[]),
        (origin.clone(), &[("x-note", "see s3cr3t/canary+token here")]),
    ] {
        let denial = bench.denied(request("GET", &uri, headers, "")).await;
        assert_eq!(denial.layer, Layer::Credential);
        assert!(!format!("{denial:?}").contains("canary"), "{denial:?}");
    }
    assert!(service.received().is_empty());
}

#[tokio::test]
async fn what_the_service_repeats_of_it_is_blotted_out() {
    let vault = Vault::new();
    let body = r#"{"you sent":"Bearer s3cr3t/canary+token","encoded":"s3cr3t%2Fcanary%2Btoken","s3cr3t/canar":1}"#;
    let head = format!(
        "HTTP/1.1 200 OK\r\nx-echo: a s3cr3t/canary+token b\r\nset-cookie: session=1\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // The network cuts wherever it likes.
    for cut in [1, 7, body.len() / 3, body.len()] {
        let pieces: Vec<(u64, Vec<u8>)> = body.as_bytes().chunks(cut).map(|piece| (0, piece.to_vec())).collect();
        let head = head.clone();
        let service = service(move |_| {
            let mut all = vec![(0, head.clone().into_bytes())];
            all.extend(pieces.clone());
            Answer::Say(all)
        })
        .await;
        let bench = bench(&bound(&vault, json!({"type": "bearer"}), SECRET), &[&service]);
        let response = bench.get(&format!("https://api.example.com:{}/", service.port())).await.unwrap();
        assert_eq!(response.headers()["x-echo"], "a ******************* b");
        assert!(!response.headers().contains_key("set-cookie"), "a session that a credential opened is one");
        let stars = |count: usize| "*".repeat(count);
        let expected = format!(r#"{{"you sent":"Bearer {}","encoded":"{}","s3cr3t/canar":1}}"#, stars(19), stars(23));
        assert_eq!(*response.body(), expected, "in pieces of {cut}");
    }
}

#[tokio::test]
async fn a_rotated_secret_is_in_force_at_once() {
    let vault = Vault::new();
    let service = service(|_| Answer::ok("")).await;
    let bench = bench(&bound(&vault, json!({"type": "bearer"}), SECRET), &[&service]);
    let uri = format!("https://api.example.com:{}/", service.port());
    bench.get(&uri).await.unwrap();
    vault.file("secret", "another-secret", 0o600);
    bench.get(&uri).await.unwrap();
    assert!(service.last().contains("Bearer another-secret\r\n"));
}

#[tokio::test]
async fn a_file_that_others_may_read_is_no_place_for_a_secret() {
    let vault = Vault::new();
    let mut policy = bound(&vault, json!({"type": "bearer"}), SECRET);
    let service = service(|_| Answer::ok("")).await;
    let missing = vault.folder.path().join("missing");
    let long = "a".repeat(jackfield_broker::limits::SECRET_BYTES + 1);
    for (path, reason, fix) in [
        (vault.file("group", SECRET, 0o640), "has mode 0640: others than its owner may use it", Some("chmod 600 ")),
        (vault.file("world", SECRET, 0o604), "has mode 0604: others than its owner may use it", Some("chmod 600 ")),
        (vault.folder.path().to_owned(), "is not a regular file", None),
        (missing, "can't be opened: No such file or directory (os error 2)", None),
        (
            vault.file("empty", "\n", 0o600),
            "holds fewer than 8 characters, too few to tell it from ordinary text",
            None,
        ),
        (
            vault.file("lines", "first-line\nsecond-line\n", 0o600),
            "holds more than one line of visible ASCII characters",
            None,
        ),
        (vault.file("long", &long, 0o600), "holds more than 65536 bytes", None),
    ] {
        policy.1.credentials.insert("key".parse().unwrap(), Source::File(path));
        let bench = bench(&policy, &[&service]);
        let denial =
            bench.denied(request("GET", &format!("https://api.example.com:{}/", service.port()), &[], "")).await;
        assert_eq!(denial.layer, Layer::Credential);
        assert!(
            denial.reason.starts_with("the credential `key` can't be read: `") && denial.reason.ends_with(reason),
            "{}",
            denial.reason
        );
        match fix {
            Some(fix) => assert!(denial.fix.unwrap().starts_with(fix)),
            None => assert_eq!(denial.fix, None),
        }
    }
    assert_eq!(service.connections(), 0);
}

#[test]
fn what_can_not_be_attached_is_refused_at_install() {
    let vault = Vault::new();
    for (auth, code) in [
        (json!({"type": "hmac", "attach": {"in": "signature"}}), "credential-not-attachable"),
        (json!({"type": "sigv4", "attach": {"in": "signature"}}), "credential-not-attachable"),
        (json!({"type": "bearer", "attach": {"in": "signature"}}), "credential-not-attachable"),
        (json!({"type": "api-key", "attach": {"in": "header", "name": "host"}}), "credential-not-attachable"),
        (json!({"type": "api-key", "attach": {"in": "header", "name": "content-length"}}), "credential-not-attachable"),
        (json!({"type": "api-key", "attach": {"in": "header", "name": "no header"}}), "credential-not-attachable"),
        (
            json!({"type": "api-key", "attach": {"in": "header", "name": "x", "prefix": "a\r\nb"}}),
            "credential-not-attachable",
        ),
        (json!({"id": "other", "type": "bearer"}), "credential-unknown"),
    ] {
        let (manifest, grant) = bound(&vault, auth.clone(), SECRET);
        assert_eq!(Policy::new(&manifest, &grant).map(drop).unwrap_err().code, code, "{auth}");
    }
    let (mut manifest, mut grant) = bound(&vault, json!({"type": "bearer"}), SECRET);
    let mut second = manifest.auth[0].clone();
    second.id = "second".parse().unwrap();
    manifest.auth.push(second);
    grant.credentials.insert("second".parse().unwrap(), Source::File(vault.file("second", SECRET, 0o600)));
    assert_eq!(Policy::new(&manifest, &grant).map(drop).unwrap_err().code, "credential-place-taken");
}

#[test]
fn whether_secrets_can_be_read_is_known_before_the_first_call() {
    let vault = Vault::new();
    let (manifest, mut grant) = bound(&vault, json!({"type": "basic"}), "no-colon-in-here");
    let egress = |grant: &Grant| {
        let wire = Wire::new(Arc::new(Answers::default()), &tls_config(&[]).unwrap());
        Egress::new(&manifest, grant, Box::new(wire)).unwrap()
    };
    assert_eq!(
        egress(&grant).check_credentials().unwrap_err().message,
        "the credential `key` is not of the form `user:password`"
    );
    grant.credentials.insert("key".parse().unwrap(), Source::File(vault.file("good", "user:password", 0o600)));
    egress(&grant).check_credentials().unwrap();
}

/// What wraps the transport, such as a recorder of exchanges, must find no secret in its hands.
#[tokio::test]
async fn nothing_above_the_wire_sees_it() {
    struct Recorder(Wire, Arc<Mutex<String>>);
    impl Transport for Recorder {
        fn send(&self, outgoing: Outgoing) -> Sending<'_> {
            Box::pin(async move {
                let seen = format!("{} {:?}", outgoing.request.uri(), outgoing.request.headers());
                self.1.lock().unwrap().push_str(&seen);
                let response = self.0.send(outgoing).await?;
                self.1.lock().unwrap().push_str(&format!("{:?}", response.headers()));
                Ok(response)
            })
        }
    }
    let vault = Vault::new();
    let (manifest, grant) = bound(&vault, json!({"type": "bearer"}), SECRET);
    let service =
        service(|_| Answer::raw("HTTP/1.1 200 OK\r\nx-echo: s3cr3t/canary+token\r\ncontent-length: 0\r\n\r\n")).await;
    let resolver = Arc::new(Answers::default());
    resolver.answers.lock().unwrap().insert("api.example.com".into(), vec![vec!["127.0.0.1".parse().unwrap()]]);
    let seen = Arc::new(Mutex::new(String::new()));
    let wire = Wire::new(resolver, &tls_config(&[service.root.clone().unwrap()]).unwrap());
    let egress = Egress::new(&manifest, &grant, Box::new(Recorder(wire, seen.clone()))).unwrap();
    let call = CallEgress::new(Arc::new(egress), "fetch".into(), &Limits::default(), Arc::default());
    call.send(request("GET", &format!("https://api.example.com:{}/", service.port()), &[], ""), None).await.unwrap();
    assert!(service.last().contains("s3cr3t"));
    assert!(
        seen.lock().unwrap().contains("x-echo") && !seen.lock().unwrap().contains("s3cr3t"),
        "{}",
        seen.lock().unwrap()
    );
}
