//! Routes of read.

use axum::{Router, routing::get};

use super::search;
use crate::Shared;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/v1/packages", get(search::routes::search))
}
