//! A gateway that gives up before the provider behind it.

use super::{Effect, Kind, Replacement, Unsound};
use crate::units::text::{Wait, wait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// 504 or 524 with an HTML body, while the generation is completed and billed:
/// `kind.gateway-timeout = { after = "2s" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayTimeout {
    /// 504 or 524.
    #[serde(default = "gateway_timeout")]
    #[schemars(range(min = 504, max = 524))]
    pub status: u16,
    /// When it comes.
    #[serde(with = "wait")]
    #[schemars(with = "Wait")]
    pub after: Duration,
}

fn gateway_timeout() -> u16 {
    504
}

impl Kind for GatewayTimeout {
    const PLACE: u8 = 100;

    fn check(&self) -> Result<(), Unsound> {
        match self.status {
            504 | 524 => Ok(()),
            status => {
                let what = format!("{status} is no gateway's timeout");
                Err(Unsound { field: "status", what, help: "write 504 or 524" })
            }
        }
    }

    fn words(&self) -> String {
        format!("a gateway's {} while the provider goes on", self.status)
    }

    fn effect(&self) -> Effect {
        Effect::Replace(Replacement::Page(self.status, self.after))
    }

    fn examples() -> Vec<Self> {
        vec![Self { status: 504, after: Duration::from_millis(500) }]
    }
}
