//! What became of an attempt: three arms, because a client often cannot know.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the client knows of an attempt or a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A whole answer arrived.
    Ok,
    /// The provider certainly did not do the work.
    Failed,
    /// The provider may have done the work, and billed it.
    Unknown,
}

/// Why an attempt did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// The name could not be resolved.
    Dns,
    /// No connection.
    Connect,
    /// No TLS session.
    Tls,
    /// No connection in time.
    TimeoutConnect,
    /// No first byte in time.
    TimeoutFirstByte,
    /// A silence inside the body.
    TimeoutIdle,
    /// Not done in time.
    TimeoutTotal,
    /// A 4xx other than 429.
    ClientError,
    /// 429, to be retried later.
    RateLimited,
    /// 429 whose body says that the quota is exhausted.
    QuotaExhausted,
    /// A 5xx.
    ServerError,
    /// The connection was reset or closed before the answer was whole.
    Reset,
    /// A stream that ended without its terminator.
    CutStream,
    /// A body or stream that is not what the API promises.
    MalformedStream,
    /// An error inside a 200.
    ErrorEvent,
    /// A stream with a terminator but without a finish reason.
    EarlyStop,
    /// Given up by the client: the run was stopped.
    Cancelled,
    /// Its worker process died with it.
    WorkerDied,
}

impl ErrorClass {
    /// Every class, in the order of reports.
    pub const ALL: [Self; 18] = [
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::TimeoutConnect,
        Self::TimeoutFirstByte,
        Self::TimeoutIdle,
        Self::TimeoutTotal,
        Self::ClientError,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::ServerError,
        Self::Reset,
        Self::CutStream,
        Self::MalformedStream,
        Self::ErrorEvent,
        Self::EarlyStop,
        Self::Cancelled,
        Self::WorkerDied,
    ];

    /// The name in files, such as `timeout-first-byte`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::TimeoutConnect => "timeout-connect",
            Self::TimeoutFirstByte => "timeout-first-byte",
            Self::TimeoutIdle => "timeout-idle",
            Self::TimeoutTotal => "timeout-total",
            Self::ClientError => "client-error",
            Self::RateLimited => "rate-limited",
            Self::QuotaExhausted => "quota-exhausted",
            Self::ServerError => "server-error",
            Self::Reset => "reset",
            Self::CutStream => "cut-stream",
            Self::MalformedStream => "malformed-stream",
            Self::ErrorEvent => "error-event",
            Self::EarlyStop => "early-stop",
            Self::Cancelled => "cancelled",
            Self::WorkerDied => "worker-died",
        }
    }
}
