//! What providers answer, well-behaved and not, and what becomes of it.

use jackfield_broker::{
    flow::{
        CodeGrant, Polled,
        authorize::{Answer, Callback},
    },
    sender::SendFailure,
    token::{GrantKind, Held, Revocation, TokenError, TokenSource as _},
};

use crate::kit::{Fake, Next, Unwrapped as _, flows, scopes_of, secret, terms};

const CLIENT_SECRET: &str = "canary-client-secret";
const REFRESH_TOKEN: &str = "canary-refresh-token";

async fn refreshed(provider: &str, next: Next) -> Result<jackfield_broker::token::TokenSet, TokenError> {
    let held = Held {
        access: Some(secret("canary-access-token")),
        refresh: Some(secret(REFRESH_TOKEN)),
        client: Some(secret(CLIENT_SECRET)),
    };
    flows(Fake::answering([next])).renew(&terms(provider, GrantKind::AuthorizationCode), &held).await
}

async fn exchanged(provider: &str, body: &'static str) -> jackfield_broker::token::TokenSet {
    let (client, code) = (secret(CLIENT_SECRET), secret("code"));
    let grant = CodeGrant { code: &code, redirect_uri: "https://connect.example/x", verifier: None };
    let flows = flows(Fake::answering([Next::Json(200, body)]));
    flows.exchange_code(&terms(provider, GrantKind::AuthorizationCode), Some(&client), &grant).await.ok_or_panic()
}

