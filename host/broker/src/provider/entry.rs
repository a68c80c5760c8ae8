//! What one entry says. Unknown keys are refused, and what is left out means what RFC 6749 says.

use std::collections::BTreeMap;

use ipnet::IpNet;
use jackfield_package::{Label, Refusal};
use serde::{Deserialize, Serialize};

use crate::token::GrantKind;

use super::{
    Authorize, ClientCredentials, Device, Expired, JwtBearer, Refresh, Revoke, Token, Userinfo, rules::invalid,
};

/// One provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What manifests and commands call it.
    pub name: Label,
    /// Its name for a person.
    pub title: String,
    /// Where it says all this itself.
    pub docs: String,
    /// The day that page was last read, `YYYY-MM-DD`.
    pub read: String,
    /// The `iss` of its answers (RFC 9207): one that comes must be this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What stands between braces in the URLs below.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Variable>,
    /// Networks that it may lie in although they are not public, such as your own: only in files of an admin's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpNet>,
    /// Where a person is sent to consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorize: Option<Authorize>,
    /// Where tokens come from.
    pub token: Token,
    /// What its refresh tokens do.
    pub refresh: Refresh,
    /// RFC 8628.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// RFC 6749 section 4.4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_credentials: Option<ClientCredentials>,
    /// RFC 7523 section 2.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_bearer: Option<JwtBearer>,
    /// Who an access token is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo: Option<Userinfo>,
    /// How it is told to forget a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke: Option<Revoke>,
    /// How its API says that a token has expired, other than by 401.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expired: Vec<Expired>,
}

/// A part of the URLs that differs from customer to customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What to ask a person for.
    pub title: String,
    /// What it must match, whole.
    pub pattern: String,
    /// What it is if nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

impl Entry {
    /// The ways to a token that it has: by a person in a browser first, by one with another device, by none.
    pub fn flows(&self) -> Vec<GrantKind> {
        let flows = [
            (GrantKind::AuthorizationCode, self.authorize.is_some()),
            (GrantKind::DeviceCode, self.device.is_some()),
            (GrantKind::ClientCredentials, self.client_credentials.is_some()),
            (GrantKind::JwtBearer, self.jwt_bearer.is_some()),
        ];
        flows.into_iter().filter_map(|(flow, offered)| offered.then_some(flow)).collect()
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// `provider-invalid` with the place.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let entry: Self = toml::from_str(text).map_err(|error| invalid("a provider's file", error.to_string()))?;
        entry.check_variables()?;
        entry.check()?;
        Ok(entry)
    }

    /// The file's text.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// Calls `change` on every text that may hold a template.
    pub(super) fn each_template(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.issuer.as_mut().map(&mut *change);
        if let Some(authorize) = &mut self.authorize {
            change(&mut authorize.url);
            authorize.echo.values_mut().for_each(&mut *change);
        }
        change(&mut self.token.url);
        self.token.steps.values_mut().for_each(&mut *change);
        if let Some(device) = &mut self.device {
            change(&mut device.url);
        }
        if let Some(client) = &mut self.client_credentials {
            client.parameters.values_mut().for_each(&mut *change);
        }
        if let Some(bearer) = &mut self.jwt_bearer {
            change(&mut bearer.audience);
            change(&mut bearer.subject);
        }
        if let Some(userinfo) = &mut self.userinfo {
            change(&mut userinfo.url);
        }
        if let Some(revoke) = &mut self.revoke {
            change(&mut revoke.url);
        }
    }
}
