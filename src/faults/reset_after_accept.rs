//! A reset instead of an answer that is billed.

use super::{Effect, Kind, Replacement};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Reads the request, bills it, resets the connection: `kind.reset-after-accept = {}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetAfterAccept {}

impl Kind for ResetAfterAccept {
    const PLACE: u8 = 40;

    fn words(&self) -> String {
        "a reset after the request was accepted".to_owned()
    }

    fn effect(&self) -> Effect {
        Effect::Replace(Replacement::Reset)
    }

    fn examples() -> Vec<Self> {
        vec![Self {}]
    }
}
