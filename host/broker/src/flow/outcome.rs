//! What a provider's no means, and what a person can do about it.

use http::StatusCode;
use jackfield_package::Refusal;

use crate::{
    hook::SaidMeaning,
    limits::PROVIDER_WORDS_CHARS,
    provider::Provider,
    sender::{SendError, SendFailure},
    token::TokenError,
};

/// A no, with the provider's own code for it.
pub(super) struct Declined {
    /// RFC 6749 section 5.2, or the provider's word.
    pub(super) code: Option<String>,
    pub(super) error: TokenError,
}

impl Declined {
    /// There is no answer.
    pub(super) fn unsent(provider: &Provider, error: SendError) -> Self {
        let code = match error.kind {
            SendFailure::Denied => "provider-denied",
            SendFailure::Unreachable => "provider-unreachable",
            SendFailure::TimedOut => "provider-timed-out",
            SendFailure::TooLarge => "provider-answer-too-large",
        };
        let message = format!("{} gives no answer: {}", provider.title, error.reason);
        let hint = error.hint.or_else(|| match error.kind {
            SendFailure::Unreachable | SendFailure::TimedOut => {
                Some(format!("what works now goes on working; try again later. Is {} up?", provider.title))
            }
            _ => None,
        });
        let refusal = Refusal { hint, ..Refusal::new(code, message) };
        Self {
            code: None,
            error: TokenError { permanent: error.kind == SendFailure::Denied, sent: error.sent, refusal },
        }
    }

    /// The answer is an error.
    pub(super) fn answered(
        provider: &Provider,
        status: StatusCode,
        code: Option<String>,
        words: Option<String>,
        skew_s: Option<i64>,
    ) -> Self {
        let meaning = Meaning::of(provider, status, code.as_deref());
        let said = match (&code, &words) {
            (Some(code), Some(words)) if code != words => format!("{code}: {words}"),
            (Some(said), _) | (None, Some(said)) => said.clone(),
            (None, None) => format!("status {}", status.as_u16()),
        };
        let message = format!("{} {}: {said}", provider.title, meaning.words());
        let mut refusal = Refusal::new(meaning.code(), message);
        refusal.hint = match skew_s {
            Some(skew) => Some(format!(
                "the clock here is {} s {} the provider's: set it (timedatectl set-ntp true), then try again",
                skew.abs(),
                if skew > 0 { "ahead of" } else { "behind" },
            )),
            None => meaning.hint(provider),
        };
        Self { code, error: TokenError { permanent: meaning.is_permanent(), sent: true, refusal } }
    }

    /// A connector's hook says that it is one; `words` are clean.
    pub(super) fn said(provider: &Provider, meaning: SaidMeaning, words: &str, sent: bool) -> TokenError {
        let meaning = match meaning {
            SaidMeaning::Gone => Meaning::Gone,
            SaidMeaning::Forbidden => Meaning::Consent,
            SaidMeaning::Later => Meaning::Later,
            SaidMeaning::Other => Meaning::Other,
        };
        let mut refusal = Refusal::new(meaning.code(), format!("{} {}: {words}", provider.title, meaning.words()));
        refusal.hint = meaning.hint(provider);
        TokenError { permanent: meaning.is_permanent(), sent, refusal }
    }

    /// The answer is no token answer.
    pub(super) fn malformed(provider: &Provider, reason: &str) -> Self {
        let message = format!("{} answers with what is no token: {reason}", provider.title);
        let refusal = Refusal::new("provider-answer-malformed", message)
            .hint(format!("does its entry still hold? jackfield provider show {}; {}", provider.name, provider.docs));
        Self { code: None, error: TokenError { permanent: false, sent: true, refusal } }
    }
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Self {
        Self { code: None, error: refusal.into() }
    }
}

impl From<Declined> for TokenError {
    fn from(declined: Declined) -> Self {
        declined.error
    }
}

/// What a provider's no comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The code or refresh token is spent, expired or taken back.
    Gone,
    /// It does not know the client, or its secret is wrong.
    Client,
    /// It does not give these scopes.
    Scope,
    /// It does not do this for this client.
    Flow,
    /// The person, or an admin there, said no.
    Consent,
    /// It can't now.
    Later,
    /// Anything else.
    Other,
}

impl Meaning {
    fn of(provider: &Provider, status: StatusCode, code: Option<&str>) -> Self {
        match code.unwrap_or_default() {
            gone if provider.refresh.gone.iter().any(|known| known == gone) => Self::Gone,
            "invalid_grant" | "bad_verification_code" | "invalid_code" | "code_already_used" | "expired_token" => {
                Self::Gone
            }
            "invalid_client" | "invalid_client_id" | "bad_client_secret" | "incorrect_client_credentials" => {
                Self::Client
            }
            "invalid_scope" => Self::Scope,
            "unauthorized_client" | "unsupported_grant_type" | "unsupported_response_type" => Self::Flow,
            "access_denied" | "consent_required" => Self::Consent,
            "temporarily_unavailable" | "server_error" | "ratelimited" | "slow_down" => Self::Later,
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => Self::Later,
            _ if status == StatusCode::UNAUTHORIZED => Self::Client,
            _ => Self::Other,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Gone => "provider-grant-gone",
            Self::Client => "provider-client-refused",
            Self::Scope => "provider-scope-refused",
            Self::Flow => "provider-flow-refused",
            Self::Consent => "provider-consent-refused",
            Self::Later => "provider-unavailable",
            Self::Other => "provider-refused",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Gone => "no longer takes this code or token",
            Self::Client => "does not take this client id or its secret",
            Self::Scope => "does not give these scopes",
            Self::Flow => "does not do this for this client",
            Self::Consent => "was told no",
            Self::Later => "can't now",
            Self::Other => "refuses",
        }
    }

    fn hint(self, provider: &Provider) -> Option<String> {
        Some(match self {
            Self::Gone => "connect the account again: jackfield connections reconnect".to_owned(),
            Self::Client => format!("compare id and secret with the app's settings there: {}", provider.docs),
            Self::Scope => format!("allow them in the app's settings there, or ask for less: {}", provider.docs),
            Self::Flow => format!("turn it on in the app's settings there: {}", provider.docs),
            Self::Later => "nothing is lost: try again later".to_owned(),
            Self::Consent | Self::Other => return None,
        })
    }

    /// A wrong secret can be mended without a person's consent, so it is no end.
    fn is_permanent(self) -> bool {
        matches!(self, Self::Gone | Self::Scope | Self::Flow | Self::Consent)
    }
}

/// A stranger's words: bounded, and without what could steer a terminal or a line.
pub(super) fn shown(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().filter(|c| !steers(*c)).take(PROVIDER_WORDS_CHARS).collect()
}
