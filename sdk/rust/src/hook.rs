//! A hook: your connector words the requests for its own tokens, where no provider's entry can.
//!
//! The host asks for one [`Step`] after the other. A step says what to send, or that the tokens are there. You never hold a
//! secret: write `{{client_secret}}` where one belongs, and [`Request::keep`] what an answer brings. The host fills in, sends
//! to the provider's token endpoint and nowhere else, and keeps.
//!
//! A login of two steps, the second of which is signed:
//!
//! ```
//! use jackfield_sdk::{hook::{Exchange, Purpose, Request, Step, Tokens}, prelude::*};
//!
//! fn tokens(exchange: &Exchange) -> Result<Step> {
//!     if exchange.purpose() != Purpose::Client {
//!         return Err(Error::invalid_input("this service knows a login only"));
//!     }
//!     match exchange.answers() {
//!         [] => Ok(Request::post("login")
//!             .json(&serde_json::json!({ "user": exchange.client_id(), "password": "{{client_secret}}" }))
//!             .keep("session", "/data/session")
//!             .into()),
//!         [login] if !login.has("session") => {
//!             Err(Error::unauthenticated(format!("the service says {}", login.text("/code").unwrap_or("nothing"))))
//!         }
//!         [_] => {
//!             let signed = format!("{{{{session}}}}.{}", exchange.now_ms() / 1000);
//!             Ok(Request::post("token")
//!                 .hmac_sha256("signature", "{{client_secret}}", &signed, "hex")
//!                 .field("session", "{{session}}")
//!                 .field("time", &(exchange.now_ms() / 1000).to_string())
//!                 .field("sign", "{{signature}}")
//!                 .keep("token", "/token")
//!                 .into())
//!         }
//!         [_, token] => Ok(Tokens::new("{{token}}").expires_in_s(token.number("/expires_in").unwrap_or(3600)).into()),
//!         _ => Err(Error::internal("too many answers")),
//!     }
//! }
//!
//! # #[operation(effect = "read")]
//! # fn nothing(_: ()) -> Result<()> { Ok(()) }
//! connector!(nothing);
//! jackfield_sdk::auth_hook!(tokens);
//! ```
//!
//! The manifest's `auth` entry says so: `hook = { reads = ["/code", "/expires_in"] }`. What it names is all that you are shown of
//! answers. docs/spec/auth-hook.md has the rules.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Error, Result, bindings::jackfield::connector::types::Error as WireError};

/// What the macro uses. Not for authors.
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        inline: r#"
            package jackfield:sdk;

            world hook {
                export jackfield:connector/auth-hook@0.1.0;
            }
        "#,
        world: "jackfield:sdk/hook",
        with: {
            "jackfield:connector/types@0.1.0": crate::bindings::jackfield::connector::types,
        },
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "jackfield_sdk::hook::bindings",
    });
}

use bindings::exports::jackfield::connector::auth_hook as wire;

/// What tokens are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An authorization code: `{{code}}`, and `{{code_verifier}}` where there is PKCE.
    Code,
    /// The client itself: `{{client_secret}}`.
    Client,
    /// The next ones: `{{refresh_token}}`.
    Refresh,
}

/// What is wanted, and how far it is.
#[derive(Clone, Debug)]
pub struct Exchange {
    purpose: Purpose,
    terms: Value,
    secrets: Vec<String>,
    now_ms: u64,
    answers: Vec<Answer>,
}

impl Exchange {
    /// An exchange to test with: its purpose, a client `client`, the time, and the answers so far.
    pub fn for_test(purpose: Purpose, now_ms: u64, answers: Vec<Answer>) -> Self {
        let terms = serde_json::json!({ "client_id": "client", "redirect_uri": null, "scopes": [], "parameters": {} });
        Self { purpose, terms, secrets: vec!["client_secret".to_owned()], now_ms, answers }
    }

    /// What for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The client, as the provider knows it.
    pub fn client_id(&self) -> &str {
        self.terms["client_id"].as_str().unwrap_or_default()
    }

    /// Where the person was sent back to; for a code only.
    pub fn redirect_uri(&self) -> Option<&str> {
        self.terms["redirect_uri"].as_str()
    }

    /// The scopes that are asked for.
    pub fn scopes(&self) -> Vec<&str> {
        self.terms["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// What the person said for the provider's entry, such as `shop`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.terms["parameters"][name].as_str()
    }

    /// Whether there is a secret of that name to write.
    pub fn has_secret(&self, name: &str) -> bool {
        self.secrets.iter().any(|known| known == name)
    }

    /// Milliseconds since the Unix epoch, the same for all steps.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The answers so far, oldest first.
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }
}

