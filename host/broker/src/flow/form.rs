//! The parameters of one request, and which of them are secret.

use bytes::Bytes;
use jackfield_package::Refusal;
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::Parameters;
use crate::{
    Secret,
    provider::{Body, Provider},
};

/// In the order in which they were put. Zeroed when dropped.
#[derive(Default)]
pub(super) struct Form {
    fields: Vec<(String, Zeroizing<String>)>,
    /// Secrets among the values, for blotting them out of what comes back.
    secrets: Vec<Zeroizing<String>>,
}

impl Form {
    pub(super) fn grant(grant_type: &str) -> Self {
        let mut form = Self::default();
        form.push("grant_type", grant_type);
        form
    }

    /// What is empty is left out: RFC 6749 section 3.2 takes it for absent, and not every provider does.
    pub(super) fn push(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.fields.push((name.to_owned(), Zeroizing::new(value.to_owned())));
        }
    }

    pub(super) fn secret(&mut self, name: &str, secret: &Secret) -> Result<(), Refusal> {
        let text = secret.expose_str()?;
        self.push(name, text);
        self.note(text);
        Ok(())
    }

    /// A secret that goes along elsewhere than in the body.
    pub(super) fn note(&mut self, text: &str) {
        self.secrets.push(Zeroizing::new(text.to_owned()));
    }

    pub(super) fn extend(&mut self, parameters: &Parameters) {
        parameters.iter().for_each(|(name, value)| self.push(name, value));
    }

    /// Scopes, where and as the provider wants them.
    pub(super) fn scopes(&mut self, provider: &Provider, scopes: &[String]) {
        let separator = provider.authorize.as_ref().map_or(" ", |authorize| authorize.scope_separator.as_str());
        self.push("scope", &scopes.join(separator));
    }

    pub(super) fn into_body(self, body: Body) -> (Option<&'static str>, Bytes, Vec<Zeroizing<String>>) {
        let (media_type, text) = match body {
            Body::None => (None, Zeroizing::new(String::new())),
            Body::Form => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in &self.fields {
                    form.append_pair(name, value);
                }
                (Some("application/x-www-form-urlencoded"), Zeroizing::new(form.finish()))
            }
            Body::Json => {
                let fields = self.fields.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
                let json = Value::Object(fields.collect());
                (Some("application/json"), Zeroizing::new(json.to_string()))
            }
        };
        (media_type, Bytes::from_owner(text), self.secrets)
    }
}
