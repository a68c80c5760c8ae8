//! A registry over HTTP, as every command asks one.
//!
//! Which one: `--registry`, else JACKFIELD_REGISTRY, else the one that was last signed in to, else the only one that the
//! policy believes. As whom: JACKFIELD_TOKEN, else
//! what `jackfield login` has put into `<home>/credentials.toml`. A token travels over TLS, or to this machine.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use jackfield_package::{key::PublicKey, limits::BUNDLE_BYTES, log::VerifierKey};
use reqwest::{
    Client, Method, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    context::{Context, read_bounded},
    error::{Done, Failed, Kind},
    flags::RegistryUrl,
    store::{Editing, private_folder, write_aside},
    trusted::Trusted,
};

/// Bytes of a JSON answer: a package's evidence with a hundred statements.
const JSON_BYTES: usize = 64 * BUNDLE_BYTES;
/// Bytes of a refusal: some lines of text.
const PROBLEM_BYTES: usize = 64 << 10;
/// Bytes of credentials.toml: hundreds of registries.
const CREDENTIALS_BYTES: u64 = 256 << 10;
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the other side may be silent: it may be checking a component.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(90);
/// How often what changes nothing, or changes it to the same, is sent again when the registry says "later".
const RETRIES: u32 = 4;
/// What to do about an answer that no registry gives.
const NOT_A_REGISTRY: &str = "is this a registry's address? See: jackfield registry list; --registry URL names another";
/// The longest wait that is worth it.
const RETRY_WAIT: Duration = Duration::from_secs(10);

/// A registry, and as whom it is asked.
#[derive(Debug)]
pub(crate) struct Remote {
    base: Url,
    token: Option<Zeroizing<String>>,
    /// Whether JACKFIELD_TOKEN names the token, which no `login` changes.
    by_environment: bool,
    client: Client,
}

/// What a registry says about itself, which proves nothing about it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct About {
    /// Its name: the log's origin, and the audience of statements.
    pub(crate) origin: String,
    pub(crate) log_key: VerifierKey,
    pub(crate) statements_key: PublicKey,
    #[serde(default)]
    pub(crate) witness_policy: Option<String>,
    /// Whether anybody may make himself an account.
    #[serde(default)]
    pub(crate) open_registration: bool,
}

/// What came back that was no refusal.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Bytes of the answer at the most; 0: as many as JSON may have.
    pub(crate) answer_bytes: usize,
}

