//! HTTPS, and anything behind a proxy, on reqwest.
//!
//! Its connections are polled by tasks of their own, so stamps of chunks come one wake-up later than the
//! direct transport's; TLS and a network in between cost far more than that.

use super::error::of_reqwest;
use super::{Chunk, Chunks, Reply, Replying, Sent, Transport};
use crate::clock::Clock;
use crate::provider::{Fault, SetupError};
use bytes::Bytes;
use http::{HeaderMap, Uri};
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) struct Reqwest {
    client: reqwest::Client,
    url: reqwest::Url,
    clock: Clock,
}

impl Reqwest {
    /// A client that uses the environment's proxies only if `proxied`.
    pub(super) fn new(uri: Uri, proxied: bool, clock: Clock) -> Result<Self, SetupError> {
        let url = uri.to_string().parse().map_err(|_| SetupError::Url { why: "cannot be read" })?;
        let builder = reqwest::Client::builder();
        let builder = if proxied { builder } else { builder.no_proxy() };
        let client = builder
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| SetupError::Tls(super::error::chain(&error)))?;
        Ok(Self { client, url, clock })
    }

    async fn post(&self, headers: HeaderMap, body: Bytes, sent: Sent) -> Result<Reply, Fault> {
        let tls = self.url.scheme() == "https";
        let body = reqwest::Body::wrap(Stamping { body: Some(body), sent, clock: self.clock });
        let request = self.client.post(self.url.clone()).headers(headers).body(body);
        let mut response = request.send().await.map_err(|error| of_reqwest(&error, tls))?;
        let first_byte = self.clock.now();
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let body = Box::new(ReqwestBody { body: reqwest::Body::from(response), clock: self.clock });
        Ok(Reply { status, headers, first_byte, body })
    }
}

impl Transport for Reqwest {
    fn name(&self) -> &'static str {
        "reqwest"
    }

    fn send<'a>(&'a self, headers: &'a dyn Fn() -> HeaderMap, body: Bytes, sent: Sent) -> Replying<'a> {
        Box::pin(self.post(headers(), body, sent))
    }
}

/// A request body that stamps its first poll: hyper asks for it when it has encoded the head and is about to
/// write, so that names, connections and handshakes are not counted.
struct Stamping {
    body: Option<Bytes>,
    sent: Sent,
    clock: Clock,
}

impl Body for Stamping {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.sent.stamp(self.clock.now());
        Poll::Ready(self.body.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

struct ReqwestBody {
    body: reqwest::Body,
    clock: Clock,
}

impl Chunks for ReqwestBody {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, Fault>>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(of_reqwest(&error, false))));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(Ok(Chunk { bytes, at: self.clock.now() })));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

    #[tokio::test]
    async fn a_request_is_stamped_when_it_leaves_and_sent_once() {
        let server = MockServer::start().await;
        let redirect =
            ResponseTemplate::new(307).insert_header("location", "/again").set_body_string("moved");
        let posted = matchers::body_string("ping");
        Mock::given(posted).respond_with(redirect).expect(1).mount(&server).await;
        let clock = Clock::start();
        let (sent, before) = (Sent::not_yet(), clock.now());
        let transport =
            Reqwest::new(server.uri().parse().expect("a URI"), false, clock).expect("a transport");
        let reply = transport.send(&HeaderMap::new, Bytes::from_static(b"ping"), sent.clone()).await;
        let Reply { status, first_byte, mut body, .. } = reply.unwrap_or_else(|fault| panic!("{fault:?}"));
        let stamp = sent.get().expect("a stamp");
        assert!(before <= stamp && stamp <= first_byte);
        assert_eq!(status.as_u16(), 307, "no redirect is followed");
        let mut text = Vec::new();
        while let Some(chunk) = poll_fn(|cx| body.poll_chunk(cx)).await {
            let chunk = chunk.unwrap_or_else(|fault| panic!("{fault:?}"));
            assert!(chunk.at >= first_byte);
            text.extend_from_slice(&chunk.bytes);
        }
        assert_eq!(text, b"moved");
    }
}
