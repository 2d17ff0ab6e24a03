//! A request without an answer.

use super::{Effect, Kind, Reads};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Accepts and never answers: `kind.never-answers = {}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeverAnswers {}

impl Kind for NeverAnswers {
    const PLACE: u8 = 130;

    fn words(&self) -> String {
        "no answer at all".to_owned()
    }

    fn effect(&self) -> Effect {
        Effect::Silence
    }

    fn examples() -> Vec<Self> {
        vec![Self {}]
    }

    fn place(reads: Reads) -> Option<u8> {
        match reads {
            // It shows a client that hangs: early, but behind the commonest faults.
            Reads::Whole => Some(15),
            Reads::Unknown | Reads::Streams => Some(Self::PLACE),
        }
    }
}
