//! A stream that ends without its terminator.

use super::{Effect, Ending, Kind, Unsound, share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ends the stream cleanly without a terminator; billed: `kind.cut-stream = { after = 0.5 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CutStream {
    /// Share of the tokens sent before, 0 to 1.
    #[serde(default = "share::half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub after: f64,
}

impl Kind for CutStream {
    const OF_STREAMS: bool = true;
    const PLACE: u8 = 50;

    fn check(&self) -> Result<(), Unsound> {
        share::check(self.after)
    }

    fn words(&self) -> String {
        "a stream that ends without its terminator".to_owned()
    }

    fn effect(&self) -> Effect {
        Effect::End(Ending::Cut, self.after)
    }

    fn examples() -> Vec<Self> {
        vec![Self { after: 0.5 }]
    }
}
