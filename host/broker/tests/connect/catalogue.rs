//! Every entry: what it is, and word for word what is sent by it.

use std::{collections::BTreeMap, fs};

use jackfield_broker::{
    flow::{
        CodeGrant,
        authorize::{self, Consent},
    },
    provider::{Catalogue, Entry, Loopback, Pkce, RefreshKind, discovery},
    token::{GrantKind, Held, TokenSource as _},
};
use tempfile::TempDir;

use crate::kit::{Fake, Next, Unwrapped as _, at, flows, secret, terms};

/// An answer with a token wherever any entry looks for one.
const ANSWER: &str = r#"{
    "ok": true, "access_token": "at", "refresh_token": "rt", "expires_in": 3600, "token_type": "bearer", "scope": "read",
    "authed_user": {"id": "U1", "access_token": "at", "scope": "read"}, "team": {"id": "T1", "name": "Acme"},
    "device_code": "dc", "user_code": "ABCD-EFGH", "verification_uri": "https://example.com/device", "expires": 900
}"#;

const KEY: &str = include_str!("key.pem");

const EXPECTED: [&str; 19] = [
    "airtable",
    "asana",
    "atlassian",
    "discord",
    "dropbox",
    "github",
    "gitlab",
    "google",
    "hubspot",
    "linear",
    "microsoft",
    "notion",
    "salesforce",
    "shopify",
    "slack",
    "slack-user",
    "stripe",
    "zendesk",
    "zoom",
];

#[test]
fn every_provider_that_is_promised_is_there_and_whole() {
    let catalogue = Catalogue::built_in().unwrap();
    let names: Vec<_> = catalogue.entries().map(|entry| entry.name.to_string()).collect();
    assert_eq!(names, EXPECTED);
    for entry in catalogue.entries() {
        let name = &entry.name;
        assert!(entry.docs.starts_with("https://"), "{name} says where it is documented");
        assert!(entry.addresses.is_empty(), "{name} is public");
        assert!(entry.read.as_str() >= "2026-11-21", "{name} says when that was last read");
        let authorize = entry.authorize.as_ref().unwrap();
        if let Pkce::Off(reason) = &authorize.pkce {
            assert!(reason.len() > 20, "{name} says why there is no PKCE");
        }
        let rotates = entry.refresh.kind == RefreshKind::Rotating;
        assert!(rotates || entry.refresh.lifetime_s.is_none(), "{name}: only a rotating token has a life of its own");
        // What is written is what is read.
        assert_eq!(Entry::parse(&entry.to_toml()).unwrap(), *entry);
    }
}

#[tokio::test]
async fn what_is_sent_to_every_provider_is_known_word_for_word() {
    for name in EXPECTED {
        let mut log = String::new();
        let fake = Fake::answering([Next::Json(200, ANSWER)]);
        let flows = flows(fake.clone());
        let client = secret("s3cret/with+odd:chars");
        let verifier = secret(&"v".repeat(43));
        let by_code = terms(name, GrantKind::AuthorizationCode);
        let provider = flows.provider(&by_code).unwrap();
        let redirect_uri = format!("https://connect.example/connect/callback/{name}");
        let consent = Consent {
            client_id: &by_code.client_id,
            redirect_uri: &redirect_uri,
            scopes: &by_code.scopes,
            state: "the-state",
            verifier: &verifier,
        };
        let url = authorize::url(&provider, &consent).unwrap();
        log += &format!("# A person is sent to\n{}\n", url.as_str().replace('&', "\n&"));

        let has_pkce = provider.authorize.as_ref().unwrap().pkce == Pkce::S256;
        let code = secret("the-code");
        let grant = CodeGrant { code: &code, redirect_uri: &redirect_uri, verifier: has_pkce.then_some(&verifier) };
        flows.exchange_code(&by_code, Some(&client), &grant).await.ok_or_panic();
        let mut seen = 0;
        let mut since = |title: &str, log: &mut String| {
            for (nth, request) in fake.asked().iter().enumerate().skip(seen) {
                let title = if nth == seen { title } else { "The account is asked for" };
                *log += &format!("\n# {title}\n{request}");
            }
            seen = fake.asked().len();
        };
        since("A code is exchanged", &mut log);

        let held = || Held {
            access: Some(secret("the-access-token")),
            refresh: Some(secret("the-refresh-token")),
            client: Some(client.copy()),
        };
        let renewed = flows.renew(&by_code, &held()).await;
        assert_eq!(renewed.is_ok(), provider.refresh.kind != RefreshKind::None);
        since("A token is refreshed", &mut log);
        if provider.device.is_some() {
            let by_device = terms(name, GrantKind::DeviceCode);
            let device = flows.device_code(&by_device, Some(&client)).await.ok_or_panic();
            since("A device asks for a code", &mut log);
            flows.poll_device(&by_device, Some(&client), &device.code).await.ok_or_panic();
            since("A device asks for tokens", &mut log);
        }
        if provider.client_credentials.is_some() {
            let by_client = terms(name, GrantKind::ClientCredentials);
            flows.client_credentials(&by_client, Some(&client)).await.ok_or_panic();
            since("The client asks for itself", &mut log);
        }
        if provider.jwt_bearer.is_some() {
            let by_key = terms(name, GrantKind::JwtBearer);
            flows.jwt_bearer(&by_key, Some(&secret(KEY))).await.ok_or_panic();
            since("A signed assertion is exchanged", &mut log);
        }
        flows.revoke(&by_code, &held()).await.ok_or_panic();
        since("The tokens are taken back", &mut log);
        insta::with_settings!({ filters => vec![(r"eyJ[A-Za-z0-9._-]+", "[jwt]")], prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, log);
        });
    }
}