/// What came back of a request.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    read: Map<String, Value>,
    kept: Vec<String>,
}

impl Answer {
    /// One to test with: `read` is an object by JSON pointers.
    pub fn for_test(status: u16, read: Value, kept: &[&str]) -> Self {
        let read = read.as_object().cloned().unwrap_or_default();
        Self { status, read, kept: kept.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether what was to be kept under this name was there.
    pub fn has(&self, name: &str) -> bool {
        self.kept.iter().any(|kept| kept == name)
    }

    /// The text at a pointer that the manifest reads.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.read.get(pointer)?.as_str()
    }

    /// The number there, also where it is written as a text.
    pub fn number(&self, pointer: &str) -> Option<u64> {
        let value = self.read.get(pointer)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    /// The truth value there.
    pub fn flag(&self, pointer: &str) -> Option<bool> {
        self.read.get(pointer)?.as_bool()
    }
}

/// What the host is to do next.
pub struct Step(wire::Step);

impl From<Request> for Step {
    fn from(request: Request) -> Self {
        Self(wire::Step::Send(request.0))
    }
}

impl From<Tokens> for Step {
    fn from(tokens: Tokens) -> Self {
        Self(wire::Step::Done(tokens.0))
    }
}

/// A request to one of the endpoints of the provider's entry. `{{name}}` stands for a secret wherever a value does.
pub struct Request(wire::Request);

impl Request {
    /// A POST: `token`, or a name under the entry's `token.steps`.
    pub fn post(endpoint: &str) -> Self {
        Self::new("POST", endpoint)
    }

    /// A GET.
    pub fn get(endpoint: &str) -> Self {
        Self::new("GET", endpoint)
    }

    /// A PUT.
    pub fn put(endpoint: &str) -> Self {
        Self::new("PUT", endpoint)
    }

    fn new(method: &str, endpoint: &str) -> Self {
        Self(wire::Request {
            endpoint: endpoint.to_owned(),
            method: method.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            derive: Vec::new(),
            keep: Vec::new(),
        })
    }

    /// A parameter of the query.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.0.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A field of the form that is the body.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        let field = (name.to_owned(), value.to_owned());
        match &mut self.0.body {
            Some(wire::Body::Form(fields)) => fields.push(field),
            body => *body = Some(wire::Body::Form(vec![field])),
        }
        self
    }

    /// The body, as JSON; placeholders stand in its texts.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        // What can't be written is refused by the host, which says so.
        self.0.body = Some(wire::Body::Json(serde_json::to_string(body).unwrap_or_default()));
        self
    }

    /// A value that the host works out first: [`Derived`].
    pub fn derive(mut self, derived: Derived) -> Self {
        self.0.derive.push(derived.0);
        self
    }

    /// HMAC-SHA256 by a key over a text, as `hex`, `base64` or `base64url`.
    pub fn hmac_sha256(self, name: &str, key: &str, over: &str, encoding: &str) -> Self {
        self.derive(Derived::keyed(name, "hmac-sha256", key, over, encoding))
    }

    /// Keeps what stands in the answer at a JSON pointer, or at `header:` and a name: `{{name}}` from then on.
    pub fn keep(mut self, name: &str, place: &str) -> Self {
        self.0.keep.push((name.to_owned(), place.to_owned()));
        self
    }
}

/// A value that the host works out, and you never see: `{{name}}` from then on.
pub struct Derived(wire::Derived);

impl Derived {
    /// By `text`, `sha256` or `sha512`; as `hex`, `base64`, `base64url`, of `text` also `plain`.
    pub fn new(name: &str, function: &str, over: &str, encoding: &str) -> Self {
        Self(wire::Derived {
            name: name.to_owned(),
            function: function.to_owned(),
            key: None,
            over: over.to_owned(),
            encoding: encoding.to_owned(),
        })
    }

    /// By `hmac-sha256`, `hmac-sha512`, `rs256` or `es256`.
    pub fn keyed(name: &str, function: &str, key: &str, over: &str, encoding: &str) -> Self {
        let mut derived = Self::new(name, function, over, encoding);
        derived.0.key = Some(key.to_owned());
        derived
    }
}

/// That the tokens are there. Each is made of what was kept, or of a keyed [`Derived`].
pub struct Tokens(wire::Tokens);

impl Tokens {
    /// With this access token.
    pub fn new(access: &str) -> Self {
        Self(wire::Tokens {
            access: access.to_owned(),
            refresh: None,
            derive: Vec::new(),
            expires_in_s: None,
            refresh_expires_in_s: None,
            scopes: None,
            account: None,
        })
    }

