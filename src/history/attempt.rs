//! The client's record: `history.jsonl.zst`, one event a line.
//!
//! All stamps are whole nanoseconds since the run's epoch, on the clock that the ledger uses too.

use super::{ErrorClass, JobId, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// An attempt has ended.
    Attempt(Box<Attempt>),
    /// The client holds what it takes for the result of a job.
    Job(Job),
    /// A cell has ended.
    CellEnd(CellEnd),
}

impl Event {
    /// When what it tells of was over; a cell's end has no stamp.
    #[must_use]
    pub fn done_ns(&self) -> Option<u64> {
        match self {
            Self::Attempt(attempt) => Some(attempt.done_ns),
            Self::Job(job) => Some(job.done_ns),
            Self::CellEnd(_) => None,
        }
    }
}

/// One HTTP request on the wire, as the client saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Whose it was.
    pub job: JobId,
    /// Which attempt of the job, from 1.
    pub n: u32,
    /// When it should have been sent: the job's due time, or the end of the wait before a retry.
    pub due_ns: u64,
    /// Just before its first byte was written; `None` if none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_ns: Option<u64>,
    /// First byte of the answer (its status line).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ns: Option<u64>,
    /// The bytes that held the first content token arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_content_ns: Option<u64>,
    /// The answer was whole, or given up.
    pub done_ns: u64,
    /// Microseconds between the arrivals of successive content chunks, from the first on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps_us: Vec<u32>,
    /// HTTP status, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the client knows of it.
    pub outcome: Outcome,
    /// Why it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorClass>,
    /// What the error said, shortened to one line; never a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The answer's id, which holds the built-in provider's nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Usage as the provider reported it; `None` if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u64>,
    /// Usage as the provider reported it; `None` if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_tokens: Option<u64>,
    /// xxh64 of the content that arrived, seed 0, as 16 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_hash: Option<String>,
    /// The provider asked for this wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether its job was due in a warm-up: gaps are folded before the job's own line is read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warmup: bool,
}

/// What the client holds for the result of a job: its claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Whose result.
    pub job: JobId,
    /// When the profile wanted it begun.
    pub due_ns: u64,
    /// When the engine began it; the generator's own lateness is the difference.
    pub begun_ns: u64,
    /// When the result was recorded.
    pub done_ns: u64,
    /// What the client takes it for.
    pub outcome: Outcome,
    /// How it came to that.
    pub end: JobEnd,
    /// Attempts the client counted for it.
    pub attempts: u32,
    /// How often it was given to a process: once, and once more each time that one died with it.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub deliveries: u32,
    /// Id of the answer taken for the job's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Digest of the text taken for the job's answer, as in [`Attempt::text_hash`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_hash: Option<String>,
    /// Whether the job was due in a warm-up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warmup: bool,
}

/// A job that no process died with.
pub(super) fn once() -> u32 {
    1
}

fn is_once(deliveries: &u32) -> bool {
    *deliveries == 1
}

/// How a job came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobEnd {
    /// It was answered.
    Answered,
    /// The retry policy allowed no further attempt.
    Exhausted,
    /// The error was permanent.
    Permanent,
    /// The run was stopped or its grace was over.
    Cancelled,
    /// The budget had no room for a further attempt.
    OverBudget,
    /// The retry budget had no room for a further attempt.
    RetryBudget,
}

/// Why planned jobs were not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotIssued {
    /// `on_saturation = "drop"`.
    Dropped,
    /// `on_saturation = "abort"`.
    Aborted,
    /// The profile's time was over before the jobs were.
    TimeUp,
    /// The run was interrupted, or the cell's client was stuck.
    Interrupted,
    /// The budget was reached.
    OverBudget,
}

impl NotIssued {
    /// The name in files, such as `time-up`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Aborted => "aborted",
            Self::TimeUp => "time-up",
            Self::Interrupted => "interrupted",
            Self::OverBudget => "over-budget",
        }
    }
}

/// What a cell was to do and did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellEnd {
    /// Which cell.
    pub cell: u16,
    /// Jobs the profile wanted.
    pub planned: u64,
    /// Jobs begun.
    pub issued: u64,
    /// Jobs not begun, by reason.
    pub not_issued: BTreeMap<NotIssued, u64>,
    /// Time spent making load for the cell, all blocks.
    pub elapsed_ns: u64,
    /// Arrivals offered per second by an open profile, ×1000; `None` for closed ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered_per_1000_s: Option<u64>,
    /// CPU time of the busiest engine thread as parts per million of the elapsed time.
    pub cpu_busiest_ppm: u64,
    /// CPU time of all engine threads.
    pub cpu_ns: u64,
    /// Since when the client was stuck, if the cell was stopped for that: jobs in progress, but nothing in
    /// flight and no job waiting on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck_since_ns: Option<u64>,
}
