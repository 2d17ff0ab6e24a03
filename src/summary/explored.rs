//! What a hunt for schedules found, and how far it looked: `summary.json`'s `findings` and `explored`.

use super::{Invariant, Moment};
use crate::history::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What stands for the strategy's name where the client is an external program.
pub const PROGRAM: &str = "program";

/// One broken invariant with the smallest schedule that shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingRow {
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
    /// Which rule.
    pub invariant: Invariant,
    /// One sentence: what was done to the client, and what that made it do.
    pub cause: String,
    /// The jobs involved.
    #[schemars(with = "Vec<String>")]
    pub jobs: Vec<JobKey>,
    /// With how many jobs it shows; `None` if only all of them do.
    pub jobs_needed: Option<u64>,
    /// The schedule, as the TOML in which schedules are written.
    pub schedule: String,
    /// Holds, then faults of the schedule, those around locks included.
    pub size: [u64; 2],
    /// How often it broke under this schedule, of how many runs.
    pub reproduced: [u32; 2],
    /// How often it broke without the schedule's holds, faults and order, of how many runs.
    pub without: [u32; 2],
    /// Which family of schedules found it.
    pub family: String,
    /// How many schedules were run until it was found, that one included.
    pub schedules_to_find: u64,
    /// The command that shows it again.
    pub replay: String,
    /// What happened, one column a job, with the ledger's column at the right; a line each.
    pub table: Vec<String>,
    /// The same, moment by moment, for a picture; of a long story only the beginning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moments: Vec<Moment>,
}

/// A program that was audited, over all its runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProgramRow {
    /// Its command line, without secrets.
    pub command: Vec<String>,
    /// How its processes ended, and how many did: `exit 0`, `signal 9`, `stopped`.
    pub ends: BTreeMap<String, u64>,
    /// How long a run took, its start included: the median.
    pub run_p50_ms: u64,
    /// From the start of the audit to the first finding, before it was shrunk; `None` without one.
    pub first_finding_ms: Option<u64>,
    /// What makes the verdicts worth less than they look, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What was explored of one cell, of how much.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExploredRow {
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
    /// Requests that a calm run makes.
    pub requests: u64,
    /// Schedules run, calibration included.
    pub schedules: u64,
    /// Runs made in all: schedules, shrinking, reproduction.
    pub runs: u64,
    /// The families of schedules, in the order in which they were run.
    pub families: Vec<FamilyRow>,
    /// Schedules of which a hold could not be met.
    pub infeasible: u64,
    /// Schedules that named a request that never came.
    pub unseen: u64,
    /// Requests that came after the gate had already gone on, and those of which it can be told.
    pub late: [u64; 2],
    /// Requests that did not come in every calm run: what is said of them cannot be repeated exactly.
    pub unstable: Vec<String>,
    /// Invariants that were looked at in at least one run and held in all.
    pub held: Vec<Invariant>,
    /// Invariants for which no run had anything to judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub idle: Vec<Invariant>,
    /// Invariants of which no run could tell, and why.
    #[schemars(with = "BTreeMap<String, String>")]
    pub unknown: BTreeMap<String, String>,
    /// Schedules beyond a finding's own that broke the same invariant.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub again: BTreeMap<String, u64>,
    /// What this hunt does not speak of, a sentence each.
    pub not_covered: Vec<String>,
    /// The program, if it is one that was audited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramRow>,
    /// Random orders that broke nothing, if all were clean: of an order bug, a probability above three
    /// divided by this is excluded at 95 %.
    pub clean_orders: Option<u64>,
    /// Why the hunt ended before its budget, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// How much of one family of schedules was run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FamilyRow {
    /// `calm`, `hold-one`, `pair`, `burst`, `reverse`, `barrier`, `wave`, `lock`, `fault`, `random`, `lanes`,
    /// `perturb`.
    pub family: String,
    /// Schedules that were run and came about.
    pub tried: u64,
    /// Schedules that were run and of which a hold could not be met.
    #[serde(default)]
    pub unmet: u64,
    /// Schedules that the family has; `None` if it has no end.
    pub of: Option<u64>,
    /// Schedules that were left out because they cannot happen.
    pub infeasible: u64,
    /// Schedules that were left out because every run obeys them anyway.
    pub vacuous: u64,
    /// Schedules that broke something.
    pub broke: u64,
}

impl ExploredRow {
    /// The least probability per schedule that the clean random orders exclude at 95 % (rule of three).
    #[must_use]
    pub fn excluded(&self) -> Option<f64> {
        self.clean_orders.filter(|n| *n >= 3).map(|n| 3.0 / n as f64)
    }

    /// Schedules that were orders of all requests: those in which an arrival can be late.
    #[must_use]
    pub fn ordered(&self) -> u64 {
        let orders = ["burst", "reverse", "random", "lanes"];
        self.families.iter().filter(|row| orders.contains(&row.family.as_str())).map(|row| row.tried).sum()
    }

    /// The share of requests that came too late, 0 to 1; `None` if it cannot be told of any.
    #[must_use]
    pub fn late_share(&self) -> Option<f64> {
        let [late, of] = self.late;
        (of > 0).then(|| late as f64 / of as f64)
    }
}