#[tokio::test]
async fn a_token_answer_is_read_where_each_provider_puts_things() {
    let slack = exchanged(
        "slack-user",
        r#"{"ok":true,"authed_user":{"id":"U1","access_token":"xoxp","refresh_token":"xoxe","expires_in":43200,
            "scope":"chat:write,users:read"},"team":{"name":"Acme"}}"#,
    )
    .await;
    assert_eq!(slack.expires_in_s, Some(43_200));
    assert_eq!(scopes_of(&slack), ["chat:write", "users:read"]);
    assert_eq!(slack.account.as_deref(), Some("Acme (U1)"));
    let github = exchanged(
        "github",
        r#"{"access_token":"a","refresh_token":"r","expires_in":"28800","refresh_token_expires_in":15897600,
            "scope":"repo,gist","id":583231,"login":"octocat"}"#,
    )
    .await;
    assert_eq!((github.expires_in_s, github.refresh_expires_in_s), (Some(28_800), Some(15_897_600)));
    assert_eq!(scopes_of(&github), ["repo", "gist"]);
    assert_eq!(github.account.as_deref(), Some("octocat (583231)"));
    let app = exchanged("github", r#"{"access_token":"a","expires_in":28800,"scope":""}"#).await;
    assert_eq!(app.scopes, None, "an app of GitHub has permissions, and no scope is missing");
    let hubspot =
        exchanged("hubspot", r#"{"access_token":"a","scopes":["crm","oauth"],"hub_id":7,"expires_in":1800.0}"#).await;
    assert_eq!((scopes_of(&hubspot), hubspot.account.as_deref()), (vec!["crm", "oauth"], Some("7")));
    let forever = exchanged("stripe", r#"{"access_token":"a","scope":"read_write","stripe_user_id":"acct_1"}"#).await;
    assert_eq!((forever.expires_in_s, forever.refresh.is_none()), (None, true));
    // Longer than anything lasts, and shorter.
    let long = exchanged("stripe", r#"{"access_token":"a","expires_in":99999999999999999}"#).await;
    assert_eq!(long.expires_in_s, Some(315_360_000));
    let odd = exchanged("stripe", r#"{"access_token":"a","expires_in":-5,"scope":null}"#).await;
    assert_eq!((odd.expires_in_s, odd.scopes), (None, None));
    // Atlassian does not say how long a refresh token lasts; its entry does.
    let atlassian = exchanged("atlassian", r#"{"access_token":"a","refresh_token":"r","expires_in":3600}"#).await;
    assert_eq!(atlassian.refresh_expires_in_s, Some(7_776_000));
}

#[tokio::test]
async fn a_no_is_a_no_whatever_its_status_and_says_whether_asking_again_helps() {
    #[rustfmt::skip]
    let cases = [
        // provider, answer, code, permanent, sent
        ("google", Next::Json(400, r#"{"error":"invalid_grant"}"#), "provider-grant-gone", true, true),
        ("github", Next::Json(200, r#"{"error":"bad_refresh_token"}"#), "provider-grant-gone", true, true),
        ("slack", Next::Json(200, r#"{"ok":false,"error":"invalid_refresh_token"}"#), "provider-grant-gone", true, true),
        ("atlassian", Next::Json(403, r#"{"error":"unauthorized_client"}"#), "provider-grant-gone", true, true),
        ("google", Next::Json(400, r#"{"error":"unauthorized_client"}"#), "provider-flow-refused", true, true),
        ("google", Next::Json(401, r#"{"error":"invalid_client"}"#), "provider-client-refused", false, true),
        ("google", Next::Json(401, ""), "provider-client-refused", false, true),
        ("google", Next::Json(400, r#"{"error":"invalid_scope"}"#), "provider-scope-refused", true, true),
        ("google", Next::Json(429, r#"{"error":"rate_limit"}"#), "provider-unavailable", false, true),
        ("google", Next::Json(503, "<html>down</html>"), "provider-unavailable", false, true),
        ("google", Next::Json(400, r#"{"error":{"code":"x","message":"y"}}"#), "provider-refused", false, true),
        ("google", Next::Json(200, r#"{"error":"invalid_grant","access_token":"looks-good"}"#), "provider-grant-gone", true, true),
        ("google", Next::Json(200, r#"{"error":true,"access_token":"looks-good"}"#), "provider-refused", false, true),
        ("google", Next::Json(200, "<html>a login page</html>"), "provider-answer-malformed", false, true),
        ("google", Next::Json(200, r#"{"token":"elsewhere"}"#), "provider-answer-malformed", false, true),
        ("google", Next::Json(200, r#"{"access_token":"two\nlines"}"#), "provider-answer-malformed", false, true),
        ("google", Next::Json(200, r#"{"access_token":17}"#), "provider-answer-malformed", false, true),
        ("google", Next::Json(302, ""), "provider-refused", false, true),
        ("google", Next::Fails(SendFailure::TimedOut, true), "provider-timed-out", false, true),
        ("google", Next::Fails(SendFailure::Unreachable, false), "provider-unreachable", false, false),
        ("google", Next::Fails(SendFailure::Denied, false), "provider-denied", true, false),
        ("google", Next::Fails(SendFailure::TooLarge, true), "provider-answer-too-large", false, true),
        ("stripe", Next::Json(200, "{}"), "flow-not-offered", true, false),
    ];
    for (provider, next, code, permanent, sent) in cases {
        let error = refreshed(provider, next).await.refusal();
        assert_eq!((error.refusal.code, error.permanent, error.sent), (code, permanent, sent), "{error}");
    }
}

#[tokio::test]
async fn no_error_repeats_a_secret_or_steers_a_terminal() {
    let error = refreshed(
        "google",
        Next::Json(
            400,
            r#"{"error":"invalid_grant","error_description":"canary-refresh-token of canary-client-secret\u001b[2J\u202e is bad"}"#,
        ),
    )
    .await
    .refusal();
    assert_eq!(error.refusal.message, "Google no longer takes this code or token: invalid_grant: * of *[2J is bad");
    let error = refreshed("google", Next::Json(400, r#"{"error":"canary-refresh-token"}"#)).await.refusal();
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    // In base64 as it stood in a header, and the token that is to be renewed.
    let words = r#"{"error":"x","message":"Y2xpZW50OmNhbmFyeS1jbGllbnQtc2VjcmV0, canary-access-token"}"#;
    let error = refreshed("notion", Next::Json(400, words)).await.refusal();
    assert_eq!(error.refusal.message, "Notion refuses: x: Y2xpZW50Om*, *", "{error:?}");
    // Basic: the secret goes in a header, and is known nevertheless.
    let error =
        refreshed("notion", Next::Json(400, r#"{"error":"x","message":"canary-client-secret"}"#)).await.refusal();
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_named_as_the_cause() {
    let dated = |date| Next::Headers(400, r#"{"error":"invalid_grant"}"#, date);
    let error = refreshed("google", dated(&[("date", "Sat, 21 Nov 2026 11:00:00 GMT")])).await.refusal();
    let hint = error.refusal.hint.unwrap();
    assert!(hint.starts_with("the clock here is 3600 s ahead of the provider's"), "{hint}");
    let error = refreshed("google", dated(&[("date", "Sat, 21 Nov 2026 12:00:30 GMT")])).await.refusal();
    assert!(error.refusal.hint.unwrap().contains("reconnect"));
}

#[tokio::test]
async fn a_form_for_an_answer_is_read_too() {
    let form = &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let tokens = refreshed("github", Next::Headers(200, "access_token=a&scope=repo%2Cgist&expires_in=60", form)).await;
    let tokens = tokens.ok_or_panic();
    assert_eq!((scopes_of(&tokens), tokens.expires_in_s), (vec!["repo", "gist"], Some(60)));
}

#[tokio::test]
async fn a_device_waits_slows_down_expires_and_is_let_in() {
    let polled = async |next: Next| {
        let flows = flows(Fake::answering([next, Next::Json(200, r#"{"sub":"ann"}"#)]));
        flows.poll_device(&terms("google", GrantKind::DeviceCode), None, &secret("device")).await
    };
    assert!(matches!(polled(Next::Json(428, r#"{"error":"authorization_pending"}"#)).await, Ok(Polled::Pending)));
    assert!(matches!(polled(Next::Json(403, r#"{"error":"slow_down"}"#)).await, Ok(Polled::SlowDown)));
    assert!(matches!(polled(Next::Json(200, r#"{"error":"authorization_pending"}"#)).await, Ok(Polled::Pending)));
    let error = polled(Next::Json(400, r#"{"error":"expired_token"}"#)).await.refusal();
    assert_eq!((error.refusal.code, error.permanent), ("device-code-expired", true));
    let error = polled(Next::Json(403, r#"{"error":"access_denied"}"#)).await.refusal();
    assert_eq!(error.refusal.code, "provider-consent-refused");
    let Ok(Polled::Tokens(tokens)) = polled(Next::Json(200, r#"{"access_token":"a"}"#)).await else { panic!("let in") };
    assert_eq!(tokens.account.as_deref(), Some("ann"));
    // A connection that breaks while it waits is no end.
    assert!(!polled(Next::Fails(SendFailure::TimedOut, true)).await.refusal().permanent);

    let started = async |body: &'static str| {
        flows(Fake::answering([Next::Json(200, body)])).device_code(&terms("google", GrantKind::DeviceCode), None).await
    };
    let code = started(
        r#"{"device_code":"d","user_code":"A-B","verification_url":"https://g.co/d","interval":7,"expires_in":600}"#,
    )
    .await;
    let code = code.ok_or_panic();
    assert_eq!((code.user_code.as_str(), code.interval_s, code.expires_in_s), ("A-B", 7, 600));
    let script =
        started(r#"{"device_code":"d","user_code":"A","verification_uri":"javascript:alert(1)"}"#).await.refusal();
    assert_eq!(script.refusal.code, "provider-answer-malformed");
    assert_eq!(started(r#"{"user_code":"A"}"#).await.refusal().refusal.code, "provider-answer-malformed");
}

#[tokio::test]
async fn tokens_are_taken_back_where_a_provider_can() {
    let revoked = async |provider: &str, next: Next| {
        let held = Held { access: Some(secret("at")), refresh: None, client: Some(secret("cs")) };
        flows(Fake::answering([next])).revoke(&terms(provider, GrantKind::AuthorizationCode), &held).await
    };
    assert_eq!(revoked("gitlab", Next::Json(200, "")).await, Ok(Revocation::Done));
    assert_eq!(revoked("github", Next::Json(204, "")).await, Ok(Revocation::Done));
    assert_eq!(revoked("github", Next::Json(404, r#"{"message":"Not Found"}"#)).await, Ok(Revocation::Done));
    assert_eq!(revoked("google", Next::Json(400, r#"{"error":"invalid_token"}"#)).await, Ok(Revocation::Done));
    assert_eq!(
        revoked("slack", Next::Json(200, r#"{"ok":false,"error":"token_revoked"}"#)).await,
        Ok(Revocation::Done)
    );
    assert_eq!(revoked("microsoft", Next::Json(200, "")).await, Ok(Revocation::NotOffered));
    assert!(!revoked("gitlab", Next::Json(503, "")).await.unwrap_err().permanent, "is tried again");
}

#[test]
fn what_a_redirect_brings_is_believed_only_if_it_answers_what_was_asked() {
    let flows = flows(Fake::answering([]));
    let judge = |provider: &str, query: &str| {
        let provider = flows.provider(&terms(provider, GrantKind::AuthorizationCode)).unwrap();
        match Callback::parse(query).and_then(|callback| callback.judge(&provider)) {
            Ok(Answer::Code(_)) => "code".to_owned(),
            Ok(Answer::Refused { error, words }) => format!("{error}: {words}"),
            Err(refusal) => refusal.code.to_owned(),
        }
    };
    assert_eq!(judge("google", "code=c&state=s&iss=https%3A%2F%2Faccounts.google.com"), "code");
    assert_eq!(judge("google", "code=c&state=s"), "code");
    assert_eq!(judge("google", "code=c&iss=https://accounts.google.com.evil.example"), "issuer-mismatch");
    assert_eq!(judge("google", "error=access_denied&iss=https://evil.example"), "issuer-mismatch");
    assert_eq!(judge("google", "error=access_denied&error_description=No%1b[2J"), "access_denied: No[2J");
    assert_eq!(judge("google", "state=s"), "callback-malformed");
    assert_eq!(judge("google", "code=a&code=b"), "callback-malformed");
    assert_eq!(judge("google", &format!("code={}", "c".repeat(20_000))), "callback-malformed");
    assert_eq!(judge("shopify", "code=c&shop=acme.myshopify.com"), "code");
    assert_eq!(judge("shopify", "code=c&shop=evil.myshopify.com"), "callback-altered");
    assert_eq!(judge("shopify", "code=c"), "callback-altered");
}
