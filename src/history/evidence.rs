//! The evidence of one run, loaded compactly: what metrics and invariants fold over.
//!
//! A row keeps what a check needs and nothing on the heap, so that a million attempts fit in memory.
//! Gaps between chunks are folded into histograms while the files are read and are not kept.

use super::{CellEnd, Claim, ErrorClass, JobEnd, JobId, JobKey, LedgerEnd, Outcome, ProgramRun};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh64::xxh64;

/// Facts of a run that stand in no other file: part of the history's last line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Start of the run, whole seconds since 1970 UTC.
    pub started_utc_s: u64,
    /// Length of the run in nanoseconds, drain included; known at its end.
    pub elapsed_ns: u64,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// Whether a budget stopped it.
    pub over_budget: bool,
    /// `timerfd` or `tokio`.
    pub pacer: String,
    /// Engine threads.
    pub threads: u32,
    /// Client connections were made by `direct` or `reqwest`, per target.
    pub transports: Vec<String>,
}

impl Meta {
    /// A run that began then and lasted so long; nothing else is known of it.
    #[must_use]
    pub fn new(started_utc_s: u64, elapsed_ns: u64) -> Self {
        Self { started_utc_s, elapsed_ns, ..Self::default() }
    }
}

/// An [`super::Attempt`] without its strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Whose it was.
    pub job: JobId,
    /// Which attempt, from 1.
    pub n: u32,
    /// HTTP status.
    pub status: Option<u16>,
    /// What the client knows of it.
    pub outcome: Outcome,
    /// Why it did not end well.
    pub error: Option<ErrorClass>,
    /// When it should have been sent.
    pub due_ns: u64,
    /// Just before its first byte was written.
    pub sent_ns: Option<u64>,
    /// First byte of the answer.
    pub first_byte_ns: Option<u64>,
    /// First content.
    pub first_content_ns: Option<u64>,
    /// End.
    pub done_ns: u64,
    /// [`answer_number`] of its id.
    pub answer: Option<u64>,
    /// Digest of its content.
    pub text_hash: Option<u64>,
    /// Prompt tokens the client was told of.
    pub prompt_tokens: Option<u64>,
    /// Completion tokens the client was told of.
    pub completion_tokens: Option<u64>,
    /// Content chunks received.
    pub chunks: u32,
    /// The wait that was asked for.
    pub retry_after_ms: Option<u64>,
}

/// A [`super::Job`] without its strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// Whose result.
    pub job: JobId,
    /// How often it was given to a process.
    pub deliveries: u32,
    /// When it was due.
    pub due_ns: u64,
    /// When the engine began it.
    pub begun_ns: u64,
    /// When the result was recorded.
    pub done_ns: u64,
    /// What the client takes it for.
    pub outcome: Outcome,
    /// How it came to that.
    pub end: JobEnd,
    /// Attempts the client counted.
    pub attempts: u32,
    /// [`answer_number`] of the answer taken.
    pub answer: Option<u64>,
    /// Digest of the text taken.
    pub text_hash: Option<u64>,
    /// Whether it was due in a warm-up.
    pub warmup: bool,
}

/// A [`super::LedgerEntry`] without its strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerRow {
    /// Position of its target in the plan.
    pub target: u16,
    /// Number of arrival at its target.
    pub seq: u64,
    /// Whose job.
    pub job: JobKey,
    /// Which attempt of the job.
    pub attempt: u32,
    /// Status that was sent.
    pub status: Option<u16>,
    /// How it ended.
    pub end: LedgerEnd,
    /// Whether the answer forbade a retry.
    pub permanent: bool,
    /// The request had arrived.
    pub arrived_ns: u64,
    /// Status line handed over.
    pub first_byte_ns: Option<u64>,
    /// First content handed over.
    pub first_content_ns: Option<u64>,
    /// End.
    pub ended_ns: u64,
    /// The generation's nonce, as [`answer_number`].
    pub answer: Option<u64>,
    /// Digest of the content handed over.
    pub text_hash: Option<u64>,
    /// Digest of the request's body.
    pub body_hash: u64,
    /// Digest of the request's `Idempotency-Key`.
    pub idempotency_key: Option<u64>,
    /// Digest of the name of the lock that its client believed to hold.
    pub lock: Option<u64>,
    /// That lock's fencing token.
    pub lock_token: Option<u64>,
    /// Refused because its fencing token was stale.
    pub fenced: bool,
    /// Answered from memory for a repeated `Idempotency-Key`.
    pub replayed: bool,
    /// The wait that the answer asked for.
    pub retry_after_ms: Option<u64>,
    /// Prompt tokens of the request.
    pub prompt_tokens: u64,
    /// Completion tokens handed over.
    pub delivered_tokens: u64,
    /// Prompt tokens charged.
    pub billed_prompt_tokens: u64,
    /// Completion tokens charged.
    pub billed_completion_tokens: u64,
}

/// Everything a run left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Facts of the run.
    pub meta: Meta,
    /// The client's attempts, sorted by job, then number, then `done_ns`.
    pub attempts: Vec<AttemptRow>,
    /// The client's results, sorted by job, then `done_ns`.
    pub jobs: Vec<JobRow>,
    /// The provider's attempts, sorted by job, then attempt, then arrival.
    pub ledger: Vec<LedgerRow>,
    /// The client's totals.
    pub claims: Vec<Claim>,
    /// What each cell was to do and did.
    pub cells: Vec<CellEnd>,
    /// What an external program did, if the client is one.
    pub conduct: Option<Box<ProgramRun>>,
}

/// The number by which an answer is known: the nonce inside its id (`chatcmpl-R-<16 hex>`), or, where a
/// provider has no nonces, a digest of the id.
#[must_use]
pub fn answer_number(id: &str) -> u64 {
    let nonce = id.rsplit_once("R-").map(|(_, hex)| hex).filter(|hex| hex.len() == 16);
    nonce.and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or_else(|| xxh64(id.as_bytes(), 0))
}
