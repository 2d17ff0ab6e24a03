//! The scenario file as TOML has it: closed types, from which the JSON Schema is generated.
//!
//! The doc comments of fields become the schema's descriptions. Nothing is checked here beyond a value's
//! form.

mod cost;
mod named;
mod profile;
mod rules;
mod strategy;
mod target;

pub(super) use cost::{Cost, Fx};
pub(super) use named::{Kinds, Named};
pub(super) use profile::{Arrivals, OnSaturation, Profile};
pub(super) use rules::{Budget, Declared, Fidelity, Slo, ThresholdLine, Timeouts};
pub(super) use strategy::{Nemesis, NemesisKind, Optimise};
pub(super) use target::{Dist, Latency, Limits, Price, Target, Tokens, Workload};

use crate::faults::FaultRule;
use crate::strategy::{Retry, StrategyPlan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the scenario file that this build reads.
pub(super) const VERSION: u32 = 1;

/// What to run: targets, workload, profiles, strategies, faults, thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "deadheat scenario")]
pub(super) struct Scenario {
    /// Version of this file's format.
    #[schemars(extend("const" = 1))]
    pub(super) version: u32,
    /// What the run is called; part of its directory's name.
    #[schemars(extend("format" = "deadheat-name"))]
    pub(super) name: String,
    /// What to try next: the last line of the report of a run that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    /// Seeds every random draw of the run: the same seed gives the same load and the same faults.
    #[serde(default = "default_seed")]
    #[schemars(range(max = 9_223_372_036_854_775_807_i64))]
    pub(super) seed: u64,
    /// The clock that the run lives on.
    #[serde(default)]
    pub(super) clock: Clock,
    /// By what the report ranks strategies.
    #[serde(default)]
    pub(super) optimise: Optimise,
    /// Into how many blocks each cell (target x strategy) is cut when cells are interleaved (default: 1 for a
    /// single cell, else 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub(super) blocks: Option<u32>,
    /// Run this one of the `blocks` only, from 1 on: a short part of the load that stands for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub(super) only_block: Option<u32>,
    /// Engine threads (default: half of the processors if a target is built in, else all; 8 at the most).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 256))]
    pub(super) threads: Option<u32>,
    /// The targets, one table each: `[target.NAME]`. Without `url` it is the built-in provider.
    #[schemars(extend("minProperties" = 1))]
    pub(super) target: Named<Target>,
    /// Which jobs there are.
    #[serde(default)]
    pub(super) workload: Workload,
    /// When jobs are due: `[profile.constant-vus]` and its siblings; several may stand side by side.
    #[schemars(extend("minProperties" = 1))]
    pub(super) profile: Kinds<Profile>,
    /// How a client turns jobs into attempts: `[strategy.semaphore]` and its siblings (default: `unbounded`).
    #[serde(default)]
    pub(super) strategy: Kinds<StrategyPlan>,
    /// What goes wrong around a client that holds a lock: `[[nemesis]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) nemesis: Vec<Nemesis>,
    /// When an attempt is repeated. Without this table every job has one attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retry: Option<Retry>,
    /// When an attempt is given up.
    #[serde(default)]
    pub(super) timeouts: Timeouts,
    /// What the built-in provider does wrong, first match first: `[[fault]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) fault: Vec<FaultRule>,
    /// What the run must reach: `"ttft" = ["p(99) < 1500ms"]`, `"error_rate{target=mock}" = ["rate < 1%"]`.
    #[serde(default)]
    pub(super) thresholds: Named<Vec<ThresholdLine>>,
    /// What the run may spend; obligatory with a `url` target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) budget: Option<Budget>,
    /// In which currency costs are compared, at which rates of exchange.
    #[serde(default, skip_serializing_if = "Cost::is_blank")]
    pub(super) cost: Cost,
    /// What the client promises, so that it can be judged.
    #[serde(default)]
    pub(super) declared: Declared,
    /// Which answers count as good.
    #[serde(default)]
    pub(super) slo: Slo,
    /// What the measurement itself must reach; beyond it the run is invalid.
    #[serde(default)]
    pub(super) fidelity: Fidelity,
}

fn default_seed() -> u64 {
    42
}

/// The clock that a run lives on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Clock {
    /// The machine's clock, over sockets.
    #[default]
    Real,
    /// A clock that jumps from event to event: built-in targets only, no sockets, one seed gives one result.
    Virtual,
}
