//! One sign-in at a provider: begun in a browser, ended in the same, once.

use super::{Session, Sessions, Trouble, browser::Browser};
use crate::{
    Secret,
    clock::{Micros, SECOND},
    flow::{
        CodeGrant, DeviceCode, Polled,
        authorize::{self, Answer, Callback, Consent},
    },
    limits::DEVICE_INTERVAL_S,
    provider::{Pkce, Provider},
    random,
    token::Terms,
};

/// What a redirect's answer is held against.
pub(super) struct Attempt {
    state: String,
    verifier: Secret,
    used: bool,
}

/// A device code that somebody is to enter.
pub(super) struct Waiting {
    code: DeviceCode,
    interval: Micros,
    ask_at: Micros,
    expires_at: Micros,
}

/// What a person enters on another device.
#[derive(Clone, Debug)]
pub struct CodeToEnter {
    /// The code.
    pub user_code: String,
    /// Where.
    pub place: String,
    /// Seconds until it is worth asking again.
    pub refresh_s: i64,
}

impl Sessions {
    /// Where the provider sends people back to. One address a provider: an answer that comes to another's is a mix-up.
    pub fn redirect_uri(&self, provider: &str) -> String {
        format!("{}connect/callback/{provider}", self.0.place.origin)
    }

    /// Begins a sign-in, and gives the URL that it goes on at. One that was begun before no longer counts.
    pub(super) fn depart(&self, id: &str) -> Result<(String, Provider), Trouble> {
        let (state, verifier) = (random::token()?, Secret::new(random::token()?.into_bytes())?);
        let mut sessions = self.sessions();
        let session = sessions.get_mut(id).ok_or_else(Trouble::unknown)?;
        let terms = &session.wish.terms;
        let provider = self.0.flows.provider(terms)?;
        let redirect_uri = self.redirect_uri(provider.name.as_str());
        let (client_id, scopes) = (terms.client_id.as_str(), terms.scopes.as_slice());
        let consent = Consent { client_id, redirect_uri: &redirect_uri, scopes, state: &state, verifier: &verifier };
        let url = authorize::url(&provider, &consent)?;
        session.attempt = Some(Attempt { state, verifier, used: false });
        Ok((url.to_string(), provider))
    }

    /// The session that a state belongs to.
    pub(super) fn by_state(&self, state: &str) -> Option<String> {
        let sessions = self.sessions();
        let mut of_state = sessions.iter().filter(|(_, session)| {
            session.attempt.as_ref().is_some_and(|attempt| !state.is_empty() && attempt.state == state)
        });
        of_state.next().map(|(id, _)| id.clone())
    }

    /// The open session that this browser has at this provider: whom an answer that fits nothing was meant for.
    pub(super) fn by_browser(&self, browser: &Browser, provider: &str) -> Option<String> {
        let sessions = self.sessions();
        let mut of_browser = sessions.iter().filter(|(_, session)| {
            session.browser.as_deref() == Some(&*browser.0) && session.wish.terms.provider.as_deref() == Some(provider)
        });
        of_browser.next().map(|(id, _)| id.clone())
    }

    /// The provider's answer, held against what was asked. From the moment on in which it fits, it is used up.
    pub(super) async fn arrive(
        &self,
        id: &str,
        provider_of_address: &str,
        browser: Option<&Browser>,
        callback: &Callback,
    ) -> Result<(), Trouble> {
        let (terms, client, verifier) = self.use_up(id, provider_of_address, browser)?;
        let provider = self.0.flows.provider(&terms)?;
        let code = match callback.judge(&provider).map_err(Trouble::malformed)? {
            Answer::Code(code) => code,
            Answer::Refused { error, words } => return Err(Trouble::declined(&provider.title, &error, &words)),
        };
        let redirect_uri = self.redirect_uri(provider.name.as_str());
        let has_pkce = provider.authorize.as_ref().is_some_and(|authorize| authorize.pkce == Pkce::S256);
        let grant = CodeGrant { code: &code, redirect_uri: &redirect_uri, verifier: has_pkce.then_some(&verifier) };
        let tokens = self.0.flows.exchange_code(&terms, client.as_ref(), &grant).await?;
        self.finish(id, tokens).await?;
        Ok(())
    }

