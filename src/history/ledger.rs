//! The provider's record: `ledger.jsonl.zst`, one attempt a line.

use super::JobKey;
use serde::{Deserialize, Serialize};

/// One attempt as the built-in provider saw it. Stamps are on the run's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Which target's ledger.
    pub target: String,
    /// Number of arrival at this target, from 1.
    pub seq: u64,
    /// Whose job.
    pub job: JobKey,
    /// Which attempt of the job: what the client said, else how often the job was seen.
    pub attempt: u32,
    /// `x-request-id` of the answer.
    pub request_id: String,
    /// The generation's nonce, `R-` and 16 hex digits; `None` if nothing was generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The whole request had arrived.
    pub arrived_ns: u64,
    /// The status line was handed to the socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ns: Option<u64>,
    /// The first content token was handed to the socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_content_ns: Option<u64>,
    /// The attempt ended, by either side.
    pub ended_ns: u64,
    /// Microseconds between successive content chunks, from the first on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps_us: Vec<u32>,
    /// HTTP status that was sent, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How it ended.
    pub end: LedgerEnd,
    /// Name of the fault that struck it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Whether the answer told the client never to come again with this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permanent: bool,
    /// The wait that the answer asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Prompt tokens of the request.
    pub prompt_tokens: u64,
    /// Completion tokens handed to the client.
    pub delivered_tokens: u64,
    /// Prompt tokens charged.
    pub billed_prompt_tokens: u64,
    /// Completion tokens charged.
    pub billed_completion_tokens: u64,
    /// xxh64 of the content handed to the client, seed 0, 16 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_hash: Option<String>,
    /// xxh64 of the request's body, 16 hex digits: tells a repeated request from a re-ask.
    pub body_hash: String,
    /// `Idempotency-Key` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// `x-stainless-retry-count` of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdk_retry: Option<u32>,
    /// `x-deadheat-lock` of the request: the lock that its client believes to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// `x-deadheat-lock-token` of the request, else its `x-fencing-token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_token: Option<u64>,
    /// Refused because its fencing token was stale.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fenced: bool,
    /// Answered from memory, because its `Idempotency-Key` had been here: nothing was generated for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
}

impl LedgerEntry {
    /// Whether anything was charged for it.
    #[must_use]
    pub fn billed(&self) -> bool {
        self.billed_prompt_tokens > 0 || self.billed_completion_tokens > 0
    }
}

/// How an attempt ended, as the provider saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LedgerEnd {
    /// A whole answer was handed to the client.
    Whole,
    /// An error answer was handed to the client.
    Refused,
    /// The provider cut the answer, or put an error into it.
    Cut,
    /// The provider reset the connection.
    Reset,
    /// The client went away first.
    ClientClosed,
    /// Still open when the ledger was closed.
    Open,
}
