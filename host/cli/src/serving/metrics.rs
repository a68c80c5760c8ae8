//! What a server counts, as Prometheus reads it: `GET /metrics`, for a token of an operator that is good for the action `metrics`.
//!
//! The parts count where things happen, by the facade `metrics`; what stands in databases is looked up when it is asked for.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{FromRequestParts as _, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{header, request::Parts};
use jackfield_broker::Broker;
use jackfield_registry::{
    account::{Action, Actor, Target},
    log,
};
use jackfield_server::openapi::{Row, Who};
use jackfield_workspace::Problem;
use metrics::{Unit, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use crate::error::{Failed, Kind};

/// Where it is.
pub(super) const PATH: &str = "/metrics";

/// What the document says of it.
pub(super) const ROW: Row = ("get", PATH, Who::Person, "What this server counts, for Prometheus", "", "200 text/plain");
/// Upper bounds of histograms of seconds: from a call of a few microseconds to one that waits for its upstream.
const SECONDS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0];
/// How often values of histograms are put into their buckets, so that they take no memory where nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// What is counted, and how it is told.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    handle: PrometheusHandle,
    process: Collector,
}

/// What a gauge is looked up in.
#[derive(Clone)]
pub(super) struct Looked {
    pub(super) metrics: Metrics,
    pub(super) registry: jackfield_registry::Shared,
    pub(super) broker: Option<Broker>,
}

impl Metrics {
    /// Begins to count, once in a process.
    pub(crate) fn start() -> Result<Self, Failed> {
        let failed = |error: &dyn std::fmt::Display| {
            Failed::new(Kind::Fault, "metrics-unavailable", format!("nothing can be counted: {error}"))
        };
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .map_err(|error| failed(&error))?
            .install_recorder()
            .map_err(|error| failed(&error))?;
        let process = Collector::default();
        process.describe();
        describe();
        Ok(Self { handle, process })
    }

    /// Puts values in their buckets, until it is dropped.
    pub(super) async fn keep(&self) {
        loop {
            tokio::time::sleep(UPKEEP).await;
            self.handle.run_upkeep();
        }
    }
}

/// Every metric that is the project's own.
fn describe() {
    use metrics::{describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram};
    histogram!("jackfield_http_request_seconds", Unit::Seconds, "Requests, until the answer begins");
    gauge!("jackfield_http_requests_in_flight", "Requests that are being answered");
    gauge!("jackfield_http_connections", "Connections that are open");
    histogram!("jackfield_invocation_seconds", Unit::Seconds, "Calls of connectors, waiting for their turn included");
    counter!("jackfield_invocations_total", "Calls of connectors, by what came of them");
    counter!("jackfield_invocation_fuel_total", "Fuel that calls have used");
    histogram!(
        "jackfield_egress_seconds",
        Unit::Seconds,
        "Requests of connectors, until the answer's headers are there"
    );
    counter!("jackfield_denials_total", "Requests that were denied, by the layer that did");
    counter!("jackfield_token_refreshes_total", "Tokens that providers were asked to renew");
    counter!("jackfield_connection_changes_total", "Connections that changed their state");
    counter!("jackfield_release_changes_total", "Releases that changed their state");
    gauge!("jackfield_connections", "Connections, by their state");
    gauge!("jackfield_log_entries", "Entries of the log under its newest published checkpoint");
    gauge!("jackfield_database_connections", "Connections to databases, by whether they are in use");
}

pub(super) fn routes(looked: Looked) -> Router {
    Router::new().route(PATH, get(read)).with_state(Arc::new(looked))
}

async fn read(State(looked): State<Arc<Looked>>, mut parts: Parts) -> Result<Response, Problem> {
    let actor = Actor::from_request_parts(&mut parts, &looked.registry).await?;
    if actor.is_anonymous() {
        return Err(Problem::unauthenticated("unauthenticated", "metrics are for an operator's token")
            .hint("make one: jackfield token create --action metrics; scrape_configs.authorization sends it"));
    }
    if !actor.operator {
        return Err(Problem::forbidden("forbidden", format!("{} is not an operator of this server", actor.name)));
    }
    actor.within_scope(Action::Metrics, &Target::Registry)?;
    looked.look().await?;
    let text = looked.metrics.handle.render();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

impl Looked {
    async fn look(&self) -> Result<(), Problem> {
        self.metrics.process.collect();
        let size = log::checkpoint(&self.registry).await?.map_or(0, |newest| newest.checkpoint.size);
        #[expect(clippy::cast_precision_loss, reason = "2^53 entries are out of reach")]
        gauge!("jackfield_log_entries").set(size as f64);
        let (in_use, idle) = self.registry.db.connections();
        gauge!("jackfield_database_connections", "state" => "in-use").set(in_use);
        gauge!("jackfield_database_connections", "state" => "idle").set(idle);
        if let Some(broker) = &self.broker {
            for (state, count) in broker.count_by_state().await.map_err(jackfield_workspace::broker_problem)? {
                gauge!("jackfield_connections", "state" => state.to_string()).set(count);
            }
        }
        Ok(())
    }
}
