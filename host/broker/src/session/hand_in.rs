//! A secret that a person hands in: a key, a token, or a user and a password.

use jackfield_package::manifest::AuthType;
use zeroize::Zeroizing;

use super::Trouble;
use crate::{Secret, token};

/// The fields of a form's body. Zeroed when dropped.
pub(super) struct Fields(Vec<(String, Zeroizing<String>)>);

impl Fields {
    pub(super) fn parse(body: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(body);
        Self(pairs.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned()))).collect())
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.trim())
    }

    /// The secret that they hold, in the form that a credential of this kind has.
    pub(super) fn secret(&self, kind: AuthType) -> Result<Secret, Trouble> {
        let text = match pair_of(kind) {
            None => Zeroizing::new(self.get("secret").to_owned()),
            Some((user, password)) => {
                let (first, second) = (self.get("user"), self.get("secret"));
                if first.is_empty() || second.is_empty() {
                    return Err(Trouble::hand_in(&format!("both are needed: {user} and {password}")));
                }
                if first.contains(':') {
                    return Err(Trouble::hand_in(&format!("the {user} can't have a colon in it")));
                }
                Zeroizing::new(format!("{first}:{second}"))
            }
        };
        token::token(text).map_err(|_| {
            Trouble::hand_in("that is no key: one line of letters, digits and signs, without spaces around it")
        })
    }
}

/// What the two halves are called, of credentials that have two.
pub(super) fn pair_of(kind: AuthType) -> Option<(&'static str, &'static str)> {
    match kind {
        AuthType::Basic => Some(("user name", "password")),
        AuthType::Sigv4 => Some(("access key id", "secret access key")),
        AuthType::ApiKey | AuthType::Bearer | AuthType::Hmac | AuthType::Oauth2 => None,
    }
}