#[test]
fn a_template_takes_what_its_pattern_takes_and_nothing_that_leaves_its_place() {
    let catalogue = Catalogue::built_in().unwrap();
    let resolve = |provider: &str, name: &str, value: &str| {
        let given = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        catalogue.find(provider).unwrap().resolve(&given)
    };
    assert_eq!(
        resolve("shopify", "shop", "acme").unwrap().token.url,
        "https://acme.myshopify.com/admin/oauth/access_token"
    );
    for evil in [
        "evil.com/",
        "evil.com#",
        "evil.com?",
        "acme.evil",
        "a@b",
        "acme\n",
        "acme%2f",
        "..",
        "",
        "ACME",
        "acme/../x",
        "acme:1",
        "аcme",
    ] {
        let refusal = resolve("shopify", "shop", evil).unwrap_err();
        assert_eq!(refusal.code, "provider-parameter-refused", "{evil:?}");
    }
    // A whole host may be said where the provider is one that people run themselves; still nothing beside it.
    assert_eq!(
        resolve("gitlab", "host", "git.acme.example").unwrap().issuer.as_deref(),
        Some("https://git.acme.example")
    );
    for evil in ["a@evil.com", "git.acme.example:8443", "localhost", "git..example", "[::1]"] {
        assert_eq!(resolve("gitlab", "host", evil).unwrap_err().code, "provider-parameter-refused", "{evil:?}");
    }
    for evil in
        ["evil.com", "login.salesforce.com.evil.com", "evil.com.my.salesforce.com.evil", "x.my.salesforce.com@evil.com"]
    {
        assert_eq!(resolve("salesforce", "domain", evil).unwrap_err().code, "provider-parameter-refused", "{evil:?}");
    }
    assert_eq!(resolve("shopify", "tenant", "acme").unwrap_err().code, "provider-parameter-unknown");
    assert_eq!(
        catalogue.find("shopify").unwrap().resolve(&BTreeMap::new()).unwrap_err().code,
        "provider-parameter-missing"
    );
    assert!(catalogue.find("slak").unwrap_err().hint.unwrap().contains("provider list"));
}

#[test]
fn a_file_with_anything_unknown_or_unsafe_in_it_is_refused() {
    let good = include_str!("../../catalogue/github.toml");
    Entry::parse(good).unwrap();
    for (from, to) in [
        ("[refresh]", "[refresh]\nspeed = 1"),
        ("https://github.com/login/oauth/access_token", "http://github.com/login/oauth/access_token"),
        ("https://github.com/login/oauth/access_token", "https://user@github.com/login"),
        ("https://github.com/login/oauth/access_token", "https://{host}/login"),
        ("\"S256\"", "\"plain\""),
        ("\"S256\"", "{ off = \"\" }"),
        ("\"any-port\"", "\"any-port\"\nparameters = { state = \"fixed\" }"),
        ("\"/id\"", "\"id\""),
        ("2026-11-21", "lately"),
    ] {
        let refusal = Entry::parse(&good.replace(from, to)).unwrap_err();
        assert_eq!(refusal.code, "provider-invalid", "{to}: {refusal}");
    }
}

