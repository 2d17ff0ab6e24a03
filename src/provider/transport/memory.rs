//! A provider in this very process: requests and answers change hands without a socket, and without waiting
//! for one, so that virtual time can stand still until both sides have nothing left to do.

use super::{Chunk, Chunks, Reply, Replying, Sent, Transport};
use crate::clock::Clock;
use crate::history::ErrorClass;
use crate::provider::{Fault, Peer, PeerBody};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use http_body::Body;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) struct Memory {
    peer: Peer,
    uri: Uri,
    clock: Clock,
}

impl Memory {
    pub(super) fn new(peer: Peer, uri: Uri, clock: Clock) -> Self {
        Self { peer, uri, clock }
    }

    async fn post(&self, headers: HeaderMap, body: Bytes, sent: Sent) -> Result<Reply, Fault> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        sent.stamp(self.clock.now());
        let (head, body) = (self.peer.0)(request).await.map_err(|error| fault(&error))?.into_parts();
        let body = Box::new(MemoryBody { body, clock: self.clock });
        Ok(Reply { status: head.status, headers: head.headers, first_byte: self.clock.now(), body })
    }
}

impl Transport for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn send<'a>(&'a self, headers: &'a dyn Fn() -> HeaderMap, body: Bytes, sent: Sent) -> Replying<'a> {
        Box::pin(self.post(headers(), body, sent))
    }
}

/// Both a reset and an early end are what a client sees as a lost connection.
fn fault(error: &io::Error) -> Fault {
    Fault::new(ErrorClass::Reset, error.to_string())
}

struct MemoryBody {
    body: PeerBody,
    clock: Clock,
}

impl Chunks for MemoryBody {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, Fault>>> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(fault(&error)))),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Some(Ok(Chunk { bytes, at: self.clock.now() })));
                    }
                }
            }
        }
    }
}
