//! What `deadheat compare` found: two arms side by side, and what may be concluded from it.

use super::Host;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of a comparison that this build writes and reads.
pub const COMPARISON_VERSION: u32 = 1;

/// Two arms, compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(
    title = "deadheat comparison",
    description = "Whether NEW is slower, wronger or dearer than BASE."
)]
pub struct Compared {
    /// Version of this file, [`COMPARISON_VERSION`].
    pub version: u32,
    /// Version of deadheat that compared.
    pub deadheat: String,
    /// What was compared with, as it was named.
    pub base: String,
    /// What was compared, as it was named.
    pub new: String,
    /// `stored`, `random` or `abba`.
    pub order: String,
    /// Seed of the order and of every pair's runs.
    pub seed: u64,
    /// Pairs that were asked for; 0 when two stored runs are compared.
    pub planned: u64,
    /// The pairs, in the order in which they were made.
    pub pairs: Vec<PairRow>,
    /// One-sided error rate of all timed rows together, over all looks. The level of a row's interval is one
    /// minus this, divided among the looks.
    pub alpha: f64,
    /// After how many pairs it was agreed to look; left out if only at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<u64>,
    /// Effects below this are no regression, as a share; of error rates those below one percentage point.
    pub floor: f64,
    /// What is exact: invariants, counts, tokens, cost, and times by the virtual clock.
    pub exact: Vec<ExactRow>,
    /// What is measured, and differs from run to run.
    pub timed: Vec<TimedRow>,
    /// 0, 3, 4, 6, 7, 8 or 130.
    pub exit_code: u8,
    /// Every reason for an exit code other than 0, most important first.
    pub exit_reasons: Vec<String>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
    /// The machine that compared.
    pub host: Host,
}

/// One pair of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PairRow {
    /// From 1.
    pub number: u64,
    /// Which arm ran first: `base` or `new`.
    pub first: String,
    /// Why neither of its runs counts; `None` if both do.
    pub void: Option<String>,
}

/// How an exact value changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Not at all.
    Same,
    /// For the better.
    Better,
    /// Neither better nor worse.
    Differs,
    /// For the worse, but not to be held against it.
    WithinFloor,
    /// For the worse.
    Worse,
}

/// One exact value of one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExactRow {
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
    /// What it is, such as `attempts`, `billed tokens`, `invariant billed-once`, `ttft p95`.
    pub what: String,
    /// The value of BASE.
    pub base: String,
    /// The value of NEW.
    pub new: String,
    /// How it changed.
    pub change: Change,
}

/// What may be concluded from a measured row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimedVerdict {
    /// Worse, and by no less than the floor.
    Regressed,
    /// Shown to be less than the floor worse.
    Pass,
    /// Neither could be shown.
    Inconclusive,
    /// Not gated; the row says why.
    Advisory,
}

/// One measured value of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimedRow {
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
    /// Such as `ttft.p95` or `error-rate`.
    pub measure: String,
    /// `ms`, `share`, `attempts`, `tokens`, or a currency.
    pub unit: String,
    /// Mean over BASE's runs.
    pub base: f64,
    /// Mean over NEW's runs.
    pub new: f64,
    /// How much more NEW has: a share of BASE for times (the geometric mean over pairs), percentage points
    /// over 100 for shares.
    pub effect: f64,
    /// Lower end of the interval of `effect`, one-sided at the row's level; `None` with too few pairs.
    pub lower: Option<f64>,
    /// Upper end.
    pub upper: Option<f64>,
    /// Pairs that it rests on; 0 if it could not be measured, and all its figures say nothing.
    pub pairs: u64,
    /// Of the exact one-sided sign-flip test; `None` where none was made.
    pub p: Option<f64>,
    /// After Holm's correction over the family.
    pub p_adjusted: Option<f64>,
    /// The smallest effect that four in five such comparisons would call a regression; `None` with fewer
    /// pairs than can call anything one.
    pub detectable: Option<f64>,
    /// What may be concluded.
    pub verdict: TimedVerdict,
    /// Why it was not judged, if it was not.
    pub why: Option<String>,
}
