//! The seam between an API's dialect and the wire: one request out, one answer in, stamped.
//!
//! [`direct`] is the measuring instrument, for plain HTTP; [`reqwest`] serves TLS and proxies; [`memory`]
//! asks a provider in this very process. None repeats a request that may have left, follows a redirect, or
//! has a timeout of its own.

mod direct;
mod error;
mod memory;
mod pool;
mod reqwest;
mod wire;

use super::{Endpoint, Fault, SetupError};
use crate::clock::{Clock, ns};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{HeaderMap, StatusCode, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// The moment just before the first byte of a request was written; shared with its writer.
#[derive(Debug, Clone)]
pub(super) struct Sent(Arc<AtomicU64>);

impl Sent {
    const NOT_YET: u64 = u64::MAX;

    pub(super) fn not_yet() -> Self {
        Self(Arc::new(AtomicU64::new(Self::NOT_YET)))
    }

    pub(super) fn get(&self) -> Option<Duration> {
        // The stamp is its own message; nothing else is published with it.
        let at_ns = self.0.load(Ordering::Relaxed);
        (at_ns != Self::NOT_YET).then(|| Duration::from_nanos(at_ns))
    }

    /// Keeps the first moment it is given.
    pub(super) fn stamp(&self, at: Duration) {
        let _ = self.0.compare_exchange(Self::NOT_YET, ns(at), Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// The head of an answer, and the rest of it.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// When its first byte arrived.
    pub(super) first_byte: Duration,
    pub(super) body: Box<dyn Chunks>,
}

/// Bytes of a body and the moment they were read from the socket.
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    pub(super) at: Duration,
}

/// A body as it comes. Dropped before its end, it closes the connection.
pub(super) trait Chunks {
    /// The next bytes; `None` at the end that the framing promised.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Chunk, Fault>>>;
}

/// Waits for the head of an answer.
pub(super) type Replying<'a> = LocalBoxFuture<'a, Result<Reply, Fault>>;

/// A way to reach one endpoint. Dropping the future of [`Transport::send`] closes the connection.
pub(super) trait Transport {
    /// `direct`, `reqwest` or `memory`.
    fn name(&self) -> &'static str;

    /// Posts `body` and waits for the head of the answer. `headers` is asked once for each request that is
    /// built: a second one is rarely needed, so that none is copied for it in advance.
    fn send<'a>(&'a self, headers: &'a dyn Fn() -> HeaderMap, body: Bytes, sent: Sent) -> Replying<'a>;
}

/// The transport for posting to `path` on this endpoint.
pub(super) fn choose(
    endpoint: &Endpoint,
    path: &str,
    clock: Clock,
) -> Result<Box<dyn Transport>, SetupError> {
    let uri = resolve(endpoint, path)?;
    if let Some(peer) = &endpoint.peer {
        return Ok(Box::new(memory::Memory::new(peer.clone(), uri, clock)));
    }
    let plain = uri.scheme() == Some(&http::uri::Scheme::HTTP);
    let proxied = is_proxied(&uri);
    if plain && !proxied {
        Ok(Box::new(direct::Direct::new(&uri, clock)))
    } else {
        Ok(Box::new(reqwest::Reqwest::new(uri, proxied, clock)?))
    }
}

/// Whether requests to `uri` go through a proxy, by the environment's proxy variables and `NO_PROXY`. An
/// empty variable is none, and requests to this machine never go through one.
#[must_use]
pub fn is_proxied(uri: &Uri) -> bool {
    !is_loopback(uri) && Matcher::from_system().intercept(uri).is_some()
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or("").trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The URI of a path below an endpoint's base URL.
fn resolve(endpoint: &Endpoint, path: &str) -> Result<Uri, SetupError> {
    let wrong = |why| SetupError::Url { why };
    let base = endpoint.base_url.expose().trim().trim_end_matches('/');
    if base.contains('@') {
        return Err(wrong("holds a user name: set api_key_env instead"));
    }
    if base.contains(['?', '#']) {
        return Err(wrong("holds a query"));
    }
    let uri: Uri = format!("{base}{path}").parse().map_err(|_| wrong("cannot be read"))?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        Some("http" | "https") => Err(wrong("has no host")),
        _ => Err(wrong("does not begin with http:// or https://")),
    }
}
