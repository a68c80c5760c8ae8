//! A look into the beginning of an answer, which then goes on as if nobody had looked.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use jackfield_broker::provider::Signs;
use tokio::time::{Instant, timeout_at};

use super::transport::{Body, HttpError};
use crate::limits::{EXPIRED_LOOK_BYTES, EXPIRED_LOOK_MS};

/// Whether an answer says that the token which its request carried has expired. It comes back whole.
pub(super) async fn says_expired(response: http::Response<Body>, signs: &Signs) -> (bool, http::Response<Body>) {
    let fitting = signs.fitting(response.status(), response.headers());
    if fitting.is_empty() || fitting.are_shown_by_the_head() {
        return (!fitting.is_empty(), response);
    }
    let (parts, rest) = response.into_parts();
    let mut looked = Looked { seen: VecDeque::new(), failed: None, rest };
    let beginning = looked.beginning().await;
    (fitting.are_shown_by(&beginning), http::Response::from_parts(parts, looked.boxed_unsync()))
}

/// A body of which some frames were read already.
struct Looked {
    seen: VecDeque<Frame<Bytes>>,
    /// What it broke off with, after them.
    failed: Option<HttpError>,
    rest: Body,
}

impl Looked {
    /// Its first bytes: up to its end, or to the bound, or as many as come in time. What says that a token has expired is short and
    /// comes at once, and a stream that drips is not to wait for it.
    async fn beginning(&mut self) -> Vec<u8> {
        let until = Instant::now() + Duration::from_millis(EXPIRED_LOOK_MS);
        let mut beginning = Vec::new();
        while beginning.len() < EXPIRED_LOOK_BYTES {
            match timeout_at(until, self.rest.frame()).await {
                Ok(Some(Ok(frame))) => {
                    beginning.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                    self.seen.push_back(frame);
                }
                Ok(Some(Err(error))) => {
                    self.failed = Some(error);
                    break;
                }
                Ok(None) | Err(_) => break,
            }
        }
        beginning
    }
}

impl http_body::Body for Looked {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        if let Some(frame) = this.seen.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match this.failed.take() {
            Some(error) => Poll::Ready(Some(Err(error))),
            None => Pin::new(&mut this.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.seen.is_empty() && self.failed.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let seen: u64 = self.seen.iter().filter_map(|frame| Some(frame.data_ref()?.len() as u64)).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(seen));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(seen));
        }
        hint
    }
}
