//! The pages that a person sees, asked as a browser asks: each way in, and each way in which it goes wrong.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use jackfield_broker::{
    Broker, Caller, Parts,
    clock::HeldClock,
    flow::Flows,
    provider::Catalogue,
    sender::Sender,
    session::{Link, Outcome, Place, Sessions, Wish},
    token::{GrantKind, Terms},
    vault::FileKeys,
};
use jackfield_db::testing::TestDb;
use jackfield_package::manifest::{Attach, Auth, AuthType, Scope};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::kit::{Fake, NOON, Next, secret, terms};

const GOOD: Next =
    Next::Json(200, r#"{"access_token":"canary-access","refresh_token":"canary-refresh","scope":"read"}"#);
const RETURN_TO: &str = "https://app.example/settings?tab=connections";

struct Desk {
    sessions: Sessions,
    broker: Broker,
    clock: Arc<HeldClock>,
    fake: Arc<Fake>,
    caller: Caller,
    _home: TempDir,
    _db: TestDb,
}

impl Desk {
    async fn new(next: impl IntoIterator<Item = Next>) -> Self {
        Self::on(TestDb::sqlite().await, next).await
    }

    async fn on(db: TestDb, next: impl IntoIterator<Item = Next>) -> Self {
        let home = TempDir::new().unwrap();
        let (fake, clock) = (Fake::answering(next), Arc::new(HeldClock::at(NOON)));
        let sender: Arc<dyn Sender> = fake.clone();
        let flows = Flows::new(Arc::new(Catalogue::built_in().unwrap()), sender.clone(), clock.clone());
        let broker = Broker::open(Parts {
            db: db.db.clone(),
            keys: Arc::new(FileKeys::new(home.path().join("master.key"))),
            clock: clock.clone(),
            source: Arc::new(flows.clone()),
            sender,
            events: None,
        })
        .await
        .unwrap();
        let place = Place { origin: "https://connect.example".parse().unwrap(), return_to: vec![RETURN_TO.to_owned()] };
        let sessions = Sessions::new(broker.clone(), flows, place);
        Self { sessions, broker, clock, fake, caller: Caller::local("ann"), _home: home, _db: db }
    }

    fn wish(&self, grant: GrantKind, r#type: AuthType) -> Wish {
        let terms = match grant {
            GrantKind::HandedIn => Terms::default(),
            _ => terms("google", grant),
        };
        let scope = |name: &str| Scope { name: name.to_owned(), reason: "to <b>read</b> what there is".to_owned() };
        Wish {
            caller: self.caller.clone(),
            connector: "acme:mail".parse().unwrap(),
            title: "Acme Mail".to_owned(),
            auth: Auth {
                id: "main".parse().unwrap(),
                r#type,
                provider: None,
                scopes: vec![scope("read")],
                hosts: vec!["api.example.com".parse().unwrap()],
                attach: Attach::default(),
                test: None,
                hook: None,
            },
            terms,
            client: Some(secret("canary-client-secret")),
            label: "mail".to_owned(),
            again: None,
            return_to: None,
        }
    }

    async fn link(&self) -> Link {
        self.sessions.open(self.wish(GrantKind::AuthorizationCode, AuthType::Oauth2)).await.unwrap()
    }

    /// The last row of a connection's audit: what was done, and what came of it.
    async fn audit(&self, link: &Link) -> String {
        let row = self.broker.audit(&self.caller, &link.connection).await.unwrap().remove(0);
        format!("{} {}", row.action, row.outcome)
    }

    async fn state(&self, link: &Link) -> String {
        self.broker.get(&self.caller, &link.connection).await.unwrap().state.to_string()
    }

    fn visitor(&self) -> Visitor {
        let clock = self.clock.clone();
        Visitor { router: self.sessions.router(), clock, cookie: None, form: String::new(), departed: String::new() }
    }
}

/// One browser.
#[derive(Clone)]
struct Visitor {
    router: Router,
    clock: Arc<HeldClock>,
    cookie: Option<String>,
    /// What the last page's forms bring along.
    form: String,
    /// Where it was sent.
    departed: String,
}

struct Page {
    status: StatusCode,
    location: String,
    text: String,
}

impl Visitor {
    async fn ask(&mut self, request: Request<Body>) -> Page {
        // Rows of the audit sort by the millisecond.
        self.clock.advance(2_000);
        let response = self.router.clone().oneshot(request).await.unwrap();
        for (name, part) in [
            ("content-security-policy", "default-src 'none'"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
        ] {
            assert!(response.headers()[name].to_str().unwrap().contains(part), "{name}");
        }
        if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-jackfield-connect="), "{cookie}");
            assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
            self.cookie = cookie.split(';').next().map(ToOwned::to_owned);
        }
        let status = response.status();
        let location = response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
        let text = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(!text.contains("canary"), "a page repeats a secret: {text}");
        assert!(!text.contains("<script"), "{text}");
        let between = |from: &str, to: &str| text.split_once(from)?.1.split_once(to).map(|(found, _)| found.to_owned());
        if let Some(form) = between("name=\"form\" value=\"", "\"") {
            self.form = form;
        }
        if let Some(url) = between("content=\"0; url=", "\"") {
            self.departed = url.replace("&amp;", "&");
        }
        Page { status, location: location.unwrap_or_default(), text }
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match &self.cookie {
            Some(cookie) => request.header(header::COOKIE, cookie),
            None => request,
        }
    }

    async fn get(&mut self, path: &str) -> Page {
        self.ask(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    async fn post(&mut self, path: &str, more: &str) -> Page {
        let body = format!("form={}{more}", self.form);
        self.ask(self.request("POST", path).body(Body::from(body)).unwrap()).await
    }

    /// Opens the link and goes on, up to the provider; gives the state that it was sent there with.
    async fn depart(&mut self, link: &Link) -> String {
        let path = path_of(link);
        assert_eq!(self.get(&path).await.status, StatusCode::OK);
        assert_eq!(self.post(&path, "").await.status, StatusCode::OK);
        let sent = url::Url::parse(&self.departed).unwrap();
        sent.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
    }
}

fn path_of(link: &Link) -> String {
    link.url.strip_prefix("https://connect.example").unwrap().to_owned()
}

fn answer(state: &str) -> String {
    format!("/connect/callback/google?code=the-code&state={state}&iss=https://accounts.google.com")
}

#[tokio::test]
async fn a_person_connects_an_account_and_what_comes_of_it_is_kept_and_written_down() {
    for db in TestDb::each().await {
        let desk = Desk::on(db, [GOOD, Next::Json(200, r#"{"sub":"7","email":"ann@example.com"}"#)]).await;
        let link = desk.link().await;
        assert_eq!(desk.state(&link).await, "pending");
        let mut ann = desk.visitor();
        let page = ann.get(&path_of(&link)).await;
        assert!(page.text.contains("Connect Google to Acme Mail"), "{}", page.text);
        assert!(
            page.text.contains("to &lt;b&gt;read&lt;/b&gt; what there is"),
            "what others wrote is text: {}",
            page.text
        );
        let state = ann.depart(&link).await;
        assert!(ann.departed.contains("redirect_uri=https%3A%2F%2Fconnect.example%2Fconnect%2Fcallback%2Fgoogle&"));
        assert!(ann.departed.contains("&code_challenge_method=S256&"));
        let page = ann.get(&answer(&state)).await;
        assert_eq!(
            (page.status, page.location.as_str()),
            (StatusCode::SEE_OTHER, &*format!("{}/done", path_of(&link)))
        );
        let page = ann.get(&page.location).await;
        assert!(page.text.contains("ann@example.com (7)"), "{}", page.text);
        // What was asked for and not given is said.
        assert!(page.text.contains("<li><code>write:all</code></li>"), "{}", page.text);
        assert_eq!(desk.state(&link).await, "active");
        assert_eq!(desk.audit(&link).await, "connect done");
        let Outcome::Connected { account, missing } = desk.sessions.ended(&link.session).await else {
            panic!("connected")
        };
        assert_eq!((account.as_deref(), missing), (Some("ann@example.com (7)"), vec!["write:all".to_owned()]));
        // The verifier belongs to the challenge that went before it.
        let exchange = &desk.fake.asked()[0];
        let verifier = exchange.split("&code_verifier=").nth(1).unwrap().lines().next().unwrap();
        let challenge = ann.departed.split("&code_challenge=").nth(1).unwrap().split('&').next().unwrap();
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        use sha2::Digest as _;
        assert_eq!(URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier)), challenge);
    }
}

#[tokio::test]
async fn connecting_again_keeps_the_connections_id() {
    let desk = Desk::new([GOOD]).await;
    let first = desk.link().await;
    let mut ann = desk.visitor();
    let state = ann.depart(&first).await;
    ann.get(&answer(&state)).await;
    let again =
        Wish { again: Some(first.connection.clone()), ..desk.wish(GrantKind::AuthorizationCode, AuthType::Oauth2) };
    let second = desk.sessions.open(again).await.unwrap();
    assert_eq!(second.connection, first.connection);
    let state = ann.depart(&second).await;
    ann.get(&answer(&state)).await;
    let connection = desk.broker.get(&desk.caller, &first.connection).await.unwrap();
    assert_eq!((connection.generation, connection.state.to_string().as_str()), (2, "active"));
    // Not another connector's.
    let other = Wish {
        connector: "acme:other".parse().unwrap(),
        again: Some(first.connection),
        ..desk.wish(GrantKind::HandedIn, AuthType::Bearer)
    };
    assert_eq!(desk.sessions.open(other).await.unwrap_err().code(), "connection-of-another");
}

#[tokio::test]
async fn every_way_in_which_it_goes_wrong_has_its_page_and_its_row() {
    struct Case {
        what: &'static str,
        status: u16,
        code: &'static str,
        /// Whether the link is over by it.
        ends: bool,
    }
    let google = "iss=https://accounts.google.com";
    #[rustfmt::skip]
    let cases = [
        Case { what: "wrong state", status: 400, code: "state-unknown", ends: false },
        Case { what: "no state", status: 400, code: "state-unknown", ends: false },
        Case { what: "another browser", status: 403, code: "connect-other-browser", ends: false },
        Case { what: "no cookie", status: 403, code: "connect-other-browser", ends: false },
        Case { what: "wrong iss", status: 400, code: "issuer-mismatch", ends: true },
        Case { what: "mixed-up provider", status: 400, code: "provider-mixed-up", ends: true },
        Case { what: "expired session", status: 410, code: "connect-session-expired", ends: true },
        Case { what: "refused consent", status: 403, code: "provider-consent-refused", ends: true },
        Case { what: "refused otherwise", status: 502, code: "provider-refused", ends: true },
        Case { what: "no code", status: 400, code: "callback-malformed", ends: true },
        Case { what: "a code that was used", status: 502, code: "provider-grant-gone", ends: true },
    ];
    for Case { what, status, code, ends } in cases {
        let desk = Desk::new([match what {
            "a code that was used" => Next::Json(400, r#"{"error":"invalid_grant"}"#),
            _ => GOOD,
        }])
        .await;
        let link = desk.link().await;
        let mut ann = desk.visitor();
        let state = ann.depart(&link).await;
        let mut who = ann.clone();
        let path = match what {
            "wrong state" => answer(&format!("x{state}")),
            "no state" => format!("/connect/callback/google?code=c&{google}"),
            "wrong iss" => format!("/connect/callback/google?code=c&state={state}&iss=https://evil.example"),
            "mixed-up provider" => answer(&state).replace("/google?", "/github?"),
            "refused consent" => format!("/connect/callback/google?error=access_denied&state={state}&{google}"),
            "refused otherwise" => format!("/connect/callback/google?error=server_error&state={state}&{google}"),
            "no code" => format!("/connect/callback/google?state={state}&{google}"),
            _ => answer(&state),
        };
        match what {
            "another browser" => {
                who = desk.visitor();
                who.get(&path_of(&link)).await;
            }
            "no cookie" => who.cookie = None,
            "expired session" => desk.clock.advance(901 * 1_000_000),
            _ => {}
        }
        let page = who.get(&path).await;
        assert_eq!(page.status.as_u16(), status, "{what}: {}", page.text);
        assert!(page.text.contains(&format!("<code>{code}</code>")), "{what}: {}", page.text);
        assert!(page.text.contains("role=\"alert\""), "{what}");
        assert_eq!(desk.audit(&link).await, format!("connect {code}"), "{what}");
        assert_eq!(desk.state(&link).await, "pending", "{what}: nothing is connected");
        assert_eq!(desk.fake.asked().is_empty(), what != "a code that was used", "{what}: no code is spent");
        // What ends the link ends it; what somebody else could have done does not.
        let page = ann.get(&answer(&state)).await;
        let expected = if ends { StatusCode::CONFLICT } else { StatusCode::SEE_OTHER };
        assert_eq!(page.status, expected, "{what}, then the right answer: {}", page.text);
    }
}

#[tokio::test]
async fn an_answer_counts_once_and_a_link_too() {
    let desk = Desk::new([GOOD]).await;
    let link = desk.link().await;
    let mut ann = desk.visitor();
    let state = ann.depart(&link).await;
    assert_eq!(ann.get(&answer(&state)).await.status, StatusCode::SEE_OTHER);
    let replayed = ann.get(&answer(&state)).await;
    assert_eq!(replayed.status, StatusCode::CONFLICT);
    assert!(replayed.text.contains("callback-replayed"), "{}", replayed.text);
    assert_eq!(desk.audit(&link).await, "connect callback-replayed");
    assert_eq!(desk.state(&link).await, "active", "a replay takes nothing away");
    let exchanges = desk.fake.asked().iter().filter(|request| request.contains("grant_type=")).count();
    assert_eq!(exchanges, 1);
    assert!(ann.get(&path_of(&link)).await.text.contains("connect-session-over"));
    // Two answers at once: one of them wins.
    let link = desk.link().await;
    let state = ann.depart(&link).await;
    let (mut one, mut two) = (ann.clone(), ann.clone());
    let path = answer(&state);
    let (one, two) = tokio::join!(one.get(&path), two.get(&path));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
}

#[tokio::test]
async fn going_back_and_on_again_makes_the_first_attempt_void() {
    let desk = Desk::new([GOOD]).await;
    let link = desk.link().await;
    let mut ann = desk.visitor();
    let first = ann.depart(&link).await;
    let second = ann.depart(&link).await;
    assert_eq!(ann.get(&answer(&first)).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(ann.get(&answer(&second)).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn nobody_is_made_to_connect_by_a_form_of_somebody_elses() {
    let desk = Desk::new([GOOD]).await;
    let link = desk.link().await;
    let path = path_of(&link);
    let mut ann = desk.visitor();
    ann.get(&path).await;
    // A form without its token, with another session's, from another site, in a browser that was never here.
    let mut forged = Visitor { form: String::new(), ..ann.clone() };
    assert!(forged.post(&path, "").await.text.contains("connect-form-forged"));
    let mut other = ann.clone();
    other.get(&path_of(&desk.link().await)).await;
    assert!(other.post(&path, "").await.text.contains("connect-form-forged"));
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let request = ann.request("POST", &path).header(name, value);
        let request = request.body(Body::from(format!("form={}", ann.form))).unwrap();
        assert!(ann.clone().ask(request).await.text.contains("connect-form-forged"), "{name}");
    }
    let mut stranger = Visitor { cookie: None, ..ann.clone() };
    assert!(stranger.post(&path, "").await.text.contains("connect-form-forged"));
    // Two cookies of the name: one was set by a neighbour.
    let mut tossed = Visitor { cookie: ann.cookie.clone().map(|cookie| format!("{cookie}; {cookie}")), ..ann.clone() };
    assert!(tossed.post(&path, "").await.text.contains("connect-form-forged"));
    assert_eq!(ann.post(&path, "").await.status, StatusCode::OK);
    // Once somebody went on, nobody else does.
    let mut eve = desk.visitor();
    eve.get(&path).await;
    assert!(eve.post(&path, "").await.text.contains("connect-other-browser"));
}

#[tokio::test]
async fn a_link_that_was_changed_or_is_unknown_leads_nowhere() {
    let desk = Desk::new([GOOD]).await;
    let link = desk.link().await;
    let mut ann = desk.visitor();
    let altered = ann.get(&format!("{}?return_to=https://evil.example", path_of(&link))).await;
    assert_eq!(altered.status, StatusCode::BAD_REQUEST);
    assert!(altered.text.contains("connect-link-altered"), "{}", altered.text);
    assert_eq!(desk.audit(&link).await, "connect connect-link-altered");
    assert_eq!(ann.get("/connect/unknown").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ann.get("/").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ann.get("/connect/callback/google?state=a&state=b").await.status, StatusCode::BAD_REQUEST);
    desk.clock.advance(901 * 1_000_000);
    assert_eq!(ann.get(&path_of(&link)).await.status, StatusCode::GONE);
    assert!(
        matches!(desk.sessions.ended(&link.session).await, Outcome::Failed(refusal) if refusal.code == "connect-session-expired")
    );
}

#[tokio::test]
async fn a_person_is_sent_back_to_the_very_target_that_was_set() {
    let desk = Desk::new([GOOD]).await;
    for evil in
        ["https://app.example/settings", "https://app.example.evil/settings?tab=connections", "javascript:alert(1)", ""]
    {
        let wish =
            Wish { return_to: Some(evil.to_owned()), ..desk.wish(GrantKind::AuthorizationCode, AuthType::Oauth2) };
        assert_eq!(desk.sessions.open(wish).await.unwrap_err().code(), "return-target-refused", "{evil}");
    }
    let wish =
        || Wish { return_to: Some(RETURN_TO.to_owned()), ..desk.wish(GrantKind::AuthorizationCode, AuthType::Oauth2) };
    let link = desk.sessions.open(wish()).await.unwrap();
    let mut ann = desk.visitor();
    let state = ann.depart(&link).await;
    let page = ann.get(&answer(&state)).await;
    let page = ann.get(&page.location).await;
    assert_eq!(page.location, format!("{RETURN_TO}&connection={}&outcome=connected", link.connection));
    let link = desk.sessions.open(wish()).await.unwrap();
    ann.get(&path_of(&link)).await;
    let page = ann.post(&format!("{}/cancel", path_of(&link)), "").await;
    assert!(page.text.contains("outcome=failed"), "{}", page.text);
    assert_eq!(desk.audit(&link).await, "connect connect-cancelled");
}

#[tokio::test]
async fn a_key_or_a_password_is_handed_in_on_a_page() {
    let desk = Desk::new([GOOD]).await;
    for (kind, fields, good) in [
        (AuthType::ApiKey, "&secret=canary-key-123456", true),
        (AuthType::ApiKey, "&secret=+canary-key-123456%0a", true),
        (AuthType::ApiKey, "&secret=", false),
        (AuthType::ApiKey, "&secret=two%0alines-canary", false),
        (AuthType::Basic, "&user=ann&secret=canary-password", true),
        (AuthType::Basic, "&user=a:b&secret=canary-password", false),
        (AuthType::Basic, "&secret=canary-password", false),
        (AuthType::Sigv4, "&user=AKIA&secret=canary-secret-key", true),
    ] {
        let link = desk.sessions.open(desk.wish(GrantKind::HandedIn, kind)).await.unwrap();
        let mut ann = desk.visitor();
        let page = ann.get(&path_of(&link)).await;
        assert!(page.text.contains("type=\"password\""), "{}", page.text);
        let page = ann.post(&path_of(&link), fields).await;
        if good {
            assert_eq!(page.status, StatusCode::SEE_OTHER, "{fields}");
            assert_eq!(
                (desk.state(&link).await.as_str(), desk.audit(&link).await.as_str()),
                ("active", "connect done")
            );
        } else {
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}");
            assert!(page.text.contains("role=\"alert\""), "{fields}");
            // The page is there to try again.
            assert_eq!(
                ann.post(&path_of(&link), "&user=ann&secret=canary-password").await.status,
                StatusCode::SEE_OTHER
            );
        }
    }
}

#[tokio::test]
async fn a_device_code_is_shown_until_it_was_entered() {
    let code = Next::Json(
        200,
        r#"{"device_code":"canary-device","user_code":"WDJB-MJHT","verification_url":"https://www.google.com/device","expires_in":600,"interval":5}"#,
    );
    let pending = Next::Json(428, r#"{"error":"authorization_pending"}"#);
    let slow = Next::Json(403, r#"{"error":"slow_down"}"#);
    let account = Next::Json(200, r#"{"sub":"7"}"#);
    let desk = Desk::new([code.clone(), pending, slow, GOOD, account]).await;
    let link = desk.sessions.open(desk.wish(GrantKind::DeviceCode, AuthType::Oauth2)).await.unwrap();
    let mut ann = desk.visitor();
    ann.get(&path_of(&link)).await;
    let page = ann.post(&path_of(&link), "").await;
    let device = page.location;
    let page = ann.get(&device).await;
    assert!(
        page.text.contains("WDJB-MJHT") && page.text.contains("http-equiv=\"refresh\" content=\"5\""),
        "{}",
        page.text
    );
    assert_eq!(desk.fake.asked().len(), 1, "nothing is asked before the interval is over");
    desk.clock.advance(5_000_000);
    ann.get(&device).await;
    ann.get(&device).await;
    assert_eq!(desk.fake.asked().len(), 2, "a page that comes twice asks once");
    desk.clock.advance(5_000_000);
    assert!(ann.get(&device).await.text.contains("content=\"10\""), "told to slow down, it does");
    desk.clock.advance(10_000_000);
    let page = ann.get(&device).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert_eq!(desk.state(&link).await, "active");
    // Nobody else sees the code, and it ends.
    let desk = Desk::new([code]).await;
    let link = desk.sessions.open(desk.wish(GrantKind::DeviceCode, AuthType::Oauth2)).await.unwrap();
    ann = desk.visitor();
    ann.get(&path_of(&link)).await;
    let device = ann.post(&path_of(&link), "").await.location;
    assert_eq!(desk.visitor().get(&device).await.status, StatusCode::FORBIDDEN);
    desk.clock.advance(600_000_000);
    assert!(ann.get(&device).await.text.contains("device-code-expired"));
    assert_eq!(desk.audit(&link).await, "connect device-code-expired");
}

#[tokio::test]
async fn what_nobody_finished_goes_away() {
    let desk = Desk::new([GOOD]).await;
    let link = desk.link().await;
    desk.clock.advance(2_000 * 1_000_000);
    desk.link().await;
    assert!(desk.broker.get(&desk.caller, &link.connection).await.is_err());
    assert_eq!(desk.visitor().get(&path_of(&link)).await.status, StatusCode::NOT_FOUND);
}
