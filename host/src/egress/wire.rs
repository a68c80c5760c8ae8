//! The sender: resolve once → classify every address → connect to one of exactly those → TLS with the name checked → attach the
//! credential → send → clean what comes back.
//!
//! HTTP/1.1 only, without proxies (no environment variable is read), redirects, decompression or repetition. The one request that is
//! sent again is one that a waiting connection never took because the server had closed it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use jackfield_broker::attach::{Attached, NotAttached, StreamCleaner};
use jackfield_package::Refusal;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};
use tokio_rustls::TlsConnector;

use super::{
    Destination, Host, Refused, Resolve,
    look::says_expired,
    pool::{Connection, Lease, Pool},
    transport::{Body, HttpError, Outgoing, SendError, Sending, Transport},
};
use crate::{
    credentials::{Attacher, attach},
    denial::Layer,
    grant::EgressGrant,
    limits::{CONNECT_ADDRESSES, CONNECT_STAGGER_MS, HEADER_BYTES, IDLE_MS, RESPONSE_HEADERS, TLS_SESSIONS},
};

/// The network, for one installation: its connections and TLS sessions are shared with nobody.
pub struct Wire {
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
    pool: Arc<Pool>,
    attacher: Option<Attacher>,
}

impl Wire {
    /// A sender with no connections. `tls` is usually [`tls_config`]'s.
    pub fn new(resolver: Arc<dyn Resolve>, tls: &ClientConfig) -> Self {
        Self::idling(resolver, tls, Duration::from_millis(IDLE_MS))
    }

    /// The same, whose connections wait that long for their next use.
    pub(super) fn idling(resolver: Arc<dyn Resolve>, tls: &ClientConfig, idle: Duration) -> Self {
        let mut tls = tls.clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        tls.resumption = rustls::client::Resumption::in_memory_sessions(TLS_SESSIONS);
        Self { resolver, tls: Arc::new(tls).into(), pool: Arc::new(Pool::new(idle)), attacher: None }
    }

    /// One that can attach credentials of connections; without, only those that lie in files.
    #[must_use]
    pub(crate) fn attacher(mut self, attacher: Attacher) -> Self {
        self.attacher = Some(attacher);
        self
    }

    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.pool.idle()
    }
}

