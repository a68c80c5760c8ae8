//! One call's door to the network: what wasmtime asks when a guest sends a request.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use http::{HeaderName, HeaderValue, Uri, header, uri::Scheme};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, Span, field::Empty};
use wasmtime_wasi_http::{ForbiddenHeaderFilter, RequestOptions, WasiHttpHooks};

use super::{
    Destination, Egress, Meter, Refused,
    body::{Exchange, Line, RequestBody, ResponseBody},
    header as rules,
    meter::Slot,
    transport::{Body, HttpError, Outgoing, SendError},
};
use crate::{
    denial::{Denial, Layer},
    limits::{ASKED_PATH_CHARS, CONNECT_MS, Limit, Limits, REQUEST_CHUNK_BYTES},
};

/// What a request says of itself where the guest says nothing.
const USER_AGENT: &str = concat!("jackfield/", env!("CARGO_PKG_VERSION"));

/// The egress of one call. Made for each call, from parts that are shared.
#[derive(Clone)]
pub struct CallEgress {
    egress: Arc<Egress>,
    operation: Arc<str>,
    caps: Caps,
    meter: Arc<Meter>,
}

/// The limits of the network, out of all.
#[derive(Clone, Copy)]
struct Caps {
    requests: u64,
    concurrent: u64,
    request_bytes: u64,
    response_bytes: u64,
    time_ms: u64,
}

impl CallEgress {
    /// The egress of one call of `operation`, counted by `meter`.
    pub fn new(egress: Arc<Egress>, operation: Arc<str>, limits: &Limits, meter: Arc<Meter>) -> Self {
        let caps = Caps {
            requests: limits.get(Limit::Requests),
            concurrent: limits.get(Limit::ConcurrentRequests),
            request_bytes: limits.get(Limit::RequestBytes),
            response_bytes: limits.get(Limit::ResponseBytes),
            time_ms: limits.get(Limit::RequestTimeMs),
        };
        Self { egress, operation, caps, meter }
    }

    /// Judges, sends, and gives the response as soon as its headers are there; its body goes on being counted and timed.
    pub async fn send(
        self,
        request: http::Request<Body>,
        options: Option<RequestOptions>,
    ) -> Result<http::Response<Body>, HttpError> {
        let (parts, body) = request.into_parts();
        let asked = Asked { method: parts.method.clone(), uri: parts.uri.clone() };
        let judged = self.egress.policy().judge(&parts.uri, &parts.method, &parts.headers);
        let destination = judged.map_err(|refused| self.deny(refused, &asked))?;
        let slot = self
            .meter
            .admit(self.caps.requests, self.caps.concurrent)
            .map_err(|_| HttpError::ConnectionLimitReached)?;
        self.exchange(http::Request::from_parts(parts, body), destination, slot, options.unwrap_or_default(), &asked)
            .await
    }

    /// The same, told to whoever watches the host.
    async fn counted(
        self,
        request: http::Request<Body>,
        options: Option<RequestOptions>,
    ) -> Result<http::Response<Body>, HttpError> {
        let (connector, started) = (self.egress.policy().connector().to_string(), Instant::now());
        let answered = self.send(request, options).await;
        let outcome = match &answered {
            Ok(response) => {
                Span::current().record("http.response.status_code", response.status().as_u16());
                format!("{}xx", response.status().as_u16() / 100)
            }
            Err(HttpError::HttpRequestDenied | HttpError::DestinationIpProhibited) => "denied".to_owned(),
            Err(_) => "failed".to_owned(),
        };
        let labels = [("connector", connector), ("outcome", outcome)];
        metrics::histogram!("jackfield_egress_seconds", &labels).record(started.elapsed());
        answered
    }

    async fn exchange(
        &self,
        request: http::Request<Body>,
        destination: Destination,
        slot: Slot,
        options: RequestOptions,
        asked: &Asked,
    ) -> Result<http::Response<Body>, HttpError> {
        let started = Instant::now();
        let deadline = started + Duration::from_millis(self.caps.time_ms);
        let connect_timeout = Duration::from_millis(CONNECT_MS).min(options.connect_timeout.unwrap_or(Duration::MAX));
        let line = Line {
            connector: self.egress.policy().connector().to_string(),
            host: destination.host().to_string(),
            port: destination.port(),
            method: asked.method.clone(),
            started,
        };
        let sent = Arc::new(AtomicU64::new(0));
        let cut = Arc::new(OnceLock::new());
        let request = self.metered(request, sent.clone(), cut.clone())?;

        let first_byte =
            options.first_byte_timeout.and_then(|wait| started.checked_add(connect_timeout.saturating_add(wait)));
        let until = first_byte.map_or(deadline, |first_byte| first_byte.min(deadline));
        let sending = self.egress.transport().send(Outgoing { destination, request, connect_timeout });
        let response = match timeout_at(until, sending).await {
            Ok(Ok(response)) => response,
            Ok(Err(SendError::Refused(refused))) => {
                if !refused.sent {
                    self.meter.unsent();
                }
                return Err(self.deny(refused, asked));
            }
            // The transport only knows that the body broke off.
            Ok(Err(SendError::Failed(error))) => {
                return Err(cut.get().map_or(error, |bytes| HttpError::HttpRequestBodySize(Some(*bytes))));
            }
            Err(_) if until < deadline => return Err(HttpError::ConnectionReadTimeout),
            Err(_) => {
                self.meter.reached(Limit::RequestTimeMs, self.caps.time_ms, self.caps.time_ms);
                return Err(HttpError::HttpResponseTimeout);
            }
        };

        let (mut parts, body) = response.into_parts();
        rules::strip_response(&mut parts.headers);
        // What is announced need not be waited for.
        let announced = body.size_hint().lower();
        if announced > self.caps.response_bytes {
            self.meter.reached(Limit::ResponseBytes, self.caps.response_bytes, announced);
            return Err(HttpError::HttpResponseBodySize(Some(self.caps.response_bytes)));
        }
        let exchange = Exchange { meter: self.meter.clone(), _slot: slot, line, sent };
        let time = (deadline, self.caps.time_ms);
        let cap = self.caps.response_bytes;
        let body = ResponseBody::new(body, parts.status, exchange, cap, time, options.between_bytes_timeout);
        Ok(http::Response::from_parts(parts, body.boxed_unsync()))
    }

