//! A socket that stamps what passes it.

use super::Sent;
use crate::clock::Clock;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

/// The stamps of one connection, seen by the socket and by its user.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    /// Where to note the first write of the request under way.
    sent: RefCell<Option<Sent>>,
    first_read: Cell<Option<Duration>>,
    last_read: Cell<Duration>,
    /// Ask the kernel, not tokio's memory of it, whether the peer has closed.
    probe: Cell<bool>,
}

impl Stamps {
    /// Begins a new request.
    pub(super) fn arm(&self, sent: Sent) {
        self.sent.replace(Some(sent));
        self.first_read.set(None);
    }

    /// Makes the next read look whether the peer has closed the idle connection.
    pub(super) fn probe(&self) {
        self.probe.set(true);
    }

    /// When the first byte since [`Stamps::arm`] was read.
    pub(super) fn first_read(&self) -> Option<Duration> {
        self.first_read.get()
    }

    /// When the socket last gave bytes.
    pub(super) fn last_read(&self) -> Duration {
        self.last_read.get()
    }

    fn read(&self, at: Duration) {
        self.last_read.set(at);
        if self.first_read.get().is_none() {
            self.first_read.set(Some(at));
        }
    }

    fn wrote(&self, before: Duration) {
        if let Some(sent) = self.sent.take() {
            sent.stamp(before);
        }
    }
}

/// A TCP stream that reads the clock once after each read, and before the first write of each request.
#[derive(Debug)]
pub(super) struct Wire {
    io: TokioIo<TcpStream>,
    stamps: Rc<Stamps>,
    clock: Clock,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, clock: Clock) -> Self {
        Self { io: TokioIo::new(stream), stamps: Rc::default(), clock }
    }

    pub(super) fn stamps(&self) -> Rc<Stamps> {
        Rc::clone(&self.stamps)
    }

    /// Whether the peer has closed, or said something unasked: either ends an idle connection.
    fn is_dead(&self) -> bool {
        let peeked = SockRef::from(self.io.inner()).peek(&mut [MaybeUninit::uninit()]);
        !matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stamps.probe.take() && self.is_dead() {
            return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf).map_ok(|()| self.stamps.read(self.clock.now()))
    }
}

/// Not vectored: hyper then puts head and body into one buffer, which costs less than a `writev` of two.
impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let pending = self.stamps.sent.borrow().is_some();
        let before = if pending { self.clock.now() } else { Duration::ZERO };
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if pending && matches!(written, Poll::Ready(Ok(n)) if n > 0) {
            self.stamps.wrote(before);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
