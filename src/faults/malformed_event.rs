//! An event that is not JSON.

use super::{Effect, Ending, Kind, Unsound, share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stream whose middle event is no JSON, and which then ends as if it were whole; billed:
/// `kind.malformed-event = { after = 0.5 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MalformedEvent {
    /// Share of the tokens sent before, 0 to 1; what would follow is never sent.
    #[serde(default = "share::half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub after: f64,
}

impl Kind for MalformedEvent {
    const OF_STREAMS: bool = true;
    const PLACE: u8 = 80;

    fn check(&self) -> Result<(), Unsound> {
        share::check(self.after)
    }

    fn words(&self) -> String {
        "a stream with an event that is no JSON".to_owned()
    }

    fn effect(&self) -> Effect {
        Effect::End(Ending::Malformed, self.after)
    }

    fn examples() -> Vec<Self> {
        vec![Self { after: 0.5 }]
    }
}
