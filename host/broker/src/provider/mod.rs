//! The catalogue: what the broker knows of each provider, as data.
//!
//! An entry is a strict TOML file. Those in `catalogue/` come with the program; an admin adds others as files in the home
//! ([`Catalogue::open`]), or has one written from a provider's own metadata ([`discovery`]). An [`Entry`] may have templates
//! in its URLs (`https://{shop}.example.com`); [`Entry::resolve`] fills them in and gives the [`Provider`] that flows talk to.

mod catalogue;
pub mod discovery;
mod endpoint;
mod entry;
mod expired;
mod rules;
mod template;

pub use catalogue::{Catalogue, is_built_in, read};
pub use endpoint::{
    Algorithm, Answer, AuthMethod, Authorize, Body, ClientCredentials, Device, JwtBearer, Loopback, Method, Pkce,
    Refresh, RefreshKind, Revoke, RevokeAuth, Sends, Token, Userinfo,
};
pub use entry::{Entry, Variable};
pub use expired::{Expired, HeaderSign, Signs};

pub(crate) use rules::is_loopback;

use std::{collections::BTreeMap, ops::Deref};

use jackfield_package::Refusal;

/// An entry whose templates are filled in: every URL in it is one.
#[derive(Clone, Debug)]
pub struct Provider {
    entry: Entry,
}

impl Deref for Provider {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

impl Entry {
    /// Fills in the templates. What is not given takes its default.
    ///
    /// # Errors
    /// `provider-parameter-missing`, `provider-parameter-unknown`, `provider-parameter-refused` (it does not match the
    /// entry's pattern), `provider-invalid` (what comes out is no URL).
    pub fn resolve(&self, given: &BTreeMap<String, String>) -> Result<Provider, Refusal> {
        let values = template::values(self, given)?;
        let mut entry = self.clone();
        entry.each_template(&mut |text| *text = template::fill(text, &values));
        entry.variables.clear();
        entry.check()?;
        Ok(Provider { entry })
    }
}
