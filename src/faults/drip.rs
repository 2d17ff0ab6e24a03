//! An answer that comes token by token.

use super::{ClientReads, Effect, Kind};
use crate::units::format_duration;
use crate::units::text::{Span, span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Answers whole, but token by token at this pace: `kind.drip = { gap = "500ms" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drip {
    /// Between two tokens.
    #[serde(with = "span")]
    #[schemars(with = "Span")]
    pub gap: Duration,
}

impl Kind for Drip {
    const OF_STREAMS: bool = true;
    const PLACE: u8 = 120;

    fn words(&self) -> String {
        format!("an answer that drips, a token every {}", format_duration(self.gap))
    }

    fn effect(&self) -> Effect {
        Effect::Pace(self.gap)
    }

    fn examples() -> Vec<Self> {
        vec![Self { gap: Duration::from_millis(20) }]
    }

    fn place(reads: ClientReads) -> Option<u8> {
        // No time-out between two reads ends it, and a client that reads no streams sees only a slow answer.
        (reads != ClientReads::Whole).then_some(Self::PLACE)
    }
}
