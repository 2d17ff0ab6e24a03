//! A usage that is reported twice.

use super::{ClientReads, Effect, Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Reports the usage of a stream twice, first half of it: `kind.duplicate-usage = {}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DuplicateUsage {}

impl Kind for DuplicateUsage {
    const OF_STREAMS: bool = true;
    const PLACE: u8 = 90;

    fn words(&self) -> String {
        "a usage that is reported twice".to_owned()
    }

    fn effect(&self) -> Effect {
        Effect::RepeatUsage
    }

    fn examples() -> Vec<Self> {
        vec![Self {}]
    }

    fn place(reads: ClientReads) -> Option<u8> {
        match reads {
            ClientReads::Unknown => Some(Self::PLACE),
            // Few programs were ever tried with it.
            ClientReads::Streams => Some(0),
            ClientReads::Whole => None,
        }
    }
}
