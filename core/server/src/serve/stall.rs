//! A connection that gives up on whoever asks and does not read.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use crate::limits::LINGER_S;

/// IO whose writes fail with [`io::ErrorKind::TimedOut`] once the other side has taken nothing for so long. Any byte that it
/// takes begins the time anew; while there is nothing to write, no time passes.
#[derive(Debug)]
pub(super) struct Stalling<T> {
    inner: T,
    patience: Duration,
    /// When patience ends: made with the first wait, and used again.
    ends: Option<Pin<Box<Sleep>>>,
    waits: bool,
    /// Until when what still comes is dropped, once this side has ended.
    lingers: Option<Pin<Box<Sleep>>>,
}

impl<T> Stalling<T> {
    pub(super) fn new(inner: T, patience: Duration) -> Self {
        Self { inner, patience, ends: None, waits: false, lingers: None }
    }

    /// What a write came to, unless it has waited for too long.
    fn watch<R>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if polled.is_ready() {
            self.waits = false;
            return polled;
        }
        let patience = self.patience;
        let ends = self.ends.get_or_insert_with(|| Box::pin(sleep(patience)));
        if !self.waits {
            self.waits = true;
            ends.as_mut().reset(Instant::now() + patience);
        }
        ends.as_mut().poll(context).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Stalling<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stalling<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        self.watch(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(context);
        self.watch(context, polled)
    }

    /// Whoever is still sending when the connection ends (a body that is too long, refused before its end) would lose the answer to the
    /// reset that unread bytes cause: what comes is read and dropped until the other side ends too, for [`LINGER_S`] at the most.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingers.is_none() {
            let polled = Pin::new(&mut this.inner).poll_shutdown(context);
            match this.watch(context, polled) {
                Poll::Ready(Ok(())) => this.lingers = Some(Box::pin(sleep(Duration::from_secs(LINGER_S)))),
                other => return other,
            }
        }
        let mut scratch = [0; 8 << 10];
        loop {
            let mut dropped = ReadBuf::new(&mut scratch);
            match Pin::new(&mut this.inner).poll_read(context, &mut dropped) {
                Poll::Ready(Ok(())) if !dropped.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        match &mut this.lingers {
            Some(ends) => ends.as_mut().poll(context).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}
