//! Which browser it is: a cookie that nobody else has, and forms that only it can send.

use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use url::Url;

use super::trouble::Trouble;

/// What the browser is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Browser(pub(super) String);

impl Browser {
    /// The one that sent this, if it has been here.
    pub(super) fn of(headers: &HeaderMap, origin: &Url) -> Option<Self> {
        let name = cookie_name(origin);
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut found = cookies
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(cookie, _)| *cookie == name);
        let (_, value) = found.next()?;
        // A second cookie of the name was set by somebody else, from a neighbouring host.
        let is_ours = value.len() == 43 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (is_ours && found.next().is_none()).then(|| Self(value.to_owned()))
    }

    /// What sets it. `Lax`, since the provider's redirect comes from another site, and must bring it.
    pub(super) fn cookie(&self, origin: &Url) -> String {
        let secure = if origin.scheme() == "https" { "; Secure" } else { "" };
        format!("{}={}; Path=/; HttpOnly; SameSite=Lax{secure}", cookie_name(origin), self.0)
    }

    /// What a form of this session must bring from this browser.
    pub(super) fn form_token(&self, session: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(session).finalize().into_bytes())
    }

    /// Whether a form comes from the page that this browser was shown.
    pub(super) fn judge(&self, session: &str, token: &str, headers: &HeaderMap, origin: &Url) -> Result<(), Trouble> {
        let token = URL_SAFE_NO_PAD.decode(token).map_err(|_| Trouble::forged())?;
        self.mac(session).verify_slice(&token).map_err(|_| Trouble::forged())?;
        let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let own = origin.origin().ascii_serialization();
        let from_here = says("origin").is_none_or(|from| from == own || from == "null")
            && says("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
        if from_here { Ok(()) } else { Err(Trouble::forged()) }
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, session: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("any length");
        mac.update(b"connect form ");
        mac.update(session.as_bytes());
        mac
    }
}

/// Over https a browser takes this name only from this very host; plain http is for loopback.
fn cookie_name(origin: &Url) -> &'static str {
    if origin.scheme() == "https" { "__Host-jackfield-connect" } else { "jackfield-connect" }
}
