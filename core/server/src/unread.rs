//! Whether a request's body was read to its end.
//!
//! Where it was not, the connection ends with the answer (RFC 9112, section 9.3): what is left of the body would be taken for the next
//! request. The client is told so, or its next request meets a closing connection.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};

/// Says whether a body has come to its end. One without bytes has from the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<AtomicBool>);

impl Unread {
    /// Watches a body.
    pub(crate) fn watch(body: Body) -> (Self, Body) {
        let unread = Self::default();
        if body.is_end_stream() {
            return (unread, body);
        }
        unread.0.store(true, Ordering::Relaxed);
        let watched = Body::new(Watched { body, unread: unread.clone() });
        (unread, watched)
    }

    /// Whether some of it is left.
    pub(crate) fn is_some(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct Watched {
    body: Body,
    unread: Unread,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.unread.0.store(false, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
