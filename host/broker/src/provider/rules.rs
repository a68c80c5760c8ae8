//! What an entry must be like, beyond what its types can say.

use jackfield_package::Refusal;
use url::Url;

use super::{Answer, Entry, Pkce, template};
use crate::hook::TOKEN_ENDPOINT;

/// Parameters of the authorization request that no entry sets.
const FLOWS_OWN: [&str; 8] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "request",
    "request_uri",
    "response_type",
    "state",
];

impl Entry {
    pub(super) fn check_variables(&self) -> Result<(), Refusal> {
        for (name, variable) in &self.variables {
            let pattern = template::anchored(&variable.pattern)
                .map_err(|error| self.invalid(format!("the pattern of `{name}`: {error}")))?;
            if let Some(default) = &variable.default
                && !pattern.is_match(default)
            {
                return Err(self.invalid(format!("the default of `{name}` does not match its pattern")));
            }
        }
        let mut unknown = None;
        self.clone().each_template(&mut |text| {
            unknown = unknown.take().or_else(|| {
                template::names(text)
                    .find(|name| *name != "client_id" && !self.variables.contains_key(*name))
                    .map(String::from)
            });
        });
        match unknown {
            Some(name) => Err(self.invalid(format!("`{{{name}}}` is used and not among its variables"))),
            None => Ok(()),
        }
    }

    /// What holds with and without templates filled in.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let day = self.read.len() == 10
            && self.read.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !day {
            return Err(self.invalid("`read` is not a day such as 2026-01-31".into()));
        }
        self.check_urls()?;
        self.check_pointers()?;
        self.check_signs()?;
        if self.token.steps.contains_key(TOKEN_ENDPOINT) {
            return Err(
                self.invalid(format!("`token.steps` has a `{TOKEN_ENDPOINT}`, which is what `token.url` is called"))
            );
        }
        let Some(authorize) = &self.authorize else { return Ok(()) };
        if authorize.pkce == Pkce::Off(String::new()) {
            return Err(self.invalid("PKCE is off without a reason".into()));
        }
        match authorize.parameters.keys().find(|name| FLOWS_OWN.contains(&name.as_str())) {
            Some(name) => Err(self.invalid(format!("the parameter `{name}` is the flow's own"))),
            None => Ok(()),
        }
    }

    fn check_urls(&self) -> Result<(), Refusal> {
        let urls = [
            Some(&self.docs),
            self.issuer.as_ref(),
            self.authorize.as_ref().map(|authorize| &authorize.url),
            Some(&self.token.url),
            self.device.as_ref().map(|device| &device.url),
            self.userinfo.as_ref().map(|userinfo| &userinfo.url),
            self.revoke.as_ref().map(|revoke| &revoke.url),
        ];
        for text in urls.into_iter().flatten().chain(self.token.steps.values()) {
            // A template stands where a word of a host or path stands.
            let plain = text.replace(['{', '}'], "").replace('_', "-");
            let url = Url::parse(&plain).map_err(|error| self.invalid(format!("`{text}` is no URL: {error}")))?;
            if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
                return Err(self.invalid(format!("`{text}` is not https")));
            }
            if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
                return Err(self.invalid(format!("`{text}` has a user or a fragment in it")));
            }
        }
        Ok(())
    }

    fn check_pointers(&self) -> Result<(), Refusal> {
        let answer = |answer: &Answer| {
            let Answer { access, refresh, expires_in, scopes, error, error_description, .. } = answer.clone();
            let always = [access, refresh, expires_in, scopes, error, error_description];
            let some = [&answer.refresh_expires_in, &answer.account, &answer.account_name];
            always.into_iter().chain(some.into_iter().flatten().cloned()).collect::<Vec<_>>()
        };
        let mut pointers = answer(&self.token.answer);
        pointers.extend(self.refresh.answer.iter().flat_map(answer));
        pointers.extend(self.userinfo.iter().flat_map(|user| [Some(user.id.clone()), user.name.clone()]).flatten());
        pointers.extend(self.expired.iter().filter_map(|sign| sign.pointer.clone()));
        match pointers.iter().find(|pointer| !pointer.starts_with('/')) {
            Some(pointer) => Err(self.invalid(format!("`{pointer}` is no JSON pointer: it begins with /"))),
            None => Ok(()),
        }
    }

    fn check_signs(&self) -> Result<(), Refusal> {
        for sign in &self.expired {
            let says_more = sign.header.is_some() || sign.contains.is_some() || sign.pointer.is_some();
            if (200..300).contains(&sign.status) && !says_more {
                return Err(self.invalid("each good answer would be a sign of an expired token".into()));
            }
            if sign.pointer.is_some() == sign.values.is_empty() {
                return Err(self.invalid("a sign has `pointer` and `values`, or neither".into()));
            }
        }
        Ok(())
    }

    fn invalid(&self, reason: String) -> Refusal {
        invalid(&format!("the provider `{}`", self.name), reason)
    }
}

/// This very machine, by address or by its one reserved name.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

pub(super) fn invalid(what: &str, reason: String) -> Refusal {
    Refusal::new("provider-invalid", format!("{what}: {reason}"))
}
