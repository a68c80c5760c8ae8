//! A small OpenID provider, for machines without Node: authorization code with PKCE (S256 demanded), rotating refresh tokens,
//! userinfo. One app, one redirect address, no id tokens.

use std::{
    collections::HashMap,
    fs::File,
    io::Read as _,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tiny_http::{Header, Request, Response, Server};

use super::CLIENT;
use crate::{
    Failure,
    http::{decode, encode, unescaped},
};

type Answer = Response<std::io::Cursor<Vec<u8>>>;
type Fields = HashMap<String, String>;

/// Serves until the process ends.
pub(crate) struct Own {
    issuer: String,
    state: Arc<Mutex<State>>,
}

struct State {
    issuer: String,
    redirect_uri: String,
    lifetime: Duration,
    /// What is to be proved, and who consented, by code.
    codes: HashMap<String, (String, String)>,
    /// Who, by refresh token.
    refresh: HashMap<String, String>,
    /// Who and until when, by access token.
    access: HashMap<String, (String, Instant)>,
    refreshes: u64,
}

impl Own {
    pub(crate) fn start(redirect_uri: &str) -> Result<Self, Failure> {
        let server = Server::http("127.0.0.1:0").map_err(|error| format!("no provider on loopback: {error}"))?;
        let address = server.server_addr().to_ip().ok_or("the provider has no address")?;
        let issuer = format!("http://{address}");
        let state = Arc::new(Mutex::new(State {
            issuer: issuer.clone(),
            redirect_uri: redirect_uri.to_owned(),
            lifetime: Duration::from_secs(60),
            codes: HashMap::new(),
            refresh: HashMap::new(),
            access: HashMap::new(),
            refreshes: 0,
        }));
        let served = state.clone();
        std::thread::spawn(move || {
            for mut request in server.incoming_requests() {
                let answer = match served.lock() {
                    Ok(mut state) => state.answer(&mut request),
                    Err(_) => return,
                };
                // A client that went away is its own business.
                let _ = request.respond(answer.unwrap_or_else(|failure| text(400, &failure.to_string(), "text/plain")));
            }
        });
        Ok(Self { issuer, state })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn set_lifetime(&self, seconds: u64) -> Result<(), Failure> {
        self.state()?.lifetime = Duration::from_secs(seconds);
        Ok(())
    }

    pub(crate) fn refreshes(&self) -> Result<u64, Failure> {
        Ok(self.state()?.refreshes)
    }

    pub(crate) fn withdraw(&self) -> Result<(), Failure> {
        let mut state = self.state()?;
        state.refresh.clear();
        state.access.clear();
        Ok(())
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, Failure> {
        self.state.lock().map_err(|_| "the provider has failed".into())
    }
}

impl State {
    fn answer(&mut self, request: &mut Request) -> Result<Answer, Failure> {
        let url = request.url().to_owned();
        let (path, query) = url.split_once('?').unwrap_or((&url, ""));
        let mut body = String::new();
        request.as_reader().read_to_string(&mut body)?;
        let fields: Fields = decode(if body.is_empty() { query } else { &body }).collect();
        match path {
            "/.well-known/openid-configuration" => Ok(self.metadata()),
            "/auth" => self.sign_in(&fields, query),
            "/consent" => Ok(consent(&fields)),
            "/consented" => self.consented(&fields),
            "/token" => self.token(&fields, header(request, "authorization")),
            "/me" => Ok(self.userinfo(header(request, "authorization"))),
            _ => Ok(text(404, "not found", "text/plain")),
        }
    }

    fn metadata(&self) -> Answer {
        let at = |path: &str| format!("{}{path}", self.issuer);
        json(
            200,
            &json!({
                "issuer": self.issuer, "authorization_endpoint": at("/auth"), "token_endpoint": at("/token"),
                "userinfo_endpoint": at("/me"), "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"], "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "authorization_response_iss_parameter_supported": true,
            }),
        )
    }

    fn sign_in(&self, asked: &Fields, query: &str) -> Result<Answer, Failure> {
        self.judge(asked)?;
        let inputs = "<input name=\"login\" required><input name=\"password\" type=\"password\" required>";
        Ok(page("/consent", &[("request", query)], inputs, "Sign in"))
    }

    fn consented(&mut self, fields: &Fields) -> Result<Answer, Failure> {
        let asked: Fields = decode(field(fields, "request")?).collect();
        self.judge(&asked)?;
        let code = random()?;
        let challenge = field(&asked, "code_challenge")?.to_owned();
        self.codes.insert(code.clone(), (challenge, field(fields, "login")?.to_owned()));
        let back = [("code", code.as_str()), ("state", field(&asked, "state")?), ("iss", &self.issuer)];
        redirect(&format!("{}?{}", self.redirect_uri, encode(back)))
    }

    /// RFC 6749 section 4.1.1, RFC 7636 section 4.3.
    fn judge(&self, asked: &Fields) -> Result<(), Failure> {
        let expected = [
            ("response_type", "code"),
            ("client_id", CLIENT.0),
            ("redirect_uri", &self.redirect_uri),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in expected {
            if field(asked, name)? != value {
                return Err(format!("`{name}` is not `{value}`").into());
            }
        }
        field(asked, "code_challenge").map(drop)
    }

    fn token(&mut self, fields: &Fields, authorization: Option<&str>) -> Result<Answer, Failure> {
        let pair = authorization.and_then(|value| STANDARD.decode(value.strip_prefix("Basic ")?).ok());
        let pair = String::from_utf8(pair.unwrap_or_default())?;
        let (id, secret) = pair.split_once(':').unwrap_or_default();
        if (unescaped(id).as_str(), unescaped(secret).as_str()) != CLIENT {
            return Ok(json(401, &json!({ "error": "invalid_client" })));
        }
        let who = match field(fields, "grant_type")? {
            "authorization_code" if field(fields, "redirect_uri")? == self.redirect_uri => {
                let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(field(fields, "code_verifier")?));
                self.codes
                    .remove(field(fields, "code")?)
                    .filter(|(challenge, _)| *challenge == proof)
                    .map(|(_, who)| who)
            }
            "refresh_token" => {
                let who = self.refresh.remove(field(fields, "refresh_token")?);
                self.refreshes += u64::from(who.is_some());
                who
            }
            _ => return Ok(json(400, &json!({ "error": "unsupported_grant_type" }))),
        };
        let Some(who) = who else { return Ok(json(400, &json!({ "error": "invalid_grant" }))) };
        let (access, refresh) = (random()?, random()?);
        self.access.insert(access.clone(), (who.clone(), Instant::now() + self.lifetime));
        self.refresh.insert(refresh.clone(), who);
        let answer = json!({
            "access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": self.lifetime.as_secs(),
            "scope": "openid email",
        });
        Ok(json(200, &answer))
    }

    fn userinfo(&self, authorization: Option<&str>) -> Answer {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        match token.and_then(|token| self.access.get(token)).filter(|(_, until)| Instant::now() < *until) {
            Some((who, _)) => json(200, &json!({ "sub": who, "email": format!("{who}@example.com") })),
            None => json(401, &json!({ "error": "invalid_token" })),
        }
    }
}

fn consent(fields: &Fields) -> Answer {
    let kept = |name: &str| fields.get(name).cloned().unwrap_or_default();
    page("/consented", &[("request", &kept("request")), ("login", &kept("login"))], "", "Continue")
}

fn page(action: &str, kept: &[(&str, &str)], inputs: &str, button: &str) -> Answer {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let kept = kept
        .iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value)));
    let kept: String = kept.collect();
    let html = format!(
        "<!DOCTYPE html><form action=\"{action}\" method=\"post\">{kept}{inputs}<button>{button}</button></form>"
    );
    text(200, &html, "text/html; charset=utf-8")
}

fn json(status: u16, value: &serde_json::Value) -> Answer {
    text(status, &value.to_string(), "application/json")
}

fn redirect(to: &str) -> Result<Answer, Failure> {
    let location = Header::from_bytes("location", to).map_err(|()| "the redirect address is no header")?;
    Ok(text(303, "", "text/plain").with_header(location))
}

fn text(status: u16, body: &str, kind: &str) -> Answer {
    let answer = Response::from_string(body).with_status_code(status);
    match Header::from_bytes("content-type", kind) {
        Ok(kind) => answer.with_header(kind),
        Err(()) => answer,
    }
}

fn header<'a>(request: &'a Request, name: &'static str) -> Option<&'a str> {
    request.headers().iter().find(|header| header.field.equiv(name)).map(|header| header.value.as_str())
}

fn field<'a>(fields: &'a Fields, name: &str) -> Result<&'a str, Failure> {
    fields.get(name).map(String::as_str).ok_or_else(|| format!("`{name}` is missing").into())
}

/// 256 bits that nobody guesses.
fn random() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
