//! The faults that the built-in provider commits on purpose.
//!
//! One file for each kind: its settings as files have them, the checks of those, its words, what it does to a
//! response, and its place in a hunt. The table below names them; the provider knows only their [`Effect`]s.

mod cut_stream;
mod drip;
mod duplicate_event;
mod duplicate_usage;
mod error_event;
mod gateway_timeout;
mod malformed_event;
mod never_answers;
mod quota_exhausted;
mod rate_limit;
mod reset_after_accept;
mod reset_mid_stream;
mod rule;
mod share;
mod slow;
mod status;
mod table;

pub use rate_limit::HintForm;
#[doc(hidden)]
pub use rule::{FaultRule, FaultWhen};

use std::time::Duration;

table::fault_kinds! {
    "rate-limit" => rate_limit::RateLimit,
    "quota-exhausted" => quota_exhausted::QuotaExhausted,
    "status" => status::Status,
    "slow" => slow::Slow,
    "reset-after-accept" => reset_after_accept::ResetAfterAccept,
    "cut-stream" => cut_stream::CutStream,
    "reset-mid-stream" => reset_mid_stream::ResetMidStream,
    "error-event" => error_event::ErrorEvent,
    "malformed-event" => malformed_event::MalformedEvent,
    "duplicate-event" => duplicate_event::DuplicateEvent,
    "duplicate-usage" => duplicate_usage::DuplicateUsage,
    "drip" => drip::Drip,
    "never-answers" => never_answers::NeverAnswers,
    "gateway-timeout" => gateway_timeout::GatewayTimeout,
}

/// What a kind of fault says of itself.
trait Kind: Sized {
    /// Whether it shows mostly in streams.
    const OF_STREAMS: bool = false;
    /// Where a hunt tries it: lower places come first.
    const PLACE: u8;

    /// What the schema of the file cannot tell.
    fn check(&self) -> Result<(), Unsound> {
        Ok(())
    }

    /// What it does to a request, with its article.
    fn words(&self) -> String;

    /// What it does to a response.
    fn effect(&self) -> Effect;

    /// What a hunt tries, in this order; at least one.
    fn examples() -> Vec<Self>;

    /// Where a hunt tries it with a client of this kind; `None` is nowhere.
    fn place(_: ClientReads) -> Option<u8> {
        Some(Self::PLACE)
    }
}

impl FaultKind {
    /// What a hunt tries with a client of this kind, in order.
    #[doc(hidden)]
    #[must_use]
    pub fn tried(reads: ClientReads) -> Vec<Self> {
        let placed = Self::all().into_iter().filter_map(|kind| Some((kind.place(reads)?, kind)));
        let mut placed: Vec<(u8, Self)> = placed.collect();
        placed.sort_by_key(|(place, _)| *place);
        placed.into_iter().map(|(_, kind)| kind).collect()
    }
}

/// What is known of the client whose faults are chosen.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientReads {
    /// Nothing.
    Unknown,
    /// It reads streams.
    Streams,
    /// It reads no streams.
    Whole,
}

/// How a fault changes a response.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// An error comes instead of an answer. Nothing is generated.
    Refuse(Refusal),
    /// Nothing ever comes. Nothing is generated.
    Silence,
    /// The answer is generated and billed, but something else is sent.
    Replace(Replacement),
    /// The first token comes this much later. The answer is billed whole, even if its client leaves.
    Delay(Duration),
    /// The tokens come one by one, with this much time between two.
    Pace(Duration),
    /// The answer ends early, behind this share of its tokens.
    End(Ending, f64),
    /// The content event behind this share of the tokens comes twice.
    RepeatEvent(f64),
    /// The usage comes twice: half of it, then all.
    RepeatUsage,
}

/// The error that comes instead of an answer.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 429, and how long to wait before the next attempt.
    RateLimit(Option<Duration>, HintForm),
    /// 429 that is never to be retried.
    QuotaExhausted,
    /// This status with the provider's error body.
    Status(u16),
}

/// What is sent instead of an answer that is billed.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// A reset, at once.
    Reset,
    /// A gateway's page with this status, this much later.
    Page(u16, Duration),
}

/// How an answer ends early.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Cleanly, without a terminator; a body that is not streamed is shorter than its length.
    Cut,
    /// By a reset of the connection inside a chunk.
    Reset,
    /// By an error inside a 200.
    Error,
    /// As if it were whole, behind something that is not JSON.
    Malformed,
}

/// A setting of a fault that makes no sense.
struct Unsound {
    field: &'static str,
    what: String,
    help: &'static str,
}

/// A fault whose settings make no sense.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {what}: {help}")]
pub struct FaultError {
    /// The fault's name in the file.
    pub kind: &'static str,
    /// The setting.
    pub field: &'static str,
    /// What is wrong with it.
    pub what: String,
    /// What to write instead.
    pub help: &'static str,
}
