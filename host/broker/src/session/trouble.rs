//! What can go wrong for a person, each with its page.

use http::StatusCode;
use jackfield_package::Refusal;

use crate::{Error, token::TokenError};

/// One thing that went wrong.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Its page's status.
    pub status: StatusCode,
    /// Code, words and what to do.
    pub refusal: Refusal,
    /// Whether the session is over by it. What somebody else could bring about ends nothing.
    pub ends: bool,
}

impl Trouble {
    fn new(status: StatusCode, code: &'static str, message: &str) -> Self {
        Self { status, refusal: Refusal::new(code, message), ends: true }
    }

    fn hint(mut self, hint: &str) -> Self {
        self.refusal.hint = Some(hint.to_owned());
        self
    }

    fn goes_on(self) -> Self {
        Self { ends: false, ..self }
    }

    /// No session of that id: mistyped, or long over.
    pub(super) fn unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "connect-session-unknown", "this link does not exist, or was used long ago")
            .hint("ask for a new link where you got this one")
            .goes_on()
    }

    pub(super) fn expired() -> Self {
        Self { status: StatusCode::GONE, refusal: expired(), ends: true }
    }

    /// Something was put into the link.
    pub(super) fn altered() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "connect-link-altered", "this link was changed on its way to you")
            .hint("it takes nothing after its end, above all not where to go afterwards: ask for a new one")
            .goes_on()
    }

    pub(super) fn over() -> Self {
        Self::new(StatusCode::CONFLICT, "connect-session-over", "this link was used already")
            .hint("a link is good for one sign-in: ask for a new one")
            .goes_on()
    }

    pub(super) fn other_browser() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "connect-other-browser",
            "this sign-in was begun in another browser, and can only be ended there",
        )
        .hint("go on where you began, with cookies allowed, or ask for a new link")
        .goes_on()
    }

    pub(super) fn forged() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "connect-form-forged",
            "this form does not come from the page that it belongs to",
        )
        .hint("open the link again, with cookies allowed")
        .goes_on()
    }

    pub(super) fn unknown_state() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "state-unknown",
            "the provider's answer belongs to no sign-in that was begun here",
        )
        .hint("if you did not just sign in, somebody may have sent you this: close it. Otherwise open your link again")
        .goes_on()
    }

    pub(super) fn replayed() -> Self {
        Self::new(StatusCode::CONFLICT, "callback-replayed", "this answer of the provider was used already")
            .hint("it counts once: open your link again to see whether you are connected")
            .goes_on()
    }

    pub(super) fn mixed_up() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "provider-mixed-up",
            "the answer came to the address of another provider than the one that was asked",
        )
        .hint("nothing was connected. Somebody may be trying to mix two providers up: tell your admin")
    }

    pub(super) fn malformed(refusal: Refusal) -> Self {
        Self { status: StatusCode::BAD_REQUEST, refusal, ends: true }
    }

    pub(super) fn declined(provider: &str, error: &str, words: &str) -> Self {
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        if error == "access_denied" {
            return Self::new(
                StatusCode::FORBIDDEN,
                "provider-consent-refused",
                &format!("{provider} was told no{words}"),
            )
            .hint("nothing was connected. If that was a slip, ask for a new link");
        }
        Self::new(StatusCode::BAD_GATEWAY, "provider-refused", &format!("{provider} refuses: {error}{words}"))
            .hint("show this to your admin: the app's settings at the provider may not fit")
    }

    pub(super) fn cancelled() -> Self {
        Self::new(StatusCode::OK, "connect-cancelled", "you chose not to connect")
            .hint("nothing was connected; you may close this page")
    }

    pub(super) fn hand_in(message: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "secret-malformed", message).goes_on()
    }
}

/// A link's time is over.
pub(super) fn expired() -> Refusal {
    Refusal::new("connect-session-expired", "this link's time is over").hint("ask for a new one")
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self { status: StatusCode::BAD_REQUEST, refusal, ends: true }
    }
}

impl From<TokenError> for Trouble {
    fn from(error: TokenError) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, refusal: error.refusal, ends: true }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::Unavailable(refusal) => Self { status: StatusCode::SERVICE_UNAVAILABLE, refusal, ends: false },
            Error::Fault(cause) => {
                tracing::error!(cause, "a sign-in failed");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "broker-fault", "the broker failed; its log says why")
            }
        }
    }
}
