//! A reset inside an answer.

use super::{Effect, Ending, Kind, Unsound, share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Resets the connection inside a chunk; billed: `kind.reset-mid-stream = { after = 0.5 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetMidStream {
    /// Share of the tokens sent before, 0 to 1.
    #[serde(default = "share::half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub after: f64,
}

impl Kind for ResetMidStream {
    const OF_STREAMS: bool = true;
    const PLACE: u8 = 60;

    fn check(&self) -> Result<(), Unsound> {
        share::check(self.after)
    }

    fn words(&self) -> String {
        "a reset in the middle of the stream".to_owned()
    }

    fn effect(&self) -> Effect {
        Effect::End(Ending::Reset, self.after)
    }

    fn examples() -> Vec<Self> {
        vec![Self { after: 0.5 }]
    }
}
