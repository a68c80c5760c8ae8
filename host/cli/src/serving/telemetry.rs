//! What a server says of itself while it runs: log lines on stderr, and traces over OTLP.
//!
//! Where traces go, and how many, is said by the variables that every OpenTelemetry SDK reads
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>): `OTEL_EXPORTER_OTLP_ENDPOINT`,
//! `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`. Without an endpoint there are none.

use http::HeaderMap;
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator as _},
    trace::TracerProvider as _,
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use serde::{Deserialize, Serialize};
use tracing::{Level, Span, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{
    error::{Failed, Kind},
    ui::Ui,
};

/// Any of these says that traces are wanted.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What there is to end in order.
#[derive(Debug)]
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Begins to speak, and to trace if the environment says where to.
    pub(crate) fn start(ui: &Ui, format: LogFormat) -> Result<Self, Failed> {
        let said = match ui.verbosity() {
            _ if ui.is_quiet() => Targets::new().with_default(Level::WARN),
            0 => Targets::new().with_targets([("sqlx", Level::WARN), ("rmcp", Level::ERROR)]).with_default(Level::INFO),
            _ => Targets::new()
                .with_targets([("jackfield", Level::DEBUG), ("sqlx", Level::WARN), ("rmcp", Level::WARN)])
                .with_default(Level::INFO),
        };
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .with_target(false);
        let lines = match format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
        };
        let provider = traces()?;
        let spans = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer().with_tracer(provider.tracer("jackfield")).with_filter(
                // What sends them must not be among them.
                Targets::new()
                    .with_targets(["sqlx", "opentelemetry"].map(|target| (target, LevelFilter::OFF)))
                    .with_default(Level::INFO),
            )
        });
        tracing_subscriber::registry().with(lines.with_filter(said)).with(spans).init();
        Ok(Self(provider))
    }

    /// Sends what has not been sent. Blocks for as long as the exporter's timeout at the most.
    pub(crate) async fn end(self) {
        let Some(provider) = self.0 else { return };
        let ended = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        if let Ok(Err(error)) = ended {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

fn traces() -> Result<Option<SdkTracerProvider>, Failed> {
    let is_disabled = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    let is_asked = ENDPOINTS.iter().any(|name| std::env::var(name).is_ok_and(|value| !value.is_empty()));
    if is_disabled || !is_asked {
        return Ok(None);
    }
    // The exporter's client takes the process's; another part may have set it already, and it is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build().map_err(|error| {
        Failed::new(Kind::Usage, "traces-misconfigured", format!("traces can't be sent: {error}"))
            .hint("OTEL_EXPORTER_OTLP_ENDPOINT is the URL of a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318")
    })?;
    let resource = match std::env::var("OTEL_SERVICE_NAME") {
        Ok(_) => Resource::builder().build(),
        Err(_) => Resource::builder().with_service_name("jackfield").build(),
    };
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
}

/// Makes the span of a request part of the trace that its headers tell of (W3C Trace Context).
pub(crate) fn adopt(span: &Span, headers: &HeaderMap) {
    if headers.contains_key("traceparent") {
        // Without traces there is nothing to be part of.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(headers)));
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
