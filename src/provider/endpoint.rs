//! Where attempts go, and with which key.

use crate::plan::{Api, ExpandedUrl, Plan, Target, Timeouts};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::combinators::BoxBody;
use std::fmt;
use std::sync::Arc;

/// A secret. Neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Wraps a key; spaces and line ends around it, as files and shells leave them, are cut.
    #[must_use]
    pub fn new(key: impl AsRef<str>) -> Self {
        Self(key.as_ref().trim().to_owned())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the key struck out.
    pub(super) fn strike(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "[key]") }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([redacted])")
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("[redacted]")
    }
}

/// A provider in this very process: answers a POST without a socket between. Dropping the future, or the body
/// of what it gives, is what closing the connection would be.
#[derive(Clone)]
pub struct Peer(pub Arc<Respond>);

/// How a [`Peer`] answers. An error of the kind [`std::io::ErrorKind::ConnectionReset`] is a reset
/// connection, any other one that was closed too early.
pub type Respond = dyn Fn(http::Request<Bytes>) -> Responding + Send + Sync;

/// Waits for the head of an answer.
pub type Responding = BoxFuture<'static, std::io::Result<http::Response<PeerBody>>>;

/// A body as it comes.
pub type PeerBody = BoxBody<Bytes, std::io::Error>;

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer(..)")
    }
}

/// Two are equal if they are the same provider, not a copy of it.
impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// One API to call.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Which API it speaks.
    pub api: Api,
    /// Base URL, up to and including the version: `https://llm.example.com/v1`.
    pub base_url: ExpandedUrl,
    /// Sent as a bearer token.
    pub api_key: Option<ApiKey>,
    /// The model asked for.
    pub model: String,
    /// Whether answers are streamed.
    pub stream: bool,
    /// When an attempt is given up.
    pub timeouts: Timeouts,
    /// Asked instead of the URL's host.
    pub peer: Option<Peer>,
}

impl Endpoint {
    /// An API at `base_url`, asked for streamed answers without a key.
    #[must_use]
    pub fn new(
        api: Api,
        base_url: impl Into<ExpandedUrl>,
        model: impl Into<String>,
        timeouts: Timeouts,
    ) -> Self {
        let (base_url, model) = (base_url.into(), model.into());
        Self { api, base_url, api_key: None, model, stream: true, timeouts, peer: None }
    }

    /// A target of the plan, reached at `base_url`. The key is not part of a plan: set it where there is one.
    #[must_use]
    pub fn of(plan: &Plan, target: &Target, base_url: impl Into<ExpandedUrl>) -> Self {
        let endpoint = Self::new(target.api, base_url, &target.model, plan.timeouts);
        endpoint.with_stream(plan.workload.stream)
    }

    /// The same, asked for streamed answers or for whole ones.
    #[must_use]
    pub fn with_stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self
    }

    /// The same with this key.
    #[must_use]
    pub fn with_key(mut self, key: Option<ApiKey>) -> Self {
        self.api_key = key;
        self
    }

    /// The same, answered by a provider in this process.
    #[must_use]
    pub fn with_peer(mut self, peer: Peer) -> Self {
        self.peer = Some(peer);
        self
    }
}

/// Why no client could be made for an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Not a URL that can be called.
    #[error("the base URL {why}: write one such as \"https://llm.example.com/v1\"")]
    Url {
        /// What is wrong with it; never the URL itself, which may hold a password.
        why: &'static str,
    },
    /// A key that no header can carry.
    #[error("the API key holds characters that no HTTP header can carry: check the variable it comes from")]
    Key,
    /// The thread's runtime could not be started.
    #[error("cannot start an engine thread's runtime: {0}")]
    Runtime(std::io::Error),
    /// TLS could not be set up.
    #[error("TLS could not be set up ({0}): check the system's certificates and proxy settings")]
    Tls(String),
}
