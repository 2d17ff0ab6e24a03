//! The faults that the built-in provider commits: their form in files, their names, and which attempts they strike.

mod form;
mod raw;

pub use form::FaultForm;
pub(crate) use raw::{FaultKind as RawFaultKind, FaultRule as RawFaultRule};

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the built-in provider does wrong, and when. Its serde form is that of the scenario file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "raw::FaultRule", into = "raw::FaultRule")]
pub struct FaultRule {
    /// What it does.
    pub kind: FaultKind,
    /// To which attempts.
    pub when: FaultWhen,
    /// Only at this target; `None` is at every built-in one.
    pub target: Option<String>,
}

/// Which (job, attempt) pairs a fault strikes. All given conditions must be met.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultWhen {
    /// Jobs whose index is a multiple of this (the last of each group: `index % every == every - 1`).
    pub every: Option<u64>,
    /// These job indexes.
    pub jobs: Option<Vec<u64>>,
    /// These attempts, counted from 1; `None` is the first only.
    pub attempts: Option<Vec<u32>>,
    /// Each pair with this probability, drawn from the seed and the pair.
    pub probability: Option<f64>,
}

/// What the built-in provider does wrong. Its serde form is that of the scenario file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "raw::FaultKind", into = "raw::FaultKind")]
pub enum FaultKind {
    /// 429 with a hint.
    RateLimit {
        /// How long it asks to wait; `None` sends no hint.
        retry_after: Option<Duration>,
        /// In which form.
        hint: HintForm,
    },
    /// 429 `insufficient_quota`: never to be retried.
    QuotaExhausted,
    /// This 4xx or 5xx status with the provider's JSON error: 400, 401, 403, 404, 500, 503, 529, …
    Status(u16),
    /// Answers whole, but its first token comes this much later; billed.
    Slow(Duration),
    /// Reads the request, bills it, resets the connection.
    ResetAfterAccept,
    /// Ends the stream cleanly after this share of its tokens, without a terminator; billed.
    CutStream {
        /// Share of the tokens sent before, 0 to 1.
        after: f64,
    },
    /// Resets the connection inside a chunk after this share of its tokens; billed.
    ResetMidStream {
        /// Share of the tokens sent before, 0 to 1.
        after: f64,
    },
    /// 200, then an error event as the first or a middle event.
    ErrorEvent {
        /// Share of the tokens sent before, 0 to 1; 0 is first.
        after: f64,
    },
    /// A stream with an event that is no JSON after this share of its tokens; then it ends as if it were whole,
    /// without the rest. Billed.
    MalformedEvent {
        /// Share of the tokens sent before, 0 to 1.
        after: f64,
    },
    /// Sends the content event of a stream that comes after this share of its tokens twice.
    DuplicateEvent {
        /// Share of the tokens sent before, 0 to 1.
        after: f64,
    },
    /// Reports the usage of a stream twice, as providers do that count as they go: half of it, then all.
    DuplicateUsage,
    /// Answers whole, but with this much time between two tokens: no time-out between reads ever strikes.
    Drip(Duration),
    /// Accepts and never answers.
    NeverAnswers,
    /// 504 or 524 with an HTML body after this delay, while the generation is completed and billed.
    GatewayTimeout {
        /// 504 or 524.
        status: u16,
        /// When it comes.
        after: Duration,
    },
}

/// The form in which a 429 says how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintForm {
    /// `retry-after: 2`
    Seconds,
    /// `retry-after: Wed, 21 Oct 2015 07:28:00 GMT`
    Date,
    /// `retry-after-ms: 1500`
    Milliseconds,
    /// Only in the error's text: "Please try again in 1.5s".
    Text,
}
