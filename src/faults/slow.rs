//! A late answer.

use super::{Effect, Kind};
use crate::units::format_duration;
use crate::units::text::{Span, span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Answers whole, but late; billed: `kind.slow = { by = "5s" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// How much later the first token comes.
    #[serde(with = "span")]
    #[schemars(with = "Span")]
    pub by: Duration,
}

impl Kind for Slow {
    const PLACE: u8 = 110;

    fn words(&self) -> String {
        format!("an answer that is {} late", format_duration(self.by))
    }

    fn effect(&self) -> Effect {
        Effect::Delay(self.by)
    }

    fn examples() -> Vec<Self> {
        vec![Self { by: Duration::from_secs(1) }]
    }
}