    fn use_up(
        &self,
        id: &str,
        provider_of_address: &str,
        browser: Option<&Browser>,
    ) -> Result<(Terms, Option<Secret>, Secret), Trouble> {
        let now = self.now();
        let mut sessions = self.sessions();
        let session = sessions.get_mut(id).ok_or_else(Trouble::unknown_state)?;
        session.belongs_to(browser)?;
        let is_open = session.is_open();
        let Session { attempt: Some(attempt), wish, expires_at, .. } = session else {
            return Err(Trouble::unknown_state());
        };
        if attempt.used || !is_open {
            return Err(Trouble::replayed());
        }
        attempt.used = true;
        if *expires_at <= now {
            return Err(Trouble::expired());
        }
        if wish.terms.provider.as_deref() != Some(provider_of_address) {
            return Err(Trouble::mixed_up());
        }
        Ok((wish.terms.clone(), wish.client.as_ref().map(Secret::copy), attempt.verifier.copy()))
    }

    /// Has the provider show a code to enter elsewhere.
    pub(super) async fn wait(&self, id: &str) -> Result<(), Trouble> {
        let (terms, client) = self.asked(id)?;
        let code = self.0.flows.device_code(&terms, client.as_ref()).await?;
        let now = self.now();
        let interval = seconds(code.interval_s);
        let waiting = Waiting { interval, ask_at: now + interval, expires_at: now + seconds(code.expires_in_s), code };
        if let Some(session) = self.sessions().get_mut(id) {
            session.waiting = Some(waiting);
        }
        Ok(())
    }

    /// Asks whether the code has been entered, if it is time to, and says what to show until it has; nothing once it has.
    pub(super) async fn waited(&self, id: &str) -> Result<Option<CodeToEnter>, Trouble> {
        let now = self.now();
        let due = {
            let mut sessions = self.sessions();
            let session = sessions.get_mut(id).ok_or_else(Trouble::unknown)?;
            if !session.is_open() {
                return Ok(None);
            }
            let waiting = session.waiting.as_mut().ok_or_else(Trouble::unknown)?;
            if waiting.expires_at <= now || session.expires_at <= now {
                return Err(crate::flow::device_expired().into());
            }
            let is_due = waiting.ask_at <= now;
            if is_due {
                // Also two pages of one session ask no oftener than one.
                waiting.ask_at = now + waiting.interval;
            }
            is_due.then(|| waiting.code.code.copy())
        };
        if let Some(code) = due {
            let (terms, client) = self.asked(id)?;
            match self.0.flows.poll_device(&terms, client.as_ref(), &code).await {
                Ok(Polled::Tokens(tokens)) => {
                    self.finish(id, *tokens).await?;
                    return Ok(None);
                }
                Ok(Polled::Pending) => {}
                Ok(Polled::SlowDown) => self.ask_less_often(id),
                Err(error) if error.permanent => return Err(error.into()),
                // RFC 8628 section 3.5: a connection that fails is asked less often, and not given up.
                Err(error) => {
                    tracing::debug!(%error, "a device's tokens could not be asked for");
                    self.ask_less_often(id);
                }
            }
        }
        let sessions = self.sessions();
        let waiting = sessions.get(id).and_then(|session| session.waiting.as_ref()).ok_or_else(Trouble::unknown)?;
        let place = waiting.code.verification_uri_complete.as_ref().unwrap_or(&waiting.code.verification_uri);
        Ok(Some(CodeToEnter {
            user_code: waiting.code.user_code.clone(),
            place: place.to_string(),
            refresh_s: ((waiting.ask_at - now + SECOND - 1) / SECOND).max(1),
        }))
    }

    fn ask_less_often(&self, id: &str) {
        let now = self.now();
        if let Some(waiting) = self.sessions().get_mut(id).and_then(|session| session.waiting.as_mut()) {
            waiting.interval += seconds(DEVICE_INTERVAL_S);
            waiting.ask_at = now + waiting.interval;
        }
    }

    fn asked(&self, id: &str) -> Result<(Terms, Option<Secret>), Trouble> {
        let sessions = self.sessions();
        let wish = &sessions.get(id).ok_or_else(Trouble::unknown)?.wish;
        Ok((wish.terms.clone(), wish.client.as_ref().map(Secret::copy)))
    }
}

impl Session {
    /// Whether it was begun in this browser.
    pub(super) fn belongs_to(&self, browser: Option<&Browser>) -> Result<(), Trouble> {
        match (&self.browser, browser) {
            (Some(bound), Some(Browser(sent))) if bound == sent => Ok(()),
            _ => Err(Trouble::other_browser()),
        }
    }
}

fn seconds(seconds: u64) -> Micros {
    i64::try_from(seconds).unwrap_or(i64::MAX / SECOND) * SECOND
}
