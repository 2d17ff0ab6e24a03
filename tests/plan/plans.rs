//! Plans with everything but the load left at rest.

use deadheat::plan::{
    Api, Arrivals as Spread, CostPlan, Declared, Executor, FidelityBudget, OnSaturation, Open, Optimise,
    Phase, Place, Plan, Slo, Target, Timeouts, TokenRange, Workload,
};

use deadheat::strategy::{Backoff, Retry, StrategyPlan};
use std::time::Duration;

/// A plan with these phases, all starting at 0.
pub(crate) fn plan_of(executors: Vec<Executor>) -> Plan {
    let minute = Duration::from_secs(60);
    let phase = |executor| Phase {
        executor,
        start_time: Duration::ZERO,
        warmup: Duration::ZERO,
        graceful_stop: Duration::from_secs(30),
    };
    Plan {
        next: None,
        name: "a plan".into(),
        seed: 1,
        clock: deadheat::plan::ClockKind::Real,
        targets: vec![Target {
            name: "endpoint".into(),
            api: Api::OpenaiChat,
            model: "m".into(),
            place: Place::Url { url: "http://127.0.0.1:1/v1".into(), api_key_env: None },
            price: None,
        }],
        optimise: Optimise::Goodput,
        nemeses: Vec::new(),
        strategies: vec![StrategyPlan::unbounded(1)],
        workload: Workload {
            repeats: 1,
            jobs: None,
            prompt_tokens: TokenRange { min: 100, max: 100 },
            output_tokens: TokenRange { min: 50, max: 200 },
            stream: true,
        },
        phases: executors.into_iter().map(phase).collect(),
        retry: Retry {
            max_attempts: 1,
            backoff: Backoff::None,
            respect_retry_after: true,
            deadline: None,
            statuses: vec![],
            transport: false,
            budget: None,
            breaker: None,
        },
        timeouts: Timeouts { connect: minute, first_byte: minute, idle: minute, total: minute },
        faults: vec![],
        thresholds: vec![],
        budget: None,
        cost: CostPlan::default(),
        declared: Declared { concurrency: None, progress: minute },
        slo: Slo::default(),
        fidelity: FidelityBudget { ttft_error_p99: minute, lag_p99: minute, achieved: 0.99, cpu: 0.8 },
        blocks: 1,
        only_block: None,
        threads: 1,
        toml: String::new(),
        hash: String::new(),
    }
}

/// Arrivals spread like this, without a cap.
pub(crate) fn open(arrivals: Spread) -> Open {
    Open { arrivals, max_in_flight: None, on_saturation: OnSaturation::Queue }
}

/// `constant-arrival-rate`.
pub(crate) fn constant_rate(rate_per_s: f64, duration: Duration, spread: Spread) -> Executor {
    Executor::ConstantArrivalRate { rate_per_s, duration, open: open(spread) }
}
