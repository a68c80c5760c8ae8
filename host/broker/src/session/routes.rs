//! Every page, on one page.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;

use super::{Outcome, Sessions, Trouble, browser::Browser, hand_in::Fields, page};
use crate::{flow::authorize::Callback, limits::FORM_BYTES, random, token::GrantKind};

/// On every answer. No script is ever needed, so none is ever run; nothing is kept, framed or told to others.
const HEADERS: [(header::HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

pub(super) fn router(sessions: Sessions) -> Router {
    Router::new()
        .route("/connect/style.css", get(style))
        .route("/connect/callback/{provider}", get(callback))
        .route("/connect/{session}", get(start).post(go))
        .route("/connect/{session}/cancel", post(cancel))
        .route("/connect/{session}/device", get(device))
        .route("/connect/{session}/done", get(done))
        .fallback(async || page::trouble(&Trouble::unknown(), None))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(map_response(async |mut response: Response| {
            for (name, value) in HEADERS {
                response.headers_mut().insert(name, HeaderValue::from_static(value));
            }
            response
        }))
        .with_state(sessions)
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}

/// What is asked for, and why. Asks nobody anything yet: programs that preview links come here too.
async fn start(
    State(sessions): State<Sessions>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let known = Browser::of(&headers, &sessions.0.place.origin);
    let shown = sessions.enter(&id, None).and_then(|()| match query {
        Some(_) => Err(Trouble::altered()),
        None => Ok(match known {
            Some(browser) => (browser, false),
            None => (Browser(random::token()?), true),
        }),
    });
    match shown {
        Err(trouble) => sessions.refuse(&id, trouble).await,
        Ok((browser, is_new)) => {
            let mut response = sessions.show_start(&id, &browser, None);
            if is_new && let Ok(cookie) = HeaderValue::try_from(browser.cookie(&sessions.0.place.origin)) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
    }
}

/// The person goes on.
async fn go(State(sessions): State<Sessions>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let fields = Fields::parse(&body);
    let browser = match sessions.submitted(&id, &fields, &headers) {
        Ok(browser) => browser,
        Err(trouble) => return sessions.refuse(&id, trouble).await,
    };
    let went = match sessions.kind_of(&id) {
        Err(trouble) => Err(trouble),
        Ok((GrantKind::DeviceCode, _)) => {
            sessions.wait(&id).await.map(|()| see_other(&format!("/connect/{id}/device")))
        }
        Ok((GrantKind::HandedIn, kind)) => match fields.secret(kind) {
            // What was mistyped is typed again on the same page.
            Err(trouble) => return sessions.show_start(&id, &browser, Some(&trouble)),
            Ok(secret) => sessions
                .finish(&id, crate::token::TokenSet::of(secret))
                .await
                .map(|_| see_other(&format!("/connect/{id}/done"))),
        },
        Ok(_) => sessions.depart(&id).map(|(url, provider)| page::leave(&url, &provider.title)),
    };
    match went {
        Ok(response) => response,
        Err(trouble) => sessions.refuse(&id, trouble).await,
    }
}

/// The person would rather not.
async fn cancel(State(sessions): State<Sessions>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let trouble = match sessions.submitted(&id, &Fields::parse(&body), &headers) {
        Ok(_) => Trouble::cancelled(),
        Err(trouble) => trouble,
    };
    sessions.refuse(&id, trouble).await
}

/// What the provider answers.
async fn callback(
    State(sessions): State<Sessions>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let browser = Browser::of(&headers, &sessions.0.place.origin);
    let callback = match Callback::parse(query.as_deref().unwrap_or_default()) {
        Ok(callback) => callback,
        Err(refusal) => return page::trouble(&Trouble::malformed(refusal), None),
    };
    let Some(id) = sessions.by_state(callback.state()) else {
        let trouble = Trouble::unknown_state();
        tracing::warn!(provider, "an answer came that belongs to no sign-in");
        let meant_for = browser.and_then(|browser| sessions.by_browser(&browser, &provider)).unwrap_or_default();
        return sessions.refuse(&meant_for, trouble).await;
    };
    match sessions.arrive(&id, &provider, browser.as_ref(), &callback).await {
        // The code leaves the address bar, and the page may be loaded again.
        Ok(()) => see_other(&format!("/connect/{id}/done")),
        Err(trouble) => sessions.refuse(&id, trouble).await,
    }
}

/// The code to enter elsewhere, until it has been.
async fn device(State(sessions): State<Sessions>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let browser = Browser::of(&headers, &sessions.0.place.origin);
    let waited = match sessions.belongs(&id, browser.as_ref()) {
        Ok(()) => sessions.waited(&id).await,
        Err(trouble) => Err(trouble),
    };
    match waited {
        Ok(None) => see_other(&format!("/connect/{id}/done")),
        Ok(Some(shown)) => page::device(&shown),
        Err(trouble) => sessions.refuse(&id, trouble).await,
    }
}

/// How it ended.
async fn done(State(sessions): State<Sessions>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let browser = Browser::of(&headers, &sessions.0.place.origin);
    match sessions.belongs(&id, browser.as_ref()) {
        Ok(()) => sessions.show_end(&id),
        Err(trouble) => page::trouble(&trouble, None),
    }
}

fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

impl Sessions {
    /// Whether a session may still be used; with a browser, by that one.
    fn enter(&self, id: &str, browser: Option<&Browser>) -> Result<(), Trouble> {
        let now = self.now();
        let sessions = self.sessions();
        let session = sessions.get(id).ok_or_else(Trouble::unknown)?;
        if !session.is_open() {
            return Err(Trouble::over());
        }
        if session.expires_at <= now {
            return Err(Trouble::expired());
        }
        match browser {
            Some(_) if session.browser.is_some() => session.belongs_to(browser),
            _ => Ok(()),
        }
    }

    fn belongs(&self, id: &str, browser: Option<&Browser>) -> Result<(), Trouble> {
        self.sessions().get(id).ok_or_else(Trouble::unknown)?.belongs_to(browser)
    }

    /// A form of the start page: from the page, in the browser that was shown it, which the session is bound to from now on.
    fn submitted(&self, id: &str, fields: &Fields, headers: &HeaderMap) -> Result<Browser, Trouble> {
        let origin = &self.0.place.origin;
        let browser = Browser::of(headers, origin).ok_or_else(Trouble::forged)?;
        self.enter(id, Some(&browser))?;
        browser.judge(id, fields.get("form"), headers, origin)?;
        let mut sessions = self.sessions();
        let session = sessions.get_mut(id).ok_or_else(Trouble::unknown)?;
        let bound = session.browser.get_or_insert_with(|| browser.0.clone());
        if *bound == browser.0 { Ok(browser) } else { Err(Trouble::other_browser()) }
    }

    fn kind_of(&self, id: &str) -> Result<(GrantKind, jackfield_package::manifest::AuthType), Trouble> {
        let sessions = self.sessions();
        let wish = &sessions.get(id).ok_or_else(Trouble::unknown)?.wish;
        Ok((wish.terms.grant, wish.auth.r#type))
    }

    /// The page of what went wrong, once it is written down.
    async fn refuse(&self, id: &str, trouble: Trouble) -> Response {
        self.fail(id, &trouble).await;
        page::trouble(&trouble, self.way_back(id, "failed").as_deref())
    }

    fn show_start(&self, id: &str, browser: &Browser, trouble: Option<&Trouble>) -> Response {
        let sessions = self.sessions();
        let Some(session) = sessions.get(id) else { return page::trouble(&Trouble::unknown(), None) };
        let provider = self.0.flows.provider(&session.wish.terms).ok();
        let title = provider.as_ref().map(|provider| provider.title.as_str());
        page::start(id, &session.wish, title, &browser.form_token(id), trouble)
    }

    fn show_end(&self, id: &str) -> Response {
        let outcome = self.sessions().get(id).map(|session| session.outcome.borrow().clone());
        match outcome {
            Some(Outcome::Connected { account, missing }) => match self.way_back(id, "connected") {
                Some(target) => see_other(&target),
                None => page::connected(account.as_deref(), &missing),
            },
            Some(Outcome::Failed(refusal)) => page::trouble(&refusal.into(), None),
            Some(Outcome::Open) => see_other(&format!("/connect/{id}")),
            None => page::trouble(&Trouble::unknown(), None),
        }
    }

    /// The target that the session was opened with, told how it ended.
    fn way_back(&self, id: &str, how: &str) -> Option<String> {
        let sessions = self.sessions();
        let session = sessions.get(id)?;
        let mut target = url::Url::parse(session.wish.return_to.as_deref()?).ok()?;
        target.query_pairs_mut().append_pair("connection", session.connection.as_str()).append_pair("outcome", how);
        Some(target.to_string())
    }
}
