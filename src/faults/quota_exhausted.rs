//! A 429 whose quota is gone.

use super::{Effect, Kind, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// 429 `insufficient_quota`, never to be retried: `kind.quota-exhausted = {}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaExhausted {}

impl Kind for QuotaExhausted {
    const PLACE: u8 = 20;

    fn words(&self) -> String {
        "an exhausted quota".to_owned()
    }

    fn effect(&self) -> Effect {
        Effect::Refuse(Refusal::QuotaExhausted)
    }

    fn examples() -> Vec<Self> {
        vec![Self {}]
    }
}
