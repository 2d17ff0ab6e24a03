//! An error status.

use super::{Effect, Kind, Refusal, Unsound};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// This status with the provider's JSON error: `kind.status = { code = 503 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// 400 to 599.
    #[schemars(range(min = 400, max = 599))]
    pub code: u16,
}

impl Kind for Status {
    const PLACE: u8 = 30;

    fn check(&self) -> Result<(), Unsound> {
        match self.code {
            400..=599 => Ok(()),
            code => {
                Err(Unsound { field: "code", what: format!("{code} is no error"), help: "write 400 to 599" })
            }
        }
    }

    fn words(&self) -> String {
        format!("a {}", self.code)
    }

    fn effect(&self) -> Effect {
        Effect::Refuse(Refusal::Status(self.code))
    }

    fn examples() -> Vec<Self> {
        [400, 500, 503, 529].map(|code| Self { code }).into()
    }
}
