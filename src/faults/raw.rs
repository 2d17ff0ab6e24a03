//! `[[fault]]`.

use crate::units::text::{Span, Wait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the built-in provider does wrong, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultRule {
    /// Only at this target (default: at every built-in one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// What it does: `kind.rate-limit = { retry_after = "1s" }`.
    pub(crate) kind: FaultKind,
    /// To which attempts (default: to the first of every job).
    #[serde(default)]
    pub(crate) when: FaultWhen,
}

/// What the built-in provider does wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum FaultKind {
    /// 429 with a hint: `kind.rate-limit = { retry_after = "1s", hint = "seconds" }`.
    RateLimit {
        /// How long it asks to wait (default: no hint).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<Wait>,
        /// In which form it says so.
        #[serde(default)]
        hint: HintForm,
    },
    /// 429 `insufficient_quota`, never to be retried: `kind.quota-exhausted = {}`.
    QuotaExhausted {},
    /// This status with the provider's JSON error: `kind.status = { code = 503 }`.
    Status {
        /// 400 to 599.
        #[schemars(range(min = 400, max = 599))]
        code: u16,
    },
    /// Answers whole, but late; billed: `kind.slow = { by = "5s" }`.
    Slow {
        /// How much later the first token comes.
        by: Span,
    },
    /// Reads the request, bills it, resets the connection: `kind.reset-after-accept = {}`.
    ResetAfterAccept {},
    /// Ends the stream cleanly without a terminator; billed: `kind.cut-stream = { after = 0.5 }`.
    CutStream {
        /// Share of the tokens sent before, 0 to 1.
        #[serde(default = "half")]
        #[schemars(range(min = 0.0, max = 1.0))]
        after: f64,
    },
    /// Resets the connection inside a chunk; billed: `kind.reset-mid-stream = { after = 0.5 }`.
    ResetMidStream {
        /// Share of the tokens sent before, 0 to 1.
        #[serde(default = "half")]
        #[schemars(range(min = 0.0, max = 1.0))]
        after: f64,
    },
    /// 200, then an error event in the stream: `kind.error-event = { after = 0.0 }`.
    ErrorEvent {
        /// Share of the tokens sent before, 0 to 1; 0 is the first event.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        after: f64,
    },
    /// A stream whose middle event is no JSON, and which then ends as if it were whole; billed:
    /// `kind.malformed-event = { after = 0.5 }`.
    MalformedEvent {
        /// Share of the tokens sent before, 0 to 1; what would follow is never sent.
        #[serde(default = "half")]
        #[schemars(range(min = 0.0, max = 1.0))]
        after: f64,
    },
    /// Sends one content event of a stream twice: `kind.duplicate-event = { after = 0.5 }`.
    DuplicateEvent {
        /// Share of the tokens sent before, 0 to 1.
        #[serde(default = "half")]
        #[schemars(range(min = 0.0, max = 1.0))]
        after: f64,
    },
    /// Reports the usage of a stream twice, first half of it: `kind.duplicate-usage = {}`.
    DuplicateUsage {},
    /// Answers whole, but token by token at this pace: `kind.drip = { gap = "500ms" }`.
    Drip {
        /// Between two tokens.
        gap: Span,
    },
    /// Accepts and never answers: `kind.never-answers = {}`.
    NeverAnswers {},
    /// 504 or 524 with an HTML body, while the generation is completed and billed:
    /// `kind.gateway-timeout = { after = "2s" }`.
    GatewayTimeout {
        /// 504 or 524.
        #[serde(default = "gateway_timeout")]
        #[schemars(range(min = 504, max = 524))]
        status: u16,
        /// When it comes.
        after: Wait,
    },
}

/// The form in which a 429 says how long to wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HintForm {
    /// `retry-after: 2`
    #[default]
    Seconds,
    /// `retry-after: Wed, 21 Oct 2015 07:28:00 GMT`
    Date,
    /// `retry-after-ms: 1500`
    Milliseconds,
    /// Only in the error's text.
    Text,
}

/// Which attempts a fault strikes; all given conditions must be met.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultWhen {
    /// The last of each group of this many jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(crate) every: Option<u64>,
    /// These jobs, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minItems" = 1), inner(range(min = 0, max = 1_000_000_000)))]
    pub(crate) jobs: Option<Vec<u64>>,
    /// These attempts of a job, counted from 1 (default: the first only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minItems" = 1), inner(range(min = 1, max = 1_000_000)))]
    pub(crate) attempts: Option<Vec<u32>>,
    /// Each attempt with this probability, 0 to 1, drawn from the seed, the job and the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) probability: Option<f64>,
}

fn half() -> f64 {
    0.5
}

fn gateway_timeout() -> u16 {
    504
}
