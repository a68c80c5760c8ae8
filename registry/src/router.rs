//! Every route on one page. Each group's handlers stand in the module of its noun.

use axum::Router;

use crate::{Shared, account, index, log, oci, publish, read, review, status};

/// The registry's routes.
pub fn router(registry: Shared) -> Router {
    Router::new()
        .merge(account::routes::routes())
        .merge(publish::routes::routes())
        .merge(read::routes::routes())
        .merge(index::routes())
        .merge(log::routes::routes())
        .merge(status::routes::routes())
        .merge(review::routes::routes())
        .merge(oci::routes::routes())
        .layer(axum::middleware::from_fn_with_state(registry.clone(), account::routes::record_denials))
        .with_state(registry)
}
