//! Secrets that nobody else has go through the real command: accounts connected, used, renewed, lost; a key made and a release published
//! with it; processes killed in the middle. Then they are looked for in everything that was printed, written or sent elsewhere.
//! tests/it/tests/it/canary.rs does the same within one process, at the level `trace`, on either database.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jackfield_package::manifest::{Attach, AuthType, Scope};
use jackfield_test_kit::{
    Authority, Canaries, HttpServer, PackageBuilder, Received, Reply, people::CLIENT_SECRET, programs, publisher,
};
use serde_json::{Value, json};

use crate::kit::{Desk, Server, on_each_database};

/// What is handed in by files on the desk, and stays in them by right.
const HANDED_IN: [&str; 6] = ["app-secret", "key", "login", "passphrase", "password", "data/operator-token"];

/// The desk, and everything that was printed on it.
struct Witness<'a> {
    desk: &'a Desk,
    printed: String,
}

impl Witness<'_> {
    /// Runs a command with all diagnostics; what it prints is kept. Its temporary files lie on the desk.
    fn run(&mut self, arguments: &[&str]) -> (i32, Value) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.printed += &format!("{arguments:?}\n{}\n{}\n", text(&output.stdout), text(&output.stderr));
        (output.status.code().unwrap_or(-1), serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    fn ok(&mut self, arguments: &[&str]) -> Value {
        let (code, answer) = self.run(arguments);
        assert_eq!(code, 0, "{}", self.printed);
        answer
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.desk.command("home", &[arguments, &["-vv", "--output", "json"]].concat());
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full").env("TMPDIR", self.desk.path("tmp"));
        command.env("JACKFIELD_CA_FILE", self.desk.path("authority.pem")).env("USER", "ann");
        command
    }

    /// Begins a command that waits for somebody else, and kills it while it does; what the system knows of it is kept.
    fn killed(&mut self, arguments: &[&str], waits: impl FnOnce(&mut Child)) {
        let mut child = self.command(arguments).spawn().unwrap();
        waits(&mut child);
        for file in ["environ", "cmdline", "maps"] {
            let known = std::fs::read(format!("/proc/{}/{file}", child.id())).unwrap();
            self.printed += &String::from_utf8_lossy(&known);
        }
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        self.printed += &String::from_utf8_lossy(&output.stderr);
    }
}

/// The provider and the service, both of which repeat what they are sent.
struct World {
    provider: HttpServer,
    service: HttpServer,
    elsewhere: HttpServer,
    /// From now on neither answers.
    silent: Arc<AtomicBool>,
}

