//! Bodies that are counted, capped and timed while they stream.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::{
    header,
    meter::{Meter, Slot},
    transport::{Body, HttpError},
};
use crate::limits::Limit;

/// What ends an exchange, and what it adds up to.
pub(super) struct Exchange {
    pub(super) meter: Arc<Meter>,
    /// Held for as long as the exchange lasts.
    pub(super) _slot: Slot,
    pub(super) line: Line,
    pub(super) sent: Arc<AtomicU64>,
}

/// What is written down of an exchange: never a path, a query or a header.
pub(super) struct Line {
    pub(super) connector: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) method: http::Method,
    pub(super) started: Instant,
}

/// A request's body, as the transport reads it.
pub(super) struct RequestBody {
    inner: Body,
    meter: Arc<Meter>,
    cap: u64,
    /// What the guest's `content-length` promises. The header itself is not passed on: framing is the transport's, and is told this.
    promised: Option<u64>,
    sent: Arc<AtomicU64>,
    /// Why the body was cut off, for the sender's caller: the transport has words of its own for it.
    cut: Arc<std::sync::OnceLock<u64>>,
}

impl RequestBody {
    pub(super) fn new(
        inner: Body,
        meter: Arc<Meter>,
        cap: u64,
        promised: Option<u64>,
        sent: Arc<AtomicU64>,
        cut: Arc<std::sync::OnceLock<u64>>,
    ) -> Self {
        Self { inner, meter, cap, promised, sent, cut }
    }

    fn cut_at(&self, bytes: u64) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.cut.get_or_init(|| bytes);
        Poll::Ready(Some(Err(HttpError::HttpRequestBodySize(Some(bytes)))))
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        let so_far = this.sent.load(Relaxed);
        let frame = match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None if this.promised.is_some_and(|promised| promised != so_far) => return this.cut_at(so_far),
            None => return Poll::Ready(None),
        };
        let data = match frame.into_data() {
            Ok(data) => data,
            // Trailers go past every rule about headers, and hyper would drop them without a word.
            Err(frame) if frame.trailers_ref().is_none_or(http::HeaderMap::is_empty) => return Poll::Ready(None),
            Err(_) => return Poll::Ready(Some(Err(HttpError::HttpRequestTrailerSectionSize(Some(0))))),
        };
        let bytes = data.len() as u64;
        let total = so_far + bytes;
        if total > this.cap {
            this.meter.reached(Limit::RequestBytes, this.cap, total);
            return this.cut_at(this.cap);
        }
        if this.promised.is_some_and(|promised| total > promised) {
            return this.cut_at(total);
        }
        this.sent.store(total, Relaxed);
        this.meter.sent(bytes);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.promised.is_none_or(|promised| promised == self.sent.load(Relaxed))
    }

    fn size_hint(&self) -> SizeHint {
        match self.promised {
            Some(promised) => SizeHint::with_exact(promised.saturating_sub(self.sent.load(Relaxed))),
            None => self.inner.size_hint(),
        }
    }
}

/// A response's body, as the guest reads it.
pub(super) struct ResponseBody {
    /// Gone once the stream has ended, so that its connection is free or closed.
    inner: Option<Body>,
    exchange: Option<Exchange>,
    status: u16,
    received: u64,
    cap: u64,
    deadline: Pin<Box<Sleep>>,
    time_ms: u64,
    pause: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl ResponseBody {
    pub(super) fn new(
        inner: Body,
        status: http::StatusCode,
        exchange: Exchange,
        cap: u64,
        (deadline, time_ms): (Instant, u64),
        longest_pause: Option<Duration>,
    ) -> Self {
        Self {
            inner: Some(inner),
            exchange: Some(exchange),
            status: status.as_u16(),
            received: 0,
            cap,
            deadline: Box::pin(sleep_until(deadline)),
            time_ms,
            pause: longest_pause.map(|pause| (pause, Box::pin(sleep(pause)))),
        }
    }

    /// Ends the exchange: the inner body closes its connection or gives it back.
    fn end(&mut self) {
        self.inner = None;
        let Some(Exchange { line, sent, .. }) = self.exchange.take() else { return };
        tracing::debug!(
            target: "jackfield::egress",
            connector = line.connector,
            host = line.host,
            port = line.port,
            method = %line.method,
            status = self.status,
            bytes_out = sent.load(Relaxed),
            bytes_in = self.received,
            ms = u64::try_from(line.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "request done"
        );
    }

    fn fail(&mut self, error: HttpError) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.end();
        Poll::Ready(Some(Err(error)))
    }

    fn reached(&self, limit: Limit, allowed: u64, used: u64) {
        if let Some(exchange) = &self.exchange {
            exchange.meter.reached(limit, allowed, used);
        }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        // Asked first: a service that drips bytes without end is always ready.
        if this.deadline.as_mut().poll(cx).is_ready() {
            this.reached(Limit::RequestTimeMs, this.time_ms, this.time_ms);
            return this.fail(HttpError::HttpResponseTimeout);
        }
        let frame = match Pin::new(inner).poll_frame(cx) {
            Poll::Pending => {
                let Some((_, pause)) = &mut this.pause else { return Poll::Pending };
                ready!(pause.as_mut().poll(cx));
                return this.fail(HttpError::ConnectionReadTimeout);
            }
            Poll::Ready(None) => {
                this.end();
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Err(error))) => return this.fail(error),
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        if let Some((longest, pause)) = &mut this.pause {
            pause.as_mut().reset(Instant::now() + *longest);
        }
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                let mut trailers = frame.into_trailers().unwrap_or_default();
                header::strip_response(&mut trailers);
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
        };
        let bytes = data.len() as u64;
        this.received += bytes;
        if let Some(exchange) = &this.exchange {
            exchange.meter.received(bytes);
        }
        if this.received > this.cap {
            this.reached(Limit::ResponseBytes, this.cap, this.received);
            return this.fail(HttpError::HttpResponseBodySize(Some(this.cap)));
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(|inner| inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), |inner| inner.size_hint())
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.end();
    }
}
