//! An event that comes twice.

use super::{ClientReads, Effect, Kind, Unsound, share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sends one content event of a stream twice: `kind.duplicate-event = { after = 0.5 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DuplicateEvent {
    /// Share of the tokens sent before, 0 to 1.
    #[serde(default = "share::half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub after: f64,
}

impl Kind for DuplicateEvent {
    const OF_STREAMS: bool = true;
    const PLACE: u8 = 140;

    fn check(&self) -> Result<(), Unsound> {
        share::check(self.after)
    }

    fn words(&self) -> String {
        "a stream with an event that comes twice".to_owned()
    }

    fn effect(&self) -> Effect {
        Effect::RepeatEvent(self.after)
    }

    fn examples() -> Vec<Self> {
        vec![Self { after: 0.5 }]
    }

    fn place(reads: ClientReads) -> Option<u8> {
        (reads == ClientReads::Streams).then_some(Self::PLACE)
    }
}
