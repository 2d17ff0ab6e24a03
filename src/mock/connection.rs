//! One TCP connection: a stream that can be reset on purpose, and hyper on top of it.

use super::body::{Answer, Broken};
use super::errors::http_date;
use super::routes;
use super::shared::Shared;
use futures_util::task::AtomicWaker;
use http::header::{DATE, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Longest request head, and longest pause before one on an idle connection.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves one connection to its end.
pub(super) async fn serve(shared: Arc<Shared>, stream: std::net::TcpStream) {
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let link = Arc::new(Link::default());
    let io = TokioIo::new(Resettable { stream, link: Arc::clone(&link) });
    // Busy from the call on: hyper may come to the end of the stream before it polls the answer.
    let service = service_fn(move |request| dated(Arc::clone(&shared), link.busy(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // hyper reads the machine's clock for it, and panics before 1970.
        .auto_date_header(false)
        .header_read_timeout(HEAD_READ_TIMEOUT)
        .max_header_size(HEAD_BYTES_MAX)
        .serve_connection(io, service);
    // Whatever ended it (a reset on purpose, a client that left) is in the ledger already.
    let _ = connection.await;
}

/// Answers one request, and dates the answer by the run's clock, as the dates of `retry-after` are.
async fn dated(
    shared: Arc<Shared>,
    busy: RequestGuard,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Broken> {
    let mut response = routes::route(Arc::clone(&shared), busy, request).await?;
    if let Ok(date) = HeaderValue::try_from(http_date(shared.utc_s())) {
        response.headers_mut().insert(DATE, date);
    }
    Ok(response)
}

/// What an answer and the stream under it tell each other.
///
/// hyper drops a request whose client leaves right behind it before it was seen. Here it has
/// arrived, and belongs into the ledger: while a request is answered the end of the stream is kept from
/// hyper, and the answer decides.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// The answer wants the stream to be reset when it is dropped.
    reset: AtomicBool,
    /// A request is being answered.
    busy: AtomicBool,
    /// The stream has come to its end: the client has gone.
    gone: AtomicBool,
    /// Whom to tell that the client has gone.
    answer: AtomicWaker,
    /// Whom to tell that the end of the stream may be read.
    reader: AtomicWaker,
}

impl Link {
    /// A request is being answered, until the guard is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> RequestGuard {
        self.busy.store(true, Ordering::Release);
        RequestGuard(Arc::clone(self))
    }

    /// Has the connection reset when it is dropped.
    pub(super) fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    /// Whether the connection is to be reset.
    pub(super) fn resets(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    /// The stream has ended; whether that is to be kept from hyper.
    fn end_of_stream(&self, cx: &Context<'_>) -> bool {
        self.reader.register(cx.waker());
        self.gone.store(true, Ordering::Release);
        self.answer.wake();
        self.busy.load(Ordering::Acquire)
    }

    /// Ready once the client has gone.
    pub(super) fn poll_gone(&self, cx: &Context<'_>) -> Poll<()> {
        self.answer.register(cx.waker());
        if self.gone.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits until the client has gone.
    pub(super) async fn gone(&self) {
        std::future::poll_fn(|cx| self.poll_gone(cx)).await;
    }
}

/// A request is being answered.
pub(super) struct RequestGuard(Arc<Link>);

impl RequestGuard {
    pub(super) fn link(&self) -> &Link {
        &self.0
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
        if self.0.gone.load(Ordering::Acquire) {
            self.0.reader.wake();
        }
    }
}

/// A stream that is reset instead of closed, if its link says so when it is dropped.
struct Resettable {
    stream: TcpStream,
    link: Arc<Link>,
}

impl Drop for Resettable {
    fn drop(&mut self) {
        if self.link.resets() {
            // With no time to linger the kernel sends RST. If the socket is gone already, so is the client.
            let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for Resettable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let ended = match &read {
            Poll::Ready(Ok(())) => buf.filled().len() == before && buf.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended && self.link.end_of_stream(cx) { Poll::Pending } else { read }
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::mock::{Core, LedgerSink, MockConfig};
    use crate::plan::MockPlan;
    use std::io::{Read, Write};

    /// Before 1970 a machine's clock gives second 0. Every answer has the date that is counted from there,
    /// and no answer one that was read from the machine's clock.
    #[test]
    fn every_answer_is_dated_by_the_clock_of_the_run() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;
        let streamed = body.replace("\"m\"", "\"m\",\"stream\":true");
        for (status, method, path, body) in [
            (200, "POST", "/v1/chat/completions", body),
            (200, "POST", "/v1/chat/completions", &*streamed),
            (400, "POST", "/v1/chat/completions", "{"),
            (200, "POST", "/v1/messages", &*body.replace("\"m\"", "\"m\",\"max_tokens\":9")),
            (200, "GET", "/v1/models", ""),
            (405, "GET", "/v1/chat/completions", ""),
            (404, "GET", "/nowhere", ""),
            (200, "GET", "/deadheat/ledger", ""),
            (200, "GET", "/deadheat/stats", ""),
        ] {
            let answer = asked(&format!(
                "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            ));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
            assert!(answer.contains("\r\ndate: Thu, 01 Jan 1970 00:"), "{method} {path}: {answer}");
        }
        let malformed = asked("no request\r\n\r\n");
        assert!(malformed.starts_with("HTTP/1.1 400 ") && !malformed.contains("date:"), "{malformed}");
    }

    /// The answer to one request on a connection of its own, at a provider whose clock begins at second 0.
    fn asked(request: &str) -> String {
        let core = Core::new(MockConfig::new("mock", MockPlan::default()).core(0));
        let shared = Arc::new(Shared::new(core, "m".to_owned(), 0, LedgerSink::Keep, Clock::start()));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let mut client =
            std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_nonblocking(true).expect("set");
        client.write_all(request.as_bytes()).expect("sent");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(serve(shared, stream));
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        answer
    }
}
