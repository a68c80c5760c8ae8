//! Providers whose accounts may be connected: what a form must ask for.

use axum::{Json, extract::State};
use jackfield_broker::provider::Entry;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Problem, Shared, caller::Caller, role::Action};

#[derive(Serialize, ToSchema)]
pub(crate) struct Providers {
    providers: Vec<Provider>,
}

/// An entry of the catalogue.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionProvider)]
struct Provider {
    /// What manifests call it.
    name: String,
    /// Its name for a person.
    title: String,
    /// Where it says how an app is registered.
    docs: String,
    /// What `flow` may be; the first, unless said otherwise.
    #[schema(value_type = Vec<String>)]
    flows: Vec<jackfield_broker::token::GrantKind>,
    /// What it must be told besides.
    parameters: Vec<Parameter>,
}

/// A part of its URLs that differs from customer to customer.
#[derive(Serialize, ToSchema)]
#[schema(as = ProviderParameter)]
struct Parameter {
    name: String,
    /// What to ask a person for.
    title: String,
    /// What it is if nobody says.
    #[schema(required)]
    default: Option<String>,
}

impl From<&Entry> for Provider {
    fn from(entry: &Entry) -> Self {
        let parameters = entry.variables.iter().map(|(name, variable)| Parameter {
            name: name.clone(),
            title: variable.title.clone(),
            default: variable.default.clone(),
        });
        Self {
            name: entry.name.to_string(),
            title: entry.title.clone(),
            docs: entry.docs.clone(),
            flows: entry.flows(),
            parameters: parameters.collect(),
        }
    }
}

/// By name.
pub(crate) async fn list(State(workspaces): State<Shared>, caller: Caller) -> Result<Json<Providers>, Problem> {
    caller.may_look(&workspaces, Action::Read, "providers").await?;
    Ok(Json(Providers { providers: workspaces.flows.catalogue().entries().map(Provider::from).collect() }))
}
