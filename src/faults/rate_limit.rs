//! A 429 with a hint.

use super::{Effect, Kind, Refusal};
use crate::units::format_duration;
use crate::units::text::{Wait, wait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// 429 with a hint: `kind.rate-limit = { retry_after = "1s", hint = "seconds" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How long it asks to wait (default: no hint).
    #[serde(default, with = "wait::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Wait>")]
    pub retry_after: Option<Duration>,
    /// In which form it says so.
    #[serde(default)]
    pub hint: HintForm,
}

/// The form in which a 429 says how long to wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HintForm {
    /// `retry-after: 2`
    #[default]
    Seconds,
    /// `retry-after: Wed, 21 Oct 2015 07:28:00 GMT`
    Date,
    /// `retry-after-ms: 1500`
    Milliseconds,
    /// Only in the error's text.
    Text,
}

impl Kind for RateLimit {
    const PLACE: u8 = 10;

    fn words(&self) -> String {
        match self.retry_after {
            Some(wait) => format!("a 429 that asks to wait {}", format_duration(wait)),
            None => "a 429 without a hint".to_owned(),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Refuse(Refusal::RateLimit(self.retry_after, self.hint))
    }

    fn examples() -> Vec<Self> {
        let limit = |retry_after, hint| Self { retry_after, hint };
        vec![
            limit(Some(Duration::from_secs(1)), HintForm::Seconds),
            limit(Some(Duration::from_millis(700)), HintForm::Milliseconds),
            limit(None, HintForm::Seconds),
        ]
    }
}
