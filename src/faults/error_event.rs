//! An error inside a 200.

use super::{Effect, Ending, Kind, Unsound, share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// 200, then an error event in the stream: `kind.error-event = { after = 0.0 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorEvent {
    /// Share of the tokens sent before, 0 to 1; 0 is the first event.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub after: f64,
}

impl Kind for ErrorEvent {
    const OF_STREAMS: bool = true;
    const PLACE: u8 = 70;

    fn check(&self) -> Result<(), Unsound> {
        share::check(self.after)
    }

    fn words(&self) -> String {
        "an error inside a 200".to_owned()
    }

    fn effect(&self) -> Effect {
        Effect::End(Ending::Error, self.after)
    }

    fn examples() -> Vec<Self> {
        vec![Self { after: 0.0 }, Self { after: 0.5 }]
    }
}