impl World {
    async fn new(authority: &Authority, secrets: [String; 5]) -> Self {
        let silent = Arc::new(AtomicBool::new(false));
        let [access, refresh, second, second_refresh, id_token] = secrets;
        let (asked, is_silent) = (AtomicUsize::new(0), silent.clone());
        let first = access.clone();
        let provider = HttpServer::start(move |request| match request.target() {
            "/userinfo" => Reply::text(r#"{"sub": "583231", "login": "ann"}"#),
            _ if is_silent.load(Ordering::SeqCst) => Reply::silent(),
            _ => {
                let tokens = |access: &str, refresh: &str| {
                    json!({"access_token": access, "refresh_token": refresh, "id_token": id_token, "expires_in": 3600})
                };
                match asked.fetch_add(1, Ordering::SeqCst) {
                    0 => Reply::text(tokens(&first, &refresh).to_string()),
                    1 => Reply::text(tokens(&second, &second_refresh).to_string()),
                    _ => {
                        let words = format!(
                            "{} {} {second_refresh} {CLIENT_SECRET} {second}",
                            request.head,
                            String::from_utf8_lossy(&request.body),
                        );
                        let body = json!({ "error": "temporarily_unavailable", "error_description": words }).to_string();
                        Reply::raw(format!("HTTP/1.1 400 {CLIENT_SECRET}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
                    }
                }
            }
        })
        .await;
        let is_silent = silent.clone();
        let service = HttpServer::start_tls(authority, &["127.0.0.1"], move |request| match request.target() {
            _ if is_silent.load(Ordering::SeqCst) => Reply::silent(),
            target if target.starts_with("/renew") && request.head.contains(&access) => Reply::status(401),
            _ => Reply::text(request.head.clone()).header("x-repeated", &request.head.replace("\r\n", " ")),
        })
        .await;
        let elsewhere = HttpServer::start(|_| Reply::text("taken")).await;
        Self { provider, service, elsewhere, silent }
    }
}

/// A browser, as far as a provider `acme` needs one that consents at once.
pub(crate) fn consent(link: &str) {
    let (start, cookie) = ask(link, "", None);
    let between = |text: &str, from: &str, to: &str| {
        let rest = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}")).1;
        rest.split_once(to).unwrap().0.to_owned()
    };
    let form = between(&start, "name=\"form\" value=\"", "\"");
    let (leave, _) = ask(link, &cookie, Some(&format!("form={form}")));
    let state = between(&leave, "state=", "&");
    let origin = link.split("/connect/").next().unwrap();
    let (end, _) = ask(&format!("{origin}/connect/callback/acme?code=once&state={state}"), &cookie, None);
    assert!(end.contains("303"), "{end}");
}

/// One request over plain HTTP: the whole answer, and the cookie that it sets.
fn ask(url: &str, cookie: &str, form: Option<&str>) -> (String, String) {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_at(rest.find('/').unwrap());
    let mut stream = TcpStream::connect(host).unwrap();
    let (method, form) = form.map_or(("GET", ""), |form| ("POST", form));
    let kind = "content-type: application/x-www-form-urlencoded\r\nconnection: close";
    let length = form.len();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{form}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    (answer, cookie)
}

/// Somebody who waits until a server has been asked for this.
async fn until_asked(server: &HttpServer, what: &str) {
    let asked = |request: &Received| request.head.contains(what);
    for _ in 0..600 {
        if server.received().iter().any(asked) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody asks for {what}");
}

async fn tell(desk: &Desk, registry: &Server) {
    let mut canaries = Canaries::new();
    let names = ["access token", "refresh token", "second access token", "second refresh token", "id token"];
    let tokens = names.map(|name| canaries.hatch(name));
    let (key, login, passphrase) =
        (canaries.hatch("API key"), canaries.hatch("password"), canaries.hatch("passphrase"));
    canaries.watch("client secret", CLIENT_SECRET);
    let authority = Authority::new();
    let world = World::new(&authority, tokens).await;

    let mut witness = Witness { desk, printed: String::new() };
    let write = |name: &str, text: &str| std::fs::write(desk.path(name), text).unwrap();
    std::fs::create_dir(desk.path("tmp")).unwrap();
    write("authority.pem", &authority.root_pem());
    write("app-secret", CLIENT_SECRET);
    write("key", &key);
    write("login", &format!("ann:{login}"));
    write("passphrase", &passphrase);
    write("publisher.pem", &publisher().public_key().to_pem());
    let provider = format!("http://127.0.0.1:{}", world.provider.port());
    let entry = format!(
        "name = \"acme\"\ntitle = \"Acme\"\ndocs = \"https://id.acme.example/docs\"\nread = \"2026-11-21\"\n\
         addresses = [\"127.0.0.1/32\"]\n[authorize]\nurl = \"{provider}/authorize\"\npkce = \"S256\"\nloopback = \"any-port\"\n\
         [token]\nurl = \"{provider}/token\"\nauth = \"basic\"\n[refresh]\nkind = \"rotating\"\n\
         [userinfo]\nurl = \"{provider}/userinfo\"\nid = \"/sub\"\nname = \"/login\"\n"
    );
    write("acme.toml", &entry);

    // Three installations, each with an account of its kind.
    witness.ok(&["trust", "add", "publisher.pem", "--namespace", "test"]);
    witness.ok(&["provider", "add", "acme.toml"]);
    let (service, elsewhere) = (world.service.port(), world.elsewhere.port());
    let kinds = [
        ("oauth", AuthType::Oauth2, Attach::default()),
        ("key", AuthType::ApiKey, Attach::Query { name: "key".to_owned() }),
        ("login", AuthType::Basic, Attach::Basic {}),
    ];
    for (name, kind, attach) in kinds {
        let package = PackageBuilder::of(programs::FETCH)
            .named(&format!("test:{name}"))
            .asks("GET,POST https://127.0.0.1:*")
            .auth("account", &["127.0.0.1"], attach)
            .manifest(|manifest| {
                let auth = &mut manifest.auth[0];
                auth.r#type = kind;
                if kind == AuthType::Oauth2 {
                    auth.provider = Some("acme".parse().unwrap());
                    auth.scopes = vec![Scope { name: "read".to_owned(), reason: "to read".to_owned() }];
                }
            });
        let (package, bundle) = package.signed();
        std::fs::write(desk.path("it.wasm"), package.bytes()).unwrap();
        std::fs::write(desk.path("it.wasm.sigstore.json"), bundle.to_bytes()).unwrap();
        let allow = [format!("GET,POST https://127.0.0.1:{service}")];
        witness.ok(&["install", "it.wasm", "--allow", &allow[0]]);
    }
    let connected = |witness: &mut Witness<'_>, more: &[&str]| {
        let arguments =
            [&["connect", "test:oauth", "--client-id", "app", "--client-secret-from", "app-secret"], more].concat();
        let mut child = witness.command(&arguments).spawn().unwrap();
        let mut says = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("\"open\"") {
            line.clear();
            assert_ne!(says.read_line(&mut line).unwrap(), 0, "it says where to sign in");
            witness.printed += &line;
        }
        let link: Value = serde_json::from_str(&line).unwrap();
        consent(link["open"].as_str().unwrap());
        let output = child.wait_with_output().unwrap();
        let mut rest = String::new();
        says.read_to_string(&mut rest).unwrap();
        witness.printed += &format!("{rest}{}", String::from_utf8_lossy(&output.stdout));
        assert!(output.status.success(), "{}", witness.printed);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["connection"]["id"].as_str().unwrap().to_owned()
    };
    let id = tokio::task::block_in_place(|| connected(&mut witness, &["--no-browser"]));
    witness.ok(&["connect", "test:key", "--token-from", "key"]);
    witness.ok(&["connect", "test:login", "--token-from", "login"]);

    // Used, and repeated; denied; failing; renewed; tried, and told why not.
    let input = |path: &str, more: Value| {
        let mut input = json!({ "url": format!("https://127.0.0.1:{service}{path}") });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input.to_string()
    };
    tokio::task::block_in_place(|| {
        for name in ["test:oauth", "test:key", "test:login"] {
            let answer = witness.ok(&["invoke", name, "run", "--bill", "--input", &input("/items", json!({}))]);
            assert!(answer.to_string().contains("***"), "what was repeated was there: {answer}");
            let body = json!({ "method": "POST", "body": answer.to_string() });
            witness.ok(&["invoke", name, "run", "--input", &input("/take", body)]);
            let denied = json!({ "headers": [["authorization", "mine"]], "fail_as": "denied" });
            assert_ne!(witness.run(&["invoke", name, "run", "--input", &input("/", denied)]).0, 0);
            let unreachable = json!({ "url": "https://127.0.0.1:1/", "fail_as": "unreachable" }).to_string();
            assert_ne!(witness.run(&["invoke", name, "run", "--input", &unreachable]).0, 0);
        }
        witness.ok(&["invoke", "test:oauth", "run", "--input", &input("/renew", json!({}))]);
        assert_ne!(witness.run(&["connections", "test", &id]).0, 0, "{}", witness.printed);
        for arguments in [
            &["connections", "list"][..],
            &["connections", "show", &id],
            &["provider", "show", "acme"],
            &["grant", "test:oauth"],
        ] {
            witness.ok(arguments);
        }
    });

    // A guest that passes on what it saw, to a host that is granted and has no credential.
    let plain = format!("http://127.0.0.1:{elsewhere}");
    tokio::task::block_in_place(|| {
        let package = PackageBuilder::of(programs::FETCH).named("test:tells").asks("POST http://127.0.0.1:*");
        let (package, bundle) = package.signed();
        std::fs::write(desk.path("it.wasm"), package.bytes()).unwrap();
        std::fs::write(desk.path("it.wasm.sigstore.json"), bundle.to_bytes()).unwrap();
        witness.ok(&["install", "it.wasm", "--allow", &format!("POST {plain}")]);
        let seen = witness.printed.clone();
        let take = json!({ "method": "POST", "url": format!("{plain}/take"), "body": &seen[..seen.len().min(60_000)] });
        write("take.json", &take.to_string());
        witness.ok(&["invoke", "test:tells", "run", "--input", "@take.json"]);
    });

    // A key with its passphrase, a registry with its token, a release.
    tokio::task::block_in_place(|| {
        witness.ok(&["key", "new", "canary", "--passphrase-file", "passphrase"]);
        witness.ok(&["login", "--registry", &registry.url, "--user", "ada", "--password-file", "password"]);
        witness.ok(&["whoami"]);
        desk.write("out.wasm", programs::ECHO, "1.0.0");
        let signed = ["publish", "out.wasm", "--key", "canary", "--passphrase-file", "passphrase"];
        assert_ne!(witness.run(&signed).0, 0, "another key than the namespace's");
    });
    canaries.watch("registry password", std::fs::read_to_string(desk.path("password")).unwrap().trim());
    canaries.watch("operator token", std::fs::read_to_string(desk.path("data/operator-token")).unwrap().trim());
    let signed_in = std::fs::read_to_string(desk.path("home/credentials.toml")).unwrap();
    let token = signed_in.lines().find_map(|line| line.strip_prefix("token = \"")).unwrap();
    canaries.watch("token of the registry", token.trim_end_matches('"'));

    // Killed: within a call, and while somebody signs in.
    world.silent.store(true, Ordering::SeqCst);
    let runtime = tokio::runtime::Handle::current();
    tokio::task::block_in_place(|| {
        let stalled = input("/stalled", json!({}));
        witness.killed(&["invoke", "test:oauth", "run", "--input", &stalled], |_| {
            runtime.block_on(until_asked(&world.service, "/stalled"));
        });
        let before = world.provider.received().len();
        witness.killed(&["connections", "reconnect", &id, "--no-browser"], |child| {
            let mut line = String::new();
            let mut says = BufReader::new(child.stderr.as_mut().unwrap());
            while !line.contains("\"open\"") {
                line.clear();
                assert_ne!(says.read_line(&mut line).unwrap(), 0);
            }
        });
        assert_eq!(world.provider.received().len(), before, "nobody has gone to the provider");
        witness.ok(&["connections", "show", &id]);
    });

    // Whatever was printed, written or sent elsewhere, none of it is there.
    let home = desk.path("home");
    let master = std::fs::read_to_string(home.join("broker.key")).unwrap();
    canaries.watch("master key", master.trim());
    let mut rightful: Vec<PathBuf> = HANDED_IN.iter().map(|name| desk.path(name)).collect();
    rightful.push(home.join("broker.key"));
    // What `login` keeps, mode 0600.
    rightful.extend(["home", "ada", "admin"].map(|home| desk.path(home).join("credentials.toml")));
    let none = |place: &str, found: Vec<String>| assert!(found.is_empty(), "{place} holds {found:#?}");
    none("what was printed", canaries.found_in(witness.printed.as_bytes()));
    none("the desk", canaries.found_below(desk.path("").as_path(), &rightful));
    for request in world.elsewhere.received() {
        none("another host", canaries.found_in(&[request.head.as_bytes(), &request.body].concat()));
    }
    // And they are where they belong: this search would have found them.
    let wire: String = world.service.received().iter().map(|request| request.head.clone()).collect();
    assert_eq!(canaries.found_in(wire.as_bytes()).len(), 4, "two access tokens, the key and the password");
}

#[test]
fn nothing_that_the_command_prints_writes_or_sends_elsewhere_holds_a_secret() {
    // The server says all that it has to say into a file of the desk.
    on_each_database(&["-vv"], |desk, registry| {
        tokio::runtime::Runtime::new().unwrap().block_on(async { tell(desk, registry).await });
    });
}