impl Outgoing {
    /// JSON.
    pub(crate) fn json(body: &(impl Serialize + ?Sized)) -> Result<Self, Failed> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failed::new(Kind::Fault, "json-fault", format!("cannot write the request: {error}")))?;
        Ok(Self { body, ..Self::default() }.header(CONTENT_TYPE, "application/json"))
    }

    /// The same with a header; one that can't be one is left out.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl Remote {
    /// The registry that the flags, the environment or this home name, asked with its token if there is one.
    pub(crate) fn open(flags: &RegistryUrl, context: &Context) -> Result<Self, Failed> {
        let credentials = Credentials::load(context)?;
        let believed = match Trusted::of(context).policy()?.registries.as_slice() {
            [only] => Some(only.url.clone()),
            _ => None,
        };
        let named = flags.registry.clone().or_else(|| credentials.default.clone()).or(believed).ok_or_else(|| {
            Failed::usage("registry-unknown", "no registry is named").hint(
                "say which: --registry URL or JACKFIELD_REGISTRY=URL; `jackfield login --registry URL` remembers it",
            )
        })?;
        let base = parse(&named)?;
        let from_environment = std::env::var("JACKFIELD_TOKEN").ok().filter(|token| !token.is_empty());
        let kept = credentials.registries.get(base.as_str()).map(|kept| kept.token.clone());
        let by_environment = from_environment.is_some();
        let token = from_environment.or(kept).map(Zeroizing::new);
        Ok(Self { base, token, by_environment, client: client(context)? })
    }

    /// The same for what needs an account: nothing is asked of anybody before somebody is signed in.
    ///
    /// # Errors
    /// Those of [`Self::open`]; `unauthenticated`, with the command that signs in.
    pub(crate) fn signed_in(flags: &RegistryUrl, context: &Context) -> Result<Self, Failed> {
        let remote = Self::open(flags, context)?;
        if remote.token.is_some() {
            return Ok(remote);
        }
        let message =
            format!("this needs an account at {}, and nobody is signed in there from this home", remote.base());
        Err(Failed::new(Kind::Refused, "unauthenticated", message).hint(remote.how_to_sign_in()))
    }

    /// The command that gives this home a token.
    fn how_to_sign_in(&self) -> String {
        let when = if self.token.is_some() { "again" } else { "first" };
        let login = format!("sign in {when}: jackfield login --registry {} --user NAME", self.base());
        match self.by_environment {
            true => {
                format!("JACKFIELD_TOKEN goes before what `login` keeps: unset it, or set it to another token\n{login}")
            }
            false => login,
        }
    }

    /// The same registry, asked by nobody in particular.
    pub(crate) fn as_nobody(&self) -> Self {
        Self { base: self.base.clone(), token: None, by_environment: false, client: self.client.clone() }
    }

    /// With this token instead, or none.
    pub(crate) fn with_token(flags: &RegistryUrl, token: Option<String>, context: &Context) -> Result<Self, Failed> {
        Ok(Self { token: token.map(Zeroizing::new), by_environment: false, ..Self::open(flags, context)? })
    }

    /// Its address, without a slash at the end.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The JSON at a path such as `/v1/me`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        self.json(self.send(Method::GET, path, Outgoing::default()).await?, path)
    }

    /// What the registry says about itself.
    pub(crate) async fn about(&self) -> Result<About, Failed> {
        let about: Result<About, Failed> = self.get("/.well-known/jackfield.json").await;
        about.map_err(|failed| if failed.is_not_found() { failed.hint(NOT_A_REGISTRY) } else { failed })
    }

    /// The bytes at a path, of at most that many.
    pub(crate) async fn get_bytes(&self, path: &str, most: usize) -> Result<Vec<u8>, Failed> {
        Ok(self.send(Method::GET, path, Outgoing { answer_bytes: most, ..Outgoing::default() }).await?.body)
    }

    /// Sends JSON, reads JSON; nothing at all reads as `null`.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Failed> {
        self.json(self.send(Method::POST, path, Outgoing::json(body)?).await?, path)
    }

    /// As [`Self::post`].
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Failed> {
        self.json(self.send(Method::PUT, path, Outgoing::json(body)?).await?, path)
    }

    /// Removes what stands there.
    pub(crate) async fn delete(&self, path: &str) -> Done {
        self.send(Method::DELETE, path, Outgoing::default()).await.map(drop)
    }

    /// One request. A status from 400 up is a refusal; GET, HEAD, PUT and DELETE are sent again while the registry says "later".
    pub(crate) async fn send(&self, method: Method, path: &str, outgoing: Outgoing) -> Result<Answer, Failed> {
        let url = self
            .base
            .join(path.trim_start_matches('/'))
            .map_err(|error| Failed::usage("registry-url-malformed", format!("`{path}` makes no address: {error}")))?;
        let repeatable = matches!(method, Method::GET | Method::HEAD | Method::PUT | Method::DELETE);
        let mut tries = 0;
        loop {
            let mut request = self.client.request(method.clone(), url.clone()).headers(outgoing.headers.clone());
            if !outgoing.headers.contains_key(ACCEPT) {
                request = request.header(ACCEPT, "application/json, */*");
            }
            if let Some(token) = self.token.as_ref().filter(|_| !outgoing.headers.contains_key(AUTHORIZATION)) {
                request = request.bearer_auth(token.as_str());
            }
            let sent = request.body(outgoing.body.clone()).send().await;
            let mut response = sent.map_err(|error| self.unreachable(&error))?;
            let status = response.status();
            let later = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
            if later && repeatable && tries < RETRIES {
                let wait = wait_for(response.headers(), tries);
                if wait <= RETRY_WAIT {
                    tries += 1;
                    tokio::time::sleep(wait).await;
                    continue;
                }
            }
            let most = match (status.is_client_error() || status.is_server_error(), outgoing.answer_bytes) {
                (true, _) => PROBLEM_BYTES,
                (false, 0) => JSON_BYTES,
                (false, most) => most,
            };
            let body = self.read(&mut response, most).await?;
            let headers = std::mem::take(response.headers_mut());
            if status.is_success() || status == StatusCode::NOT_MODIFIED {
                return Ok(Answer { status, headers, body });
            }
            return Err(self.refusal(status, &headers, &body));
        }
    }

    async fn read(&self, response: &mut reqwest::Response, most: usize) -> Result<Vec<u8>, Failed> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + chunk.len() > most {
                return Err(Failed::new(
                    Kind::Fault,
                    "registry-answer-too-long",
                    format!("{} answered with more than {most} bytes", self.base()),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn json<T: DeserializeOwned>(&self, answer: Answer, path: &str) -> Result<T, Failed> {
        let body: &[u8] = if answer.body.is_empty() { b"null" } else { &answer.body };
        serde_json::from_slice(body).map_err(|error| {
            Failed::new(
                Kind::Fault,
                "registry-answer-malformed",
                format!("{}{path} answered with what this version does not read: {error}", self.base()),
            )
            .hint(NOT_A_REGISTRY)
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failed {
        let mut message = String::new();
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            // The last one says why; those before it say what was tried, which stands at the front already.
            message = error.to_string();
            cause = error.source();
        }
        let why = message.split(" (os error").next().unwrap_or(&message).to_lowercase();
        let message = format!("cannot ask the registry {}: {why}", self.base());
        Failed::new(Kind::Fault, "registry-unreachable", message).hint(
            "is that its address, and does it run? What is installed goes on without it; --registry URL names another",
        )
    }

    /// As the registry puts it: problem details, or the OCI specification's errors.
    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failed {
        let kind = match status {
            StatusCode::NOT_FOUND => Kind::NotFound,
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => Kind::Fault,
            _ => Kind::Refused,
        };
        let told: Value = serde_json::from_slice(body).unwrap_or_default();
        let oci = &told["errors"][0];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let code_of_nobody = told["code"].is_null() && oci["code"].is_null();
        let code = text(&told["code"])
            .or_else(|| text(&oci["code"]).map(|code| code.to_lowercase().replace('_', "-")))
            .unwrap_or_else(|| "registry-refused".to_owned());
        let message = text(&told["detail"])
            .or_else(|| text(&oci["message"]))
            .unwrap_or_else(|| format!("{} answered {status}", self.base()));
        let mut failed = Failed::new(kind, code, message).detail("status", status.as_u16());
        if status == StatusCode::UNAUTHORIZED && failed.code() != "login-failed" {
            // The registry speaks to any client; this one knows the command.
            failed = failed.hint(self.how_to_sign_in());
        } else if let Some(hint) = text(&told["hint"]) {
            failed = failed.hint(hint);
        } else if code_of_nobody && !status.is_server_error() {
            failed = failed.hint(NOT_A_REGISTRY);
        }
        match headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()) {
            Some(after) => failed.detail("retry_after", after),
            None => failed,
        }
    }
}

/// What asks: TLS with the built-in roots and those of `--ca-file`, no redirects.
fn client(context: &Context) -> Result<Client, Failed> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots.add_parsable_certificates(context.root_certificates()?);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let fault = |error: &dyn std::fmt::Display| {
        Failed::new(Kind::Fault, "registry-unreachable", format!("cannot set up TLS: {error}"))
    };
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("jackfield/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(SILENCE_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| fault(&error))
}

/// What it says, else a little longer each time.
fn wait_for(headers: &HeaderMap, tries: u32) -> Duration {
    let said = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    said.map_or(Duration::from_millis(200 << tries), Duration::from_secs)
}

/// A registry's address: https, or http to this machine.
fn parse(text: &str) -> Result<Url, Failed> {
    let malformed = |why: &str| {
        let failed = Failed::usage("registry-url-malformed", format!("`{text}` is not a registry's address: {why}"));
        let local = ["localhost", "127.", "[::1]"].iter().any(|host| text.starts_with(host));
        failed.hint(match (text.contains("://"), local) {
            (true, _) => "such as https://registry.example or http://127.0.0.1:8787".to_owned(),
            (false, true) => format!("did you mean http://{text}?"),
            (false, false) => format!("did you mean https://{text}?"),
        })
    };
    let mut url = Url::parse(text).map_err(|error| malformed(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(malformed("it has more than a scheme, a host and a path"));
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        "http" => {
            return Err(Failed::usage(
                "registry-insecure",
                format!("`{text}` would send tokens over the network for everybody to read"),
            )
            .hint("use https; plain http is for this machine only"));
        }
        _ => return Err(malformed("expected https")),
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// `<home>/credentials.toml`, mode 0600.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The registry that is meant when none is named.
    pub(crate) default: Option<String>,
    /// By address, with the slash at its end.
    pub(crate) registries: BTreeMap<String, Kept>,
}

/// What is kept of a sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// The token's name in lists, so that `logout` can end it.
    pub(crate) id: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) token: String,
}

impl Credentials {
    fn path(context: &Context) -> PathBuf {
        context.home().join("credentials.toml")
    }

    pub(crate) fn load(context: &Context) -> Result<Self, Failed> {
        let path = Self::path(context);
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = Zeroizing::new(read_bounded(&path, "the credentials", CREDENTIALS_BYTES)?);
        let malformed = |why: &str| {
            Failed::new(
                Kind::Fault,
                "credentials-malformed",
                format!("`{}` does not hold credentials: {why}", path.display()),
            )
            .hint("mend it, or remove it and sign in again: jackfield login")
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| malformed("it is not text"))?;
        // The error of the parser would quote the line, and a line is a token.
        toml::from_str(text).map_err(|error| malformed(error.message()))
    }

    /// Changes what stands there, with nobody else changing it in between.
    pub(crate) fn change<T>(context: &Context, change: impl FnOnce(&mut Self) -> T) -> Result<T, Failed> {
        let _editing = Editing::begin(context.home())?;
        let mut credentials = Self::load(context)?;
        let changed = change(&mut credentials);
        credentials.save(context)?;
        Ok(changed)
    }

    fn save(&self, context: &Context) -> Done {
        let text = toml::to_string(self).map_err(|error| {
            Failed::new(Kind::Fault, "credentials-malformed", format!("cannot write the credentials: {error}"))
        })?;
        private_folder(context.home())?;
        write_aside(&Self::path(context), text.as_bytes(), 0o600)?.replace()
    }

    /// Under its registry, which becomes the default.
    pub(crate) fn keep(&mut self, remote: &Remote, kept: Kept) {
        self.default = Some(remote.base().to_owned());
        self.registries.insert(remote.base.to_string(), kept);
    }

    /// Forgets what is kept for a registry; gives it back.
    pub(crate) fn forget(&mut self, remote: &Remote) -> Option<Kept> {
        self.registries.remove(remote.base.as_str())
    }
}
