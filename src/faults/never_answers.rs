//! A request without an answer.

use super::{ClientReads, Effect, Kind};
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

    fn place(reads: ClientReads) -> Option<u8> {
        match reads {
            // It shows a client that hangs: early, but behind the commonest faults.
            ClientReads::Whole => Some(15),
            ClientReads::Unknown | ClientReads::Streams => Some(Self::PLACE),
        }
    }
}
