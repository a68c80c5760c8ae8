//! Every route on one page. Each group's handlers stand in the module of its noun.

use axum::{Router, middleware, routing::get};

use crate::{Shared, account, evidence, guard, index, log, oci, publish, read, review, status};

/// The registry's routes.
pub fn router(registry: Shared) -> Router {
    Router::new()
        .merge(account::routes::routes())
        .merge(publish::routes::routes())
        .merge(read::routes::routes())
        .merge(index::routes())
        .merge(evidence::routes())
        .merge(log::routes::routes())
        .merge(status::routes::routes())
        .merge(review::routes::routes())
        .merge(oci::routes::routes())
        .route("/healthz", get(guard::health))
        .route("/readyz", get(guard::ready))
        .fallback(guard::no_route)
        .method_not_allowed_fallback(guard::no_method)
        .layer(middleware::from_fn_with_state(registry.clone(), guard::around))
        .with_state(registry)
}