    /// And this refresh token; without, the one before stays in force.
    pub fn refresh(mut self, refresh: &str) -> Self {
        self.0.refresh = Some(refresh.to_owned());
        self
    }

    /// A value that the host works out first.
    pub fn derive(mut self, derived: Derived) -> Self {
        self.0.derive.push(derived.0);
        self
    }

    /// Seconds that the access token lasts.
    pub fn expires_in_s(mut self, seconds: u64) -> Self {
        self.0.expires_in_s = Some(seconds);
        self
    }

    /// Seconds that the refresh token lasts.
    pub fn refresh_expires_in_s(mut self, seconds: u64) -> Self {
        self.0.refresh_expires_in_s = Some(seconds);
        self
    }

    /// The scopes that were granted.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Whose they are, for a person.
    pub fn account(mut self, account: &str) -> Self {
        self.0.account = Some(account.to_owned());
        self
    }
}

/// What the export answers. Not for authors.
#[doc(hidden)]
pub fn next(
    hook: fn(&Exchange) -> Result<Step>,
    exchange: wire::Exchange,
) -> core::result::Result<wire::Step, WireError> {
    let answer = |answer: wire::Answer| Answer {
        status: answer.status,
        read: serde_json::from_str(&answer.read).unwrap_or_default(),
        kept: answer.kept,
    };
    let purpose = match exchange.purpose.as_str() {
        "code" => Purpose::Code,
        "client" => Purpose::Client,
        "refresh" => Purpose::Refresh,
        other => return Err(Error::invalid_input(format!("no hook of this SDK knows `{other}`")).into_wire()),
    };
    let exchange = Exchange {
        purpose,
        terms: serde_json::from_str(&exchange.terms).unwrap_or_default(),
        secrets: exchange.secrets,
        now_ms: exchange.now_ms,
        answers: exchange.answers.into_iter().map(answer).collect(),
    };
    hook(&exchange).map(|step| step.0).map_err(Error::into_wire)
}

/// Makes a function the connector's auth hook: `auth_hook!(tokens)`, once a crate, beside [`connector!`](crate::connector).
///
/// The function is `fn(&Exchange) -> Result<Step>`; see [the module](crate::hook).
#[macro_export]
macro_rules! auth_hook {
    ($hook:path) => {
        const _: fn(&$crate::hook::Exchange) -> $crate::Result<$crate::hook::Step> = $hook;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Hook;

            impl $crate::hook::bindings::exports::jackfield::connector::auth_hook::Guest for Hook {
                fn next(
                    exchange: $crate::hook::bindings::exports::jackfield::connector::auth_hook::Exchange,
                ) -> ::core::result::Result<
                    $crate::hook::bindings::exports::jackfield::connector::auth_hook::Step,
                    $crate::__private::bindings::jackfield::connector::types::Error,
                > {
                    $crate::hook::next($hook, exchange)
                }
            }

    $crate::hook::bindings::export!(Hook with_types_in $crate::hook::bindings);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_worded_by_what_came_before() {
        fn hook(exchange: &Exchange) -> Result<Step> {
            match exchange.answers() {
                [] => Ok(Request::post("token").field("secret", "{{client_secret}}").keep("token", "/t").into()),
                [answer] if answer.has("token") => {
                    Ok(Tokens::new("{{token}}").expires_in_s(answer.number("/ttl").unwrap_or(60)).into())
                }
                _ => Err(Error::unauthenticated("no")),
            }
        }
        let exchange = |answers: Vec<wire::Answer>| wire::Exchange {
            purpose: "client".to_owned(),
            terms: r#"{"client_id":"app","scopes":["a"],"parameters":{"shop":"acme"}}"#.to_owned(),
            secrets: vec!["client_secret".to_owned()],
            now_ms: 7,
            answers,
        };
        let answer = |kept: &[&str]| wire::Answer {
            status: 200,
            read: r#"{"/ttl":"90"}"#.to_owned(),
            kept: kept.iter().map(|name| (*name).to_owned()).collect(),
        };
        let Ok(wire::Step::Send(request)) = next(hook, exchange(vec![])) else { panic!("a request is worded") };
        assert_eq!((request.endpoint.as_str(), request.keep[0].1.as_str()), ("token", "/t"));
        let Ok(wire::Step::Done(tokens)) = next(hook, exchange(vec![answer(&["token"])])) else { panic!("tokens") };
        assert_eq!((tokens.access.as_str(), tokens.expires_in_s), ("{{token}}", Some(90)));
        assert!(next(hook, exchange(vec![answer(&[])])).is_err());
    }
}