/// TLS 1.2 and 1.3 with Mozilla's roots and these others, for services of the admin's own.
pub fn tls_config(extra_roots: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    for root in extra_roots {
        roots.add(root.clone())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

impl Transport for Wire {
    fn send(&self, outgoing: Outgoing) -> Sending<'_> {
        Box::pin(self.exchange(outgoing))
    }
}

impl Wire {
    /// Attaches, sends, and after a 401, or what says the same there, renews once and sends again, if that is safe.
    async fn exchange(&self, outgoing: Outgoing) -> Result<http::Response<Body>, SendError> {
        let Outgoing { destination, request, connect_timeout } = outgoing;
        let bindings = &destination.credentials;
        let purpose = format!("{} {destination}", request.method());
        let attached = attach(self.attacher.as_ref(), bindings, &purpose).await.map_err(not_readable)?;
        let of_connections = self.attacher.as_ref().filter(|_| bindings.iter().any(|b| b.is_of_a_connection()));
        // What may have to be sent again is kept; the caller has put a cap on it.
        let repeatable = of_connections.is_some() && request.method().is_idempotent();
        let (request, body) = match repeatable || bindings.iter().any(|binding| binding.needs_body()) {
            true => whole(request).await?,
            false => (request, Bytes::new()),
        };
        let Some(attacher) = of_connections else {
            return self.once(&destination, request, attached, &body, connect_timeout).await;
        };
        let signs = attacher.signs(&attached).await;
        let mut again = repeatable.then(|| copy_of(&request, &body));
        let mut sending = (request, attached);
        loop {
            let (request, attached) = sending;
            let before = attached.share();
            let response = self.once(&destination, request, attached, &body, connect_timeout).await?;
            let (expired, response) = match response.status() {
                StatusCode::UNAUTHORIZED => (true, response),
                _ => says_expired(response, &signs).await,
            };
            if !expired {
                attacher.taken(&before).await;
                return Ok(response);
            }
            let anew = attacher.attach_anew(&before).await;
            match (anew.map_err(|refusal| Refused { sent: true, ..not_readable(refusal) })?, again.take()) {
                (Some(newer), Some(request)) => sending = (request, newer),
                // What is not safe to repeat is the guest's to decide about; its next request has the newer token.
                _ => return Ok(response),
            }
        }
    }

    /// One exchange with what is attached.
    async fn once(
        &self,
        destination: &Destination,
        mut request: http::Request<Body>,
        mut attached: Attached,
        body: &Bytes,
        connect_timeout: Duration,
    ) -> Result<http::Response<Body>, SendError> {
        let waiting = self.pool.take(destination);
        let mut waited = waiting.is_some();
        let mut connection = match waiting {
            Some(connection) => connection,
            None => self.connect(destination, connect_timeout).await?,
        };
        if destination.tls() {
            attached.put_on(&mut request, &destination.host_header(), body).map_err(not_attached)?;
        }
        to_origin_form(destination, &mut request)?;
        let response = loop {
            match connection.sender.try_send_request(request).await {
                Ok(response) => break response,
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if waited => {
                        request = unsent;
                        waited = false;
                        connection = self.connect(destination, connect_timeout).await?;
                    }
                    _ => return Err(from_hyper(failed.error()).into()),
                },
            }
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(HttpError::HttpUpgradeFailed.into());
        }
        let (mut parts, incoming) = response.into_parts();
        if destination.credentials.iter().any(|binding| !binding.needs_body()) && is_compressed(&parts.headers) {
            let reason = "the service compresses its answer although it was asked not to, and what is compressed can't be searched \
                          for the credential";
            return Err(Refused { sent: true, ..Refused::new(Layer::Credential, reason) }.into());
        }
        attached.clean_headers(&mut parts.headers);
        let lease = Some(Lease::new(connection, self.pool.clone(), destination));
        let body = ResponseBody { incoming, lease, cleaner: attached.cleaner(), trailers: None, attached };
        Ok(http::Response::from_parts(parts, body.boxed_unsync()))
    }

    async fn connect(&self, destination: &Destination, limit: Duration) -> Result<Connection, SendError> {
        let deadline = Instant::now() + limit;
        let addresses = match destination.host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => timeout_at(deadline, self.resolver.resolve(name))
                .await
                .map_err(|_| HttpError::DnsTimeout)?
                .map_err(|_| HttpError::DnsError { rcode: None, info_code: None })?,
        };
        if addresses.is_empty() {
            return Err(HttpError::DnsError { rcode: None, info_code: None }.into());
        }
        judge_addresses(destination, &addresses)?;
        let connecting = async {
            let (stream, peer) = connect_first(&addresses, destination.port()).await?;
            if !destination.tls() {
                return handshake(stream, peer).await;
            }
            let name = match destination.host() {
                Host::Address(address) => ServerName::from(*address),
                Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| HttpError::HttpRequestUriInvalid)?,
            };
            let stream = self.tls.connect(name, stream).await.map_err(from_tls)?;
            handshake(stream, peer).await
        };
        timeout_at(deadline, connecting).await.map_err(|_| HttpError::ConnectionTimeout)?.map_err(SendError::Failed)
    }
}

/// One special address among several refuses the name: whoever answers for it may answer otherwise the next time.
fn judge_addresses(destination: &Destination, addresses: &[IpAddr]) -> Result<(), Refused> {
    let special: Vec<_> =
        addresses.iter().filter_map(|address| Some((address, destination.judge_address(*address).err()?))).collect();
    let Some((address, why)) = special.first() else { return Ok(()) };
    let reason = format!("{} leads to {address}, which is {why}", destination.host());
    let grant = EgressGrant {
        addresses: special.iter().map(|(address, _)| super::address::unmapped(**address).into()).collect(),
        ..destination.grant.clone()
    };
    Err(Refused::new(Layer::Address, reason).needs(grant))
}

/// The first address that takes a connection. Each gets a head start before the next is tried beside it (RFC 8305).
async fn connect_first(addresses: &[IpAddr], port: u16) -> Result<(TcpStream, IpAddr), HttpError> {
    let mut tries = JoinSet::new();
    for (nth, address) in addresses.iter().copied().take(CONNECT_ADDRESSES).enumerate() {
        tries.spawn(async move {
            sleep(Duration::from_millis(CONNECT_STAGGER_MS) * u32::try_from(nth).unwrap_or(u32::MAX)).await;
            let stream = TcpStream::connect(SocketAddr::new(address, port)).await?;
            stream.set_nodelay(true)?;
            io::Result::Ok((stream, address))
        });
    }
    let mut last = HttpError::ConnectionRefused;
    while let Some(tried) = tries.join_next().await {
        match tried {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => last = from_connect(&error),
            Err(_) => {}
        }
    }
    Err(last)
}

async fn handshake<S>(stream: S, peer: IpAddr) -> Result<Connection, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_headers(RESPONSE_HEADERS).max_header_size(HEADER_BYTES).max_buf_size(HEADER_BYTES * 2);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| from_hyper(&error))?;
    // Whatever ends the connection reaches the exchange through its sender or its body.
    let task = tokio::spawn(async move { drop(connection.await) });
    Ok(Connection::new(sender, peer, task.abort_handle()))
}

