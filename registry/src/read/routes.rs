//! Routes of read.

use axum::{
    Router,
    routing::{get, post},
};

use super::{contents, diff, packages, search};
use crate::Shared;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/packages", get(search::routes::search))
        .route("/v1/packages/{namespace}/{name}", get(packages::package))
        .route("/v1/packages/{namespace}/{name}/diff", get(diff::diff))
        .route("/v1/packages/{namespace}/{name}/{version}", get(packages::release))
        .route("/v1/packages/{namespace}/{name}/{version}/manifest", get(packages::manifest))
        .route("/v1/packages/{namespace}/{name}/{version}/permissions", get(packages::permissions))
        .route("/v1/packages/{namespace}/{name}/{version}/readme", get(packages::readme))
        .route("/v1/packages/{namespace}/{name}/{version}/wit", get(contents::wit))
        .route("/v1/packages/{namespace}/{name}/{version}/checks", get(packages::checks))
        .route("/v1/packages/{namespace}/{name}/{version}/statements", get(packages::statements))
        .route("/v1/packages/{namespace}/{name}/{version}/installs", post(packages::installed))
        .route("/v1/namespaces/{namespace}/packages", get(packages::namespace_packages))
        .route("/v1/statements/{digest}", get(packages::statement))
}
