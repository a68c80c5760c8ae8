//! The broker of this home, and how what it says reaches a person.

use jackfield_broker::{Broker, Caller, Error, flow::Flows, token::TokenError};
use jackfield_package::Refusal;

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
            Error::Refused(refusal) if refusal.code.ends_with("-not-found") => with_kind(Kind::NotFound, refusal),
            Error::Refused(refusal) => refusal.into(),
            Error::Unavailable(refusal) => fault(refusal),
            Error::Fault(message) => Self::new(Kind::Fault, "broker-fault", message),
        }
    }
}

impl From<TokenError> for Failed {
    fn from(error: TokenError) -> Self {
        of_provider(error.refusal)
    }
}

/// What came of asking a provider: its no is a no, and that it does not answer is the network's matter.
pub(crate) fn of_provider(refusal: Refusal) -> Failed {
    match refusal.code {
        "provider-unreachable" | "provider-timed-out" | "provider-unavailable" => fault(refusal),
        _ => refusal.into(),
    }
}

fn fault(refusal: Refusal) -> Failed {
    with_kind(Kind::Fault, refusal)
}

fn with_kind(kind: Kind, Refusal { code, message, hint, .. }: Refusal) -> Failed {
    let failed = Failed::new(kind, code, message);
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