/// Path and query in the request line, the host in its header (RFC 9112 section 3.2.1).
fn to_origin_form(destination: &Destination, request: &mut http::Request<Body>) -> Result<(), HttpError> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    *request.uri_mut() = target.parse::<Uri>().map_err(|_| HttpError::HttpRequestUriInvalid)?;
    *request.version_mut() = http::Version::HTTP_11;
    let host = HeaderValue::try_from(destination.host_header()).map_err(|_| HttpError::HttpRequestUriInvalid)?;
    request.headers_mut().insert(header::HOST, host);
    // RFC 9110 section 8.6: where a method means content, its absence is said; some services answer 411 otherwise.
    if request.body().is_end_stream() && matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH) {
        request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(())
}

/// Whether the body is other than what is meant (RFC 9110 section 8.4).
fn is_compressed(headers: &http::HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The request with its body at hand.
async fn whole(request: http::Request<Body>) -> Result<(http::Request<Body>, Bytes), SendError> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await?.to_bytes();
    Ok((http::Request::from_parts(parts, full(bytes.clone())), bytes))
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn copy_of(request: &http::Request<Body>, body: &Bytes) -> http::Request<Body> {
    let mut copy = http::Request::new(full(body.clone()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

fn not_readable(refusal: Refusal) -> Refused {
    let Refusal { message, hint, .. } = refusal;
    Refused { fix: hint, ..Refused::new(Layer::Credential, message) }
}

fn not_attached(why: NotAttached) -> Refused {
    match why {
        NotAttached::Unreadable(refusal) => not_readable(refusal),
        NotAttached::AlreadyThere(id) => {
            Refused::new(Layer::Credential, format!("the request already holds the secret of the credential `{id}`"))
        }
    }
}

/// A response's body on its way to the guest, with its connection.
struct ResponseBody {
    incoming: Incoming,
    lease: Option<Lease>,
    cleaner: Option<StreamCleaner>,
    /// Trailers that wait until the cleaner has given all it held.
    trailers: Option<http::HeaderMap>,
    attached: Attached,
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        loop {
            if let Some(mut trailers) = this.trailers.take() {
                this.attached.clean_headers(&mut trailers);
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            let frame = match std::task::ready!(Pin::new(&mut this.incoming).poll_frame(cx)) {
                None => {
                    if let Some(lease) = this.lease.take() {
                        lease.end();
                    }
                    let rest = this.cleaner.take().map(|mut cleaner| cleaner.finish()).unwrap_or_default();
                    return Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest.into()))));
                }
                Some(Err(error)) => {
                    this.lease = None;
                    return Poll::Ready(Some(Err(from_hyper(&error))));
                }
                Some(Ok(frame)) => frame,
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(frame) => {
                    this.trailers = frame.into_trailers().ok();
                    let rest = this.cleaner.take().map(|mut cleaner| cleaner.finish()).unwrap_or_default();
                    if rest.is_empty() {
                        continue;
                    }
                    return Poll::Ready(Some(Ok(Frame::data(rest.into()))));
                }
            };
            let Some(cleaner) = &mut this.cleaner else { return Poll::Ready(Some(Ok(Frame::data(data)))) };
            let clean = cleaner.clean(&data);
            if !clean.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(clean.into()))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream() && self.cleaner.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        // What the cleaner holds has been counted as given already.
        if self.cleaner.is_none() { self.incoming.size_hint() } else { http_body::SizeHint::default() }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // A guest need not read up to the end of the stream to have read all of the body.
        if self.incoming.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.end();
        }
    }
}

fn from_connect(error: &io::Error) -> HttpError {
    match error.kind() {
        io::ErrorKind::TimedOut => HttpError::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => HttpError::DestinationIpUnroutable,
        _ => HttpError::ConnectionRefused,
    }
}

fn from_tls(error: io::Error) -> HttpError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            HttpError::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            HttpError::TlsAlertReceived { alert_id: Some(u8::from(*alert)), alert_message: Some(format!("{alert:?}")) }
        }
        Some(_) => HttpError::TlsProtocolError,
        None => HttpError::ConnectionTerminated,
    }
}

/// hyper's words in those of wasi:http. Its own text stays here, since it may repeat what was on the wire.
fn from_hyper(error: &hyper::Error) -> HttpError {
    if error.is_parse_too_large() {
        HttpError::HttpResponseHeaderSectionSize(u32::try_from(HEADER_BYTES).ok())
    } else if error.is_incomplete_message() {
        HttpError::HttpResponseIncomplete
    } else if error.is_timeout() {
        HttpError::HttpResponseTimeout
    } else if error.is_parse() || error.is_user() {
        HttpError::HttpProtocolError
    } else {
        HttpError::ConnectionTerminated
    }
}
