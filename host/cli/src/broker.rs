//! The broker of this home, and how what it says reaches a person.

use jackfield_broker::{Broker, Caller, Error, flow::Flows, token::TokenError};

use crate::{
    context::Context,
    error::{Failed, Kind},
};

/// What commands about accounts stand on.
pub(crate) struct Desk {
    pub(crate) broker: Broker,
    pub(crate) flows: Flows,
    /// Who sits here.
    pub(crate) caller: Caller,
}

impl Context {
    /// The broker of this home; made when it is first needed.
    pub(crate) async fn desk(&self) -> Result<Desk, Failed> {
        let host = self.host()?;
        let (broker, flows) = host.broker().await?;
        let person = std::env::var("USER").ok().filter(|name| !name.is_empty());
        Ok(Desk { broker, flows, caller: Caller::local(person.unwrap_or_else(|| "admin".to_owned())) })
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) if refusal.code.ends_with("-not-found") => {
                let failed = Self::new(Kind::NotFound, refusal.code, refusal.message);
                match refusal.hint {
                    Some(hint) => failed.hint(hint),
                    None => failed,
                }
            }
            Error::Refused(refusal) => refusal.into(),
            Error::Unavailable(refusal) => fault(refusal),
            Error::Fault(message) => Self::new(Kind::Fault, "broker-fault", message),
        }
    }
}

/// A provider that says no is a no; one that does not answer is the network's matter.
impl From<TokenError> for Failed {
    fn from(error: TokenError) -> Self {
        if error.permanent { error.refusal.into() } else { fault(error.refusal) }
    }
}

fn fault(refusal: jackfield_package::Refusal) -> Failed {
    let failed = Failed::new(Kind::Fault, refusal.code, refusal.message);
    match refusal.hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
