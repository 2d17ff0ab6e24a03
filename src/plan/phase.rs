//! The shape of the load.

use std::time::Duration;

/// One profile: an executor and when it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// The shape of the load.
    pub executor: Executor,
    /// Offset of its start from the start of the load.
    pub start_time: Duration,
    /// Jobs due in this first part of the phase are left out of metrics and thresholds.
    pub warmup: Duration,
    /// How long jobs in progress may go on after the phase's end before they are cancelled.
    pub graceful_stop: Duration,
}

/// The shape of the load; k6's names.
#[derive(Debug, Clone, PartialEq)]
pub enum Executor {
    /// `vus` workers, each with one job at a time.
    ConstantVus {
        /// Workers.
        vus: u32,
        /// When no more jobs are begun; `None` is when the jobs are used up.
        duration: Option<Duration>,
    },
    /// A number of workers that follows stages.
    RampingVus {
        /// Workers at the start.
        start_vus: u32,
        /// Where the number goes from there.
        stages: Vec<Stage>,
    },
    /// `iterations` jobs shared among `vus` workers.
    SharedIterations {
        /// Workers.
        vus: u32,
        /// Jobs in all.
        iterations: u64,
        /// No job is begun after this.
        max_duration: Option<Duration>,
    },
    /// `iterations` jobs for each of `vus` workers.
    PerVuIterations {
        /// Workers.
        vus: u32,
        /// Jobs each.
        iterations: u64,
        /// No job is begun after this.
        max_duration: Option<Duration>,
    },
    /// Arrivals at a constant rate, whether or not answers come.
    ConstantArrivalRate {
        /// Jobs per second.
        rate_per_s: f64,
        /// How long.
        duration: Duration,
        /// What open profiles share.
        open: Open,
    },
    /// Arrivals at a rate that follows stages.
    RampingArrivalRate {
        /// Jobs per second at the start.
        start_rate_per_s: f64,
        /// Where the rate goes from there.
        stages: Vec<RateStage>,
        /// What open profiles share.
        open: Open,
    },
    /// Groups of jobs released at the same moment, the next group when the last has ended.
    Barrier {
        /// Jobs per group.
        size: u32,
        /// Groups.
        rounds: u64,
    },
}

/// What the two open executors share.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// How arrivals are spread.
    pub arrivals: Arrivals,
    /// Safety cap on jobs in progress; `None` is none.
    pub max_in_flight: Option<u32>,
    /// What happens to a job that is due while the cap is reached.
    pub on_saturation: OnSaturation,
}

/// How arrivals are spread around their rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrivals {
    /// Evenly.
    Uniform,
    /// Independently of each other.
    Poisson,
    /// In bursts: gamma-distributed gaps.
    Gamma {
        /// Coefficient of variation of the gaps; 1 is Poisson, above 1 burstier. Above 0.
        cv: f64,
    },
}

/// What happens to a job that is due while `max_in_flight` is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnSaturation {
    /// It waits; its due time stays, so lag shows the wait.
    Queue,
    /// It is counted as dropped.
    Drop,
    /// The run stops issuing.
    Abort,
}

/// A stage of a ramp of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// How long the way there takes; 0 is a jump.
    pub duration: Duration,
    /// Workers at its end.
    pub target: u32,
}

/// A stage of a ramp of arrivals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateStage {
    /// How long the way there takes; 0 is a jump.
    pub duration: Duration,
    /// Jobs per second at its end.
    pub target_per_s: f64,
}
