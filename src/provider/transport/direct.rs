//! Plain HTTP/1.1 on hyper's connection, with our own pool.

use super::error::of_hyper;
use super::pool::{Conn, Pool};
use super::{Chunk, Chunks, Reply, Replying, Sent, Transport};
use crate::clock::Clock;
use crate::provider::Fault;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

pub(super) struct Direct {
    pool: Rc<Pool>,
    /// Path and query, the form in which HTTP/1.1 asks an origin.
    path: Uri,
    host: HeaderValue,
    clock: Clock,
}

impl Direct {
    pub(super) fn new(uri: &Uri, clock: Clock) -> Self {
        let port = uri.port_u16().unwrap_or(80);
        let path = uri.path_and_query().map_or_else(Uri::default, |path| Uri::from(path.clone()));
        let authority = uri.authority().map_or("", |a| a.as_str());
        // A parsed authority holds nothing that a header may not.
        let host = HeaderValue::from_str(authority).unwrap_or(HeaderValue::from_static(""));
        Self { pool: Rc::new(Pool::new(uri.host().unwrap_or(""), port, clock)), path, host, clock }
    }

    fn request(&self, mut headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
        headers.insert(header::HOST, self.host.clone());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = headers;
        request
    }

    /// A reused connection may prove closed as the request is handed to it. If not one byte was written, the
    /// provider cannot have seen the request, and a fresh connection is tried: once, because a fresh
    /// one is not reused.
    async fn post(&self, headers: &dyn Fn() -> HeaderMap, body: Bytes, sent: Sent) -> Result<Reply, Fault> {
        if let Some(mut conn) = self.pool.reuse().await {
            match conn.send(self.request(headers(), body.clone()), sent.clone()).await {
                Ok(response) => return Ok(self.reply(conn, response)),
                Err(error) if sent.get().is_some() => return Err(of_hyper(&error)),
                Err(_unsent) => {}
            }
        }
        let mut conn = self.pool.open().await?;
        match conn.send(self.request(headers(), body), sent).await {
            Ok(response) => Ok(self.reply(conn, response)),
            Err(error) => Err(of_hyper(&error)),
        }
    }

    fn reply(&self, conn: Box<Conn>, response: Response<Incoming>) -> Reply {
        let first_byte = conn.stamps().first_read().unwrap_or_else(|| self.clock.now());
        let (head, body) = response.into_parts();
        let body = Box::new(DirectBody { body, conn: Some(conn), pool: Rc::clone(&self.pool) });
        Reply { status: head.status, headers: head.headers, first_byte, body }
    }
}

impl Transport for Direct {
    fn name(&self) -> &'static str {
        "direct"
    }

    fn send<'a>(&'a self, headers: &'a dyn Fn() -> HeaderMap, body: Bytes, sent: Sent) -> Replying<'a> {
        Box::pin(self.post(headers, body, sent))
    }
}

struct DirectBody {
    body: Incoming,
    /// `None` after the end.
    conn: Option<Box<Conn>>,
    pool: Rc<Pool>,
}

impl DirectBody {
    /// What hyper has ready without reading: data, the end, or nothing.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => return Poll::Ready(Some(Ok(bytes))),
                    Err(_trailers) => {}
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Chunks for DirectBody {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, Fault>>> {
        let mut ready = self.poll_ready(cx);
        if ready.is_pending()
            && let Some(conn) = &mut self.conn
        {
            conn.poll_driver(cx);
            ready = self.poll_ready(cx);
        }
        match ready {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(bytes))) => {
                let at = self.conn.as_ref().map(|conn| conn.stamps().last_read()).unwrap_or_default();
                Poll::Ready(Some(Ok(Chunk { bytes, at })))
            }
            Poll::Ready(Some(Err(error))) => {
                self.conn = None;
                Poll::Ready(Some(Err(of_hyper(&error))))
            }
            Poll::Ready(None) => {
                if let Some(conn) = self.conn.take() {
                    self.pool.give_back(conn, cx);
                }
                Poll::Ready(None)
            }
        }
    }
}
