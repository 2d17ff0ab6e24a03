//! `[profile.<executor>]`, with k6's field names in snake_case.

use crate::units::text::{Span, Wait};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The shape of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum Profile {
    /// `vus` workers, each with one job at a time.
    ConstantVus(ConstantVus),
    /// A number of workers that follows stages.
    RampingVus(RampingVus),
    /// A number of jobs shared among workers.
    SharedIterations(SharedIterations),
    /// A number of jobs for each worker.
    PerVuIterations(PerVuIterations),
    /// Arrivals at a constant rate, whether or not answers come.
    ConstantArrivalRate(ConstantArrivalRate),
    /// Arrivals at a rate that follows stages.
    RampingArrivalRate(RampingArrivalRate),
    /// Groups of jobs released at the same moment.
    Barrier(Barrier),
}

/// When a phase begins and ends, whatever its executor.
#[derive(Debug, Clone, Copy)]
pub(in crate::scenario) struct Timing {
    pub(in crate::scenario) start_time: Wait,
    pub(in crate::scenario) warmup: Wait,
    pub(in crate::scenario) graceful_stop: Wait,
}

/// Declares an executor's table: its own fields, then those that all executors share. `serde(flatten)` would
/// share them with less text, but its errors have no place in the file.
macro_rules! executor {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(in crate::scenario) struct $name {
            $($(#[$field_meta])* pub(in crate::scenario) $field: $type,)*
            /// Offset of the start from the start of the load.
            #[serde(default = "no_wait")]
            pub(in crate::scenario) start_time: Wait,
            /// Jobs due in this first part are left out of metrics and thresholds.
            #[serde(default = "no_wait")]
            pub(in crate::scenario) warmup: Wait,
            /// How long jobs in progress may go on after the end before they are cancelled.
            #[serde(default = "default_graceful_stop")]
            pub(in crate::scenario) graceful_stop: Wait,
        }

        impl $name {
            fn timing(&self) -> Timing {
                Timing { start_time: self.start_time, warmup: self.warmup, graceful_stop: self.graceful_stop }
            }
        }
    };
}

executor! {
    /// `vus` workers, each with one job at a time.
    ConstantVus {
        /// Workers.
        #[schemars(range(min = 1, max = 1_000_000))]
        vus: u32,
        /// When no more jobs are begun (default: when `workload.jobs` are used up).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration: Option<Span>,
    }
}

executor! {
    /// A number of workers that follows stages.
    RampingVus {
        /// Workers at the start.
        #[serde(default = "one")]
        #[schemars(range(min = 0, max = 1_000_000))]
        start_vus: u32,
        /// Where the number goes from there: `[{ duration = "30s", target = 50 }]`.
        #[schemars(extend("minItems" = 1))]
        stages: Vec<Stage>,
    }
}

executor! {
    /// A number of jobs shared among workers.
    SharedIterations {
        /// Workers.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = 1_000_000))]
        vus: u32,
        /// Jobs in all (default: `workload.jobs`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 1_000_000_000))]
        iterations: Option<u64>,
        /// No job is begun after this (default: no limit).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_duration: Option<Span>,
    }
}

executor! {
    /// A number of jobs for each worker.
    PerVuIterations {
        /// Workers.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = 1_000_000))]
        vus: u32,
        /// Jobs for each worker.
        #[schemars(range(min = 1, max = 1_000_000_000))]
        iterations: u64,
        /// No job is begun after this (default: no limit).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_duration: Option<Span>,
    }
}

executor! {
    /// Arrivals at a constant rate, whether or not answers come.
    ConstantArrivalRate {
        /// Jobs per `time_unit`.
        #[schemars(extend("exclusiveMinimum" = 0), range(max = 1_000_000_000.0))]
        rate: f64,
        /// The unit of `rate`.
        #[serde(default = "one_second")]
        time_unit: Span,
        /// How long jobs arrive.
        duration: Span,
        /// How arrivals are spread around their rate.
        #[serde(default)]
        arrivals: Arrivals,
        /// Safety cap on jobs in progress (default: none).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 1_000_000))]
        max_in_flight: Option<u32>,
        /// What happens to a job that is due while `max_in_flight` is reached (default: "queue").
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on_saturation: Option<OnSaturation>,
    }
}

executor! {
    /// Arrivals at a rate that follows stages.
    RampingArrivalRate {
        /// Jobs per `time_unit` at the start.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1_000_000_000.0))]
        start_rate: f64,
        /// The unit of `start_rate` and of each stage's target.
        #[serde(default = "one_second")]
        time_unit: Span,
        /// Where the rate goes from there: `[{ duration = "30s", target = 200 }]`.
        #[schemars(extend("minItems" = 1))]
        stages: Vec<RateStage>,
        /// How arrivals are spread around their rate.
        #[serde(default)]
        arrivals: Arrivals,
        /// Safety cap on jobs in progress (default: none).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 1_000_000))]
        max_in_flight: Option<u32>,
        /// What happens to a job that is due while `max_in_flight` is reached (default: "queue").
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on_saturation: Option<OnSaturation>,
    }
}

executor! {
    /// Groups of jobs released at the same moment, the next group when the last has ended.
    Barrier {
        /// Jobs per group.
        #[schemars(range(min = 1, max = 1_000_000))]
        size: u32,
        /// Groups (default: as many as use up `workload.jobs`, else 1).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 1_000_000_000))]
        rounds: Option<u64>,
    }
}

impl Profile {
    /// The name in the file, `[profile.NAME]`.
    pub(in crate::scenario) fn name(&self) -> &'static str {
        match self {
            Self::ConstantVus(_) => "constant-vus",
            Self::RampingVus(_) => "ramping-vus",
            Self::SharedIterations(_) => "shared-iterations",
            Self::PerVuIterations(_) => "per-vu-iterations",
            Self::ConstantArrivalRate(_) => "constant-arrival-rate",
            Self::RampingArrivalRate(_) => "ramping-arrival-rate",
            Self::Barrier(_) => "barrier",
        }
    }

    /// When it begins and ends.
    pub(in crate::scenario) fn timing(&self) -> Timing {
        match self {
            Self::ConstantVus(profile) => profile.timing(),
            Self::RampingVus(profile) => profile.timing(),
            Self::SharedIterations(profile) => profile.timing(),
            Self::PerVuIterations(profile) => profile.timing(),
            Self::ConstantArrivalRate(profile) => profile.timing(),
            Self::RampingArrivalRate(profile) => profile.timing(),
            Self::Barrier(profile) => profile.timing(),
        }
    }
}