#[test]
fn an_admin_adds_a_provider_under_a_name_of_its_own() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("providers");
    let mut catalogue = Catalogue::open(&folder).unwrap();
    let text = include_str!("../../catalogue/gitlab.toml");
    let taken = catalogue.add(Entry::parse(text).unwrap()).unwrap_err();
    assert_eq!(taken.code, "provider-name-taken");
    let path = catalogue.add(Entry::parse(&text.replace("\"gitlab\"", "\"acme-git\"")).unwrap()).unwrap();
    assert_eq!(Catalogue::open(&folder).unwrap().find("acme-git").unwrap().title, "GitLab");
    // Nobody gets around it by writing the file by hand.
    fs::write(folder.join("evil.toml"), text).unwrap();
    assert_eq!(Catalogue::open(&folder).unwrap_err().code, "provider-name-taken");
    fs::remove_file(folder.join("evil.toml")).unwrap();
    fs::write(&path, "name = ").unwrap();
    let refusal = Catalogue::open(&folder).unwrap_err();
    assert!(refusal.message.contains("acme-git.toml"), "{refusal}");
}

#[tokio::test]
async fn a_provider_is_discovered_by_its_issuer_and_by_no_other() {
    const METADATA: &str = r#"{
        "issuer": "https://id.example.com/tenant", "authorization_endpoint": "https://id.example.com/auth",
        "token_endpoint": "https://id.example.com/token", "code_challenge_methods_supported": ["S256"],
        "device_authorization_endpoint": "https://id.example.com/device", "userinfo_endpoint": "https://id.example.com/me",
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "authorization_response_iss_parameter_supported": true
    }"#;
    let discover = async |fake: &Fake, issuer: &str| {
        discovery::discover("acme".parse().unwrap(), at(issuer), "2026-11-21", fake).await
    };
    // The second place is RFC 8414's, where the first has nothing.
    let fake = Fake::answering([Next::Json(404, "{}"), Next::Json(200, METADATA)]);
    let entry = discover(&fake, "https://id.example.com/tenant").await.unwrap();
    let asked: Vec<_> = fake.asked().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        asked,
        [
            "GET https://id.example.com/tenant/.well-known/openid-configuration",
            "GET https://id.example.com/.well-known/oauth-authorization-server/tenant"
        ]
    );
    let authorize = entry.authorize.as_ref().unwrap();
    assert_eq!(
        (&authorize.pkce, authorize.issuer_required, authorize.loopback),
        (&Pkce::S256, true, Loopback::RegisteredPort)
    );
    assert!(entry.client_credentials.is_some() && entry.device.is_some() && entry.revoke.is_none());

    let code = async |next: Next, issuer: &str| discover(&Fake::answering([next]), issuer).await.unwrap_err().code;
    assert_eq!(code(Next::Json(200, METADATA), "https://id.example.com/other").await, "provider-issuer-mismatch");
    assert_eq!(code(Next::Json(200, "<html>"), "https://id.example.com").await, "provider-undiscovered");
    assert_eq!(code(Next::Json(200, METADATA), "http://id.example.com").await, "provider-issuer-invalid");
    assert_eq!(code(Next::Json(200, METADATA), "https://id.example.com/?x=1").await, "provider-issuer-invalid");
    const DOWNGRADED: &str = r#"{"issuer": "https://id.example.com", "token_endpoint": "http://id.example.com/token"}"#;
    assert_eq!(code(Next::Json(200, DOWNGRADED), "https://id.example.com").await, "provider-invalid");
}

#[test]
fn an_expired_token_is_known_where_it_is_no_401() {
    let flows = flows(Fake::answering([]));
    let says = |provider: &str, status: u16, body: &str| {
        let headers = [("content-type", "application/json; charset=utf-8")].map(|(name, value)| {
            (name.parse::<http::HeaderName>().unwrap(), value.parse::<http::HeaderValue>().unwrap())
        });
        let signs = flows.signs_of([provider].into_iter());
        let fitting = signs.fitting(status.try_into().unwrap(), &headers.into_iter().collect());
        !fitting.is_empty() && (fitting.are_shown_by_the_head() || fitting.are_shown_by(body.as_bytes()))
    };
    assert!(!says("github", 403, "rate limit"));
    assert!(says("slack", 200, r#"{"ok":false,"error":"token_expired"}"#));
    assert!(!says("slack", 200, r#"{"ok":false,"error":"channel_not_found"}"#));
    assert!(!says("slack", 200, r#"token_expired"#));
    assert!(says("salesforce", 403, "Bad_OAuth_Token"));
    assert!(says("linear", 400, r#"{"errors":[{"extensions":{"code":"AUTHENTICATION_ERROR"}}]}"#));
}