    /// The request with its body under count, and the header that the host adds.
    fn metered(
        &self,
        request: http::Request<Body>,
        sent: Arc<AtomicU64>,
        cut: Arc<OnceLock<u64>>,
    ) -> Result<http::Request<Body>, HttpError> {
        let (mut parts, body) = request.into_parts();
        let promised = parts.headers.remove(header::CONTENT_LENGTH);
        let promised = promised.map(|length| length.to_str().ok().and_then(|length| length.parse::<u64>().ok()));
        let promised = match promised {
            None => None,
            Some(Some(length)) => Some(length),
            Some(None) => return Err(HttpError::HttpRequestBodySize(None)),
        };
        let announced = promised.unwrap_or(body.size_hint().lower());
        if announced > self.caps.request_bytes {
            self.meter.reached(Limit::RequestBytes, self.caps.request_bytes, announced);
            return Err(HttpError::HttpRequestBodySize(Some(self.caps.request_bytes)));
        }
        parts.headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
        let body = RequestBody::new(body, self.meter.clone(), self.caps.request_bytes, promised, sent, cut);
        Ok(http::Request::from_parts(parts, body.boxed_unsync()))
    }

    /// Records a denial, and gives the error that the guest sees.
    fn deny(&self, refused: Refused, asked: &Asked) -> HttpError {
        let connector = self.egress.policy().connector();
        let error = match refused.layer {
            Layer::Address => HttpError::DestinationIpProhibited,
            _ => HttpError::HttpRequestDenied,
        };
        tracing::info!(
            target: "jackfield::egress",
            %connector,
            operation = &*self.operation,
            host = asked.uri.host().unwrap_or_default(),
            port = asked.uri.port_u16(),
            method = %asked.method,
            layer = %refused.layer,
            "request denied"
        );
        let labels = [("connector", connector.to_string()), ("layer", refused.layer.to_string())];
        metrics::counter!("jackfield_denials_total", &labels).increment(1);
        let fix = refused.fix_for(connector);
        self.meter.deny(Denial {
            connector: connector.clone(),
            operation: self.operation.to_string(),
            asked: asked.text(refused.layer),
            layer: refused.layer,
            reason: refused.reason,
            fix,
        });
        error
    }
}

impl WasiHttpHooks for CallEgress {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        rules::is_connection_header(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        rules::CONNECTION_HEADERS.clone()
    }

    fn is_supported_scheme(&mut self, _: &Scheme) -> bool {
        // The policy judges, so that the operator reads why.
        true
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        REQUEST_CHUNK_BYTES
    }

    fn set_host_header(&mut self) -> bool {
        // The transport sets it, from the host that was judged.
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<Body>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, HttpError>> + Send> {
        let call = self.clone();
        // Made here, where the guest's call is the current span: the sending goes on elsewhere.
        let span = tracing::info_span!(
            "egress",
            otel.kind = "client",
            http.request.method = %request.method(),
            server.address = request.uri().host(),
            http.response.status_code = Empty
        );
        let sending = async move {
            let answered = call.counted(request, options).await?;
            Ok((answered, Box::new(std::future::ready(Ok(()))) as Box<dyn Future<Output = _> + Send>))
        };
        Box::new(sending.instrument(span))
    }
}

/// A response, and what is left to do for it: nothing, since the transport looks after its connections.
type Sent = (http::Response<Body>, Box<dyn Future<Output = Result<(), HttpError>> + Send>);

/// What a guest asked, for the operator's eyes.
struct Asked {
    method: http::Method,
    uri: Uri,
}

impl Asked {
    /// Method, origin and path; never userinfo or a query, and no path where that may hold the secret itself.
    fn text(&self, layer: Layer) -> String {
        let Self { method, uri } = self;
        let scheme = uri.scheme_str().unwrap_or("https");
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if scheme == "http" { 80 } else { 443 });
        let path: String = match layer {
            Layer::Credential => String::new(),
            _ => uri.path().chars().take(ASKED_PATH_CHARS).collect(),
        };
        format!("{method} {scheme}://{host}:{port}{}", path.escape_debug())
    }
}
