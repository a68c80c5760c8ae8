//! What a manifest asks for, in the words that a person decides by: the same on a registry's page and in the command.

use super::{Attach, Auth, AuthType, Effect, Hook, OperationKind};

impl AuthType {
    /// The manifest's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oauth2 => "oauth2",
            Self::ApiKey => "api-key",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::Hmac => "hmac",
            Self::Sigv4 => "sigv4",
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Oauth2 => "an OAuth 2 token",
            Self::ApiKey => "an API key",
            Self::Basic => "a user name and password",
            Self::Bearer => "a bearer token",
            Self::Hmac => "a signing key (HMAC)",
            Self::Sigv4 => "an AWS signing key",
        }
    }
}

impl Attach {
    fn in_words(&self) -> String {
        match self {
            Self::Header { name, .. } => format!("in the header {name}"),
            Self::Query { name } => format!("in the query parameter {name}"),
            Self::Basic {} => "as Basic authentication".to_owned(),
            Self::Signature { .. } => "as a signature".to_owned(),
        }
    }
}

impl Auth {
    /// What it is, where it goes and how: `an OAuth 2 token of github, which the host sends to api.github.com in the header …`.
    pub fn in_words(&self) -> String {
        let hosts: Vec<_> = self.hosts.iter().map(ToString::to_string).collect();
        let provider = self.provider.as_ref().map(|provider| format!(" of {provider}")).unwrap_or_default();
        let (kind, attached) = (self.r#type.in_words(), self.attach.in_words());
        format!("{kind}{provider}, which the host sends to {} {attached}", hosts.join(", "))
    }
}

impl Hook {
    /// What the connector's own code does with it, and what it is shown.
    pub fn in_words(&self) -> String {
        let shown = match self.reads.as_slice() {
            [] => "nothing but their status".to_owned(),
            reads => format!("these places: {}", reads.join(", ")),
        };
        format!(
            "its own code words the requests for tokens, without seeing a secret; of the answers it is shown {shown}"
        )
    }
}

impl OperationKind {
    /// The manifest's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Poll => "poll",
            Self::Webhook => "webhook",
        }
    }
}

impl Effect {
    /// The manifest's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
        }
    }
}
