//! What happened around a violation, moment by moment: from this a report draws who waited for whom.

use super::Invariant;
use crate::history::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that happened to a job or to one of its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moment {
    /// When, in nanoseconds since the run's epoch.
    pub at_ns: u64,
    /// Whose.
    #[schemars(with = "String")]
    pub job: JobKey,
    /// Which attempt of the job, from 1; 0 if it is the job's own moment.
    pub attempt: u32,
    /// How often this attempt of this job was at the provider before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeat: u32,
    /// What happened.
    pub what: What,
    /// More of it, in few words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// What happened at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The profile wanted the job begun.
    Due,
    /// The client began to send.
    Sent,
    /// The provider had the whole request.
    Arrived,
    /// The schedule holds the answer back from here on.
    Held,
    /// A fault struck it.
    Struck,
    /// The answer may leave.
    Released,
    /// The client saw the first content.
    FirstContent,
    /// The client had the whole answer, or gave it up.
    Done,
    /// The provider had handed the answer over.
    Answered,
    /// The client hung up.
    Left,
    /// The provider cut or reset the answer.
    Cut,
    /// The provider wrote it into its ledger.
    Booked,
    /// The client did something with the job, or holds a result for it.
    Client,
    /// The rule is broken from here on: here the books part.
    Broken,
}

/// The moments around one broken rule of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
    /// Which rule.
    pub invariant: Invariant,
    /// In order.
    pub moments: Vec<Moment>,
}

/// What happened over the time of a run, folded for pictures: bounded, however long the run was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Course {
    /// Length of a step in nanoseconds, at least 1.
    pub step_ns: u64,
    /// Steps, the last one perhaps not whole.
    pub steps: usize,
    /// Per cell, in the plan's order.
    pub cells: Vec<CellCourse>,
    /// Around the first violation of each broken rule, for the first rules that broke.
    pub scenes: Vec<Scene>,
}

/// One cell over time. Every list has an entry per step; warm-ups are in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CellCourse {
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
    /// Jobs that were due.
    pub due: Vec<u64>,
    /// Jobs that were begun.
    pub begun: Vec<u64>,
    /// Jobs that were answered.
    pub answered: Vec<u64>,
    /// Most attempts in flight at once, by the client.
    pub in_flight: Vec<u64>,
    /// Median time to first token of the streams that began to answer, in nanoseconds; `None` if none did.
    pub ttft_p50_ns: Vec<Option<u64>>,
    /// The longest of them.
    pub ttft_max_ns: Vec<Option<u64>>,
    /// Attempts that did not end well, 429 apart.
    pub errors: Vec<u64>,
    /// Attempts that were answered with 429.
    pub limited: Vec<u64>,
}
