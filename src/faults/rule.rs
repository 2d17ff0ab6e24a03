//! Which attempts a fault strikes.

use super::FaultKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the built-in provider does wrong, and when.
///
/// It is read as files have it, without a check of what its settings mean: see [`FaultRule::check`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "What the built-in provider does wrong, and when.")]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Only at this target (default: at every built-in one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What it does: `kind.rate-limit = { retry_after = "1s" }`.
    pub kind: FaultKind,
    /// To which attempts (default: to the first of every job).
    #[serde(default)]
    pub when: FaultWhen,
}

/// Which attempts a fault strikes; all given conditions must be met.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultWhen {
    /// The last of each group of this many jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub every: Option<u64>,
    /// These jobs, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minItems" = 1), inner(range(min = 0, max = 1_000_000_000)))]
    pub jobs: Option<Vec<u64>>,
    /// These attempts of a job, counted from 1 (default: the first only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minItems" = 1), inner(range(min = 1, max = 1_000_000)))]
    pub attempts: Option<Vec<u32>>,
    /// Each attempt with this probability, 0 to 1, drawn from the seed, the job and the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub probability: Option<f64>,
}

impl FaultRule {
    /// Checks what the types cannot tell.
    ///
    /// # Errors
    /// The first setting that makes no sense, in words.
    pub fn check(&self) -> Result<(), String> {
        let when = &self.when;
        if when.every == Some(0) {
            return Err("when.every must be at least 1".to_owned());
        }
        if when.attempts.iter().flatten().any(|n| *n == 0) {
            return Err("when.attempts are counted from 1".to_owned());
        }
        if when.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err("when.probability must be from 0 to 1".to_owned());
        }
        self.kind.check().map_err(|error| error.to_string())
    }
}