/// A stage of a ramp of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Stage {
    /// How long the way there takes; "0s" is a jump.
    pub(in crate::scenario) duration: Wait,
    /// Workers at its end.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(in crate::scenario) target: u32,
}

/// A stage of a ramp of arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RateStage {
    /// How long the way there takes; "0s" is a jump.
    pub(in crate::scenario) duration: Wait,
    /// Jobs per `time_unit` at its end.
    #[schemars(range(min = 0.0, max = 1_000_000_000.0))]
    pub(in crate::scenario) target: f64,
}

/// How arrivals are spread around their rate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::scenario) enum Arrivals {
    /// Evenly.
    #[default]
    Uniform,
    /// Independently of each other.
    Poisson,
    /// In bursts: gamma-distributed gaps, `{ gamma = { cv = 2.0 } }`.
    Gamma {
        /// Coefficient of variation of the gaps; 1 is Poisson, above 1 burstier.
        #[schemars(range(min = 0.01, max = 100.0))]
        cv: f64,
    },
}

/// What happens to a job that is due while `max_in_flight` is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum OnSaturation {
    /// It waits; its due time stays, so lag shows the wait.
    Queue,
    /// It is counted as dropped.
    Drop,
    /// The run stops issuing.
    Abort,
}

fn no_wait() -> Wait {
    Wait::from_ms(0)
}

fn default_graceful_stop() -> Wait {
    Wait::from_ms(30_000)
}

fn one_second() -> Span {
    Span::from_ms(1000)
}

fn one() -> u32 {
    1
}
