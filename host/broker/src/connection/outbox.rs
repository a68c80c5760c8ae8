//! Telling others of transitions: Standard Webhooks, signed, again and again until they are taken.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ipnet::IpNet;
use sha2::Sha256;
use url::Url;
use zeroize::Zeroizing;

use super::store;
use crate::{
    Broker, Error, Secret,
    clock::{Micros, SECOND},
    error::Result,
    limits::{
        EVENT_BATCH, EVENT_CLAIM_S, EVENT_RETRIES_S, EVENT_SECRET_BYTES_LEAST, EVENT_SECRET_BYTES_MOST, EVENT_SECRETS,
    },
    sender::Reach,
};

/// Where events go.
pub struct EventEndpoint {
    url: Url,
    keys: Vec<Secret>,
    reach: Reach,
}

impl Clone for EventEndpoint {
    fn clone(&self) -> Self {
        Self { url: self.url.clone(), keys: self.keys.iter().map(Secret::copy).collect(), reach: self.reach.clone() }
    }
}

impl EventEndpoint {
    /// An https URL, and a secret as Standard Webhooks writes it: `whsec_` and base64 of 24 to 64 bytes. Several of them, one a
    /// line, all sign, so that a receiver can change from one to the other.
    ///
    /// # Errors
    /// `event-endpoint-malformed`, `event-secret-malformed`.
    pub fn new(url: &str, secrets: &Secret) -> Result<Self> {
        let url = Url::parse(url).ok().filter(|url| url.scheme() == "https" && url.host_str().is_some());
        let url = url
            .ok_or_else(|| Error::refused("event-endpoint-malformed", "the endpoint of events is not an https URL"))?;
        let lines = secrets.expose_str()?.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys = lines.map(key).collect::<Result<Vec<_>>>()?;
        match keys.len() {
            1..=EVENT_SECRETS => Ok(Self { url, keys, reach: Reach::default() }),
            0 => Err(malformed()),
            many => Err(Error::refused(
                "event-secret-malformed",
                format!("{many} secrets of events: at most {EVENT_SECRETS}"),
            )),
        }
    }

    /// It may lie in these networks although they are not public.
    #[must_use]
    pub fn within(self, networks: Vec<IpNet>) -> Self {
        Self { reach: Reach(networks), ..self }
    }

    /// For each secret `v1,` and base64 of HMAC-SHA256 over `<id>.<seconds>.<payload>`.
    pub(super) fn signatures(&self, id: &str, seconds: i64, payload: &str) -> Result<String> {
        let signature = |key: &Secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose())
                .map_err(|_| Error::Fault("HMAC takes a key of any length".into()))?;
            mac.update(format!("{id}.{seconds}.{payload}").as_bytes());
            Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        };
        Ok(self.keys.iter().map(signature).collect::<Result<Vec<_>>>()?.join(" "))
    }

    fn request(&self, event: &store::EventRow, now: Micros) -> Result<http::Request<Bytes>> {
        let seconds = now / SECOND;
        http::Request::post(self.url.as_str())
            .header("content-type", "application/json")
            .header("webhook-id", &event.id)
            .header("webhook-timestamp", seconds)
            .extension(self.reach.clone())
            .header("webhook-signature", self.signatures(&event.id, seconds, &event.payload)?)
            .body(Bytes::from(event.payload.clone()))
            .map_err(|error| Error::Fault(format!("an event's request: {error}")))
    }
}

fn key(line: &str) -> Result<Secret> {
    let text = line.strip_prefix("whsec_").ok_or_else(malformed)?;
    let key = Zeroizing::new(STANDARD.decode(text).map_err(|_| malformed())?);
    match key.len() {
        EVENT_SECRET_BYTES_LEAST..=EVENT_SECRET_BYTES_MOST => Ok(Secret::new(key)?),
        _ => Err(malformed()),
    }
}

fn malformed() -> Error {
    let message = format!(
        "the secret of events is not `whsec_` and base64 of {EVENT_SECRET_BYTES_LEAST} to {EVENT_SECRET_BYTES_MOST} bytes"
    );
    Error::refused("event-secret-malformed", message).hint("echo whsec_$(openssl rand -base64 32)")
}

impl Broker {
    /// Sends the events that are due. A receiver may get one twice, and knows it by its id; it never misses one, unless it
    /// fails for days. How many were taken.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn deliver_events(&self) -> Result<usize> {
        let Some(endpoint) = self.events() else { return Ok(0) };
        let due = store::due_events(&mut self.db().read().await?, self.now(), EVENT_BATCH).await?;
        let mut taken = 0;
        for event in due {
            let now = self.now();
            let mut tx = self.db().begin().await?;
            // A claim that a crash leaves behind runs out by itself.
            let claimed = store::claim_event(&mut tx, &event, now + EVENT_CLAIM_S * SECOND).await?;
            tx.commit().await?;
            if !claimed {
                continue;
            }
            let answer = self.sender().send(endpoint.request(&event, now)?).await;
            let delivered = matches!(&answer, Ok(answer) if answer.status().is_success());
            let attempt = usize::try_from(event.attempts).unwrap_or(usize::MAX);
            let next = EVENT_RETRIES_S.get(attempt).map(|wait| now + wait * SECOND);
            if !delivered {
                let why = answer.map_or_else(|error| error.to_string(), |answer| answer.status().to_string());
                tracing::warn!(event = event.id, attempt, why, given_up = next.is_none(), "an event was not taken");
            }
            let mut tx = self.db().begin().await?;
            store::settle_event(&mut tx, &event.id, delivered.then_some(now), next).await?;
            tx.commit().await?;
            taken += usize::from(delivered);
        }
        Ok(taken)
    }
}
