//! Who signs in: by the issuer's words, and which user that is here.

use jackfield_db::Conn;
use jackfield_package::Label;
use serde_json::Value;

use super::{TEXT_BYTES, broken, provider::Provider};
use crate::{
    Problem, Shared,
    account::{
        Action, Actor, Target,
        oidc::Claims,
        store::{self, IdentityRow},
    },
    clock::Micros,
    config::SignInProvider,
    keys::uuid_v7,
    limits::IDENTITIES,
};

/// How many names are tried for a new user: the name, and then with a number.
const NAMES_TRIED: usize = 50;

/// Who it is, in the issuer's words.
pub(super) struct Person {
    issuer: String,
    subject: String,
    /// For people's eyes.
    label: String,
    /// What a new user would be called.
    wished: String,
    /// Whether such a person becomes a user by signing in.
    is_welcome: bool,
}

impl Person {
    pub(super) fn of(config: &SignInProvider, claims: &Claims) -> Result<Self, Problem> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).filter(|text| text.len() <= TEXT_BYTES);
        let subject = text("sub").filter(|subject| !subject.is_empty() && !subject.chars().any(char::is_control));
        let subject = subject.ok_or_else(|| broken("the identity token says of nobody who it is"))?;
        let verified = claims.get("email_verified") == Some(&Value::Bool(true));
        let email = text("email").filter(|_| verified);
        let domain = email.and_then(|email| email.split_once('@')).map(|(_, domain)| domain.to_ascii_lowercase());
        let of_domain = domain.is_some_and(|domain| config.domains.iter().any(|it| it.eq_ignore_ascii_case(&domain)));
        let local = email.and_then(|email| email.split('@').next());
        let label = email.or(text("preferred_username")).or(text("name")).unwrap_or(subject);
        Ok(Self {
            issuer: config.issuer.clone(),
            subject: subject.to_owned(),
            label: label.chars().filter(|it| !it.is_control()).collect(),
            wished: text("preferred_username").or(local).unwrap_or_default().to_owned(),
            is_welcome: config.new_users || of_domain,
        })
    }

    /// The user to sign in: known, or new; none: the identity was added to one who is signed in.
    pub(super) async fn enter(
        self,
        registry: &Shared,
        tx: &mut Conn,
        provider: &Provider,
        link_to: Option<&str>,
    ) -> Result<Option<Actor>, Problem> {
        let now = registry.now();
        let known = store::identity(tx, &self.issuer, &self.subject).await?;
        if let Some(user) = link_to {
            return match known {
                Some(row) if row.user_name == user => Ok(None),
                Some(_) => Err(Problem::conflict("identity-taken", "somebody else signs in with that identity")),
                None if store::identities_of(tx, user).await?.len() >= IDENTITIES => Err(Problem::conflict(
                    "too-many-identities",
                    format!("a user has {IDENTITIES} identities at the most"),
                )),
                None => self.add(tx, user, now).await.map(|()| None),
            };
        }
        let user = match known {
            Some(row) => {
                store::identity_used(tx, &row.id, &self.label, now).await?;
                row.user_name
            }
            None if self.is_welcome => self.become_user(registry, tx, provider).await?,
            None => {
                return Err(Problem::forbidden("sign-in-unknown", format!("nobody here is {}", self.label)));
            }
        };
        let row = store::user(tx, &user).await?.filter(|row| row.disabled_at.is_none());
        let row = row.ok_or_else(|| Problem::forbidden("sign-in-unknown", format!("{user} is shut out")))?;
        Ok(Some(Actor::of_user(row.name.parse()?, row.operator)))
    }

    async fn add(&self, tx: &mut Conn, user: &str, now: Micros) -> Result<(), Problem> {
        let row = IdentityRow {
            id: uuid_v7(now)?,
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
            user_name: user.to_owned(),
            label: self.label.clone(),
            created_at: now,
            used_at: now,
        };
        match store::add_identity(tx, &row).await? {
            0 => Err(Problem::conflict("identity-taken", "somebody else signs in with that identity")),
            _ => Ok(()),
        }
    }

    /// A user without a password, called as the issuer calls the person if nobody is called so.
    async fn become_user(&self, registry: &Shared, tx: &mut Conn, provider: &Provider) -> Result<String, Problem> {
        let now = registry.now();
        let wished = label_of(&self.wished);
        for number in 1..=NAMES_TRIED {
            let name = if number == 1 { wished.clone() } else { format!("{wished}-{number}") };
            if store::add_user(tx, &name, None, false, now).await? > 0 {
                self.add(tx, &name, now).await?;
                let detail = format!("user {name} by {}", provider.config.id);
                Actor::system().record(registry, tx, Action::Account, &Target::Registry, Some(&detail)).await?;
                return Ok(name);
            }
        }
        Err(Problem::conflict("user-exists", format!("there are many users called `{wished}` already")))
    }
}

/// Of any text a label: lower-case letters and digits, with single hyphens between.
fn label_of(text: &str) -> String {
    const CHARS: usize = 32;
    let words = text.split(|it: char| !it.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    let mut label: String =
        joined.trim_start_matches(|it: char| !it.is_ascii_lowercase()).chars().take(CHARS).collect();
    label.truncate(label.trim_end_matches('-').len());
    if label.parse::<Label>().is_ok() { label } else { "user".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels() {
        let cases = [
            ("Ada.Lovelace", "ada-lovelace"),
            ("ada@example.com", "ada-example-com"),
            ("--42 ada--", "ada"),
            ("Ünïcode", "n-code"),
            ("", "user"),
            ("1234", "user"),
            ("a_very_long_name_that_goes_on_and_on", "a-very-long-name-that-goes-on-an"),
        ];
        for (text, label) in cases {
            assert_eq!(label_of(text), label);
        }
    }
}
