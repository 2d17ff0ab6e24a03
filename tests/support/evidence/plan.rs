//! Plans for judges: only what they read differs from plan to plan.

use deadheat::plan::*;
use deadheat::strategy::{Backoff, Jitter, Retry, StrategyPlan};
use std::time::Duration;

/// A plan of one built-in target and `cells` strategies, all held to `permits` attempts at once.
pub(crate) fn plan(permits: u32, max_attempts: u32, cells: usize) -> Plan {
    let strategies = vec![StrategyPlan::semaphore(permits), StrategyPlan::unbounded(1)];
    Plan {
        next: None,
        name: "judged".into(),
        seed: 1,
        clock: deadheat::plan::ClockKind::Real,
        targets: vec![Target {
            name: "mock".into(),
            api: Api::OpenaiChat,
            model: "gpt-4.1".into(),
            place: Place::Mock(Box::new(mock())),
            price: None,
        }],
        optimise: Optimise::Goodput,
        nemeses: Vec::new(),
        strategies: strategies.into_iter().take(cells).collect(),
        workload: Workload {
            repeats: 1,
            jobs: None,
            prompt_tokens: TokenRange { min: 7, max: 7 },
            output_tokens: TokenRange { min: 1, max: 9_999 },
            stream: true,
        },
        phases: vec![Phase {
            executor: Executor::Barrier { size: 1, rounds: 1 },
            start_time: Duration::ZERO,
            warmup: Duration::ZERO,
            graceful_stop: Duration::ZERO,
        }],
        retry: retry(max_attempts),
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(600),
        },
        faults: Vec::new(),
        thresholds: Vec::new(),
        budget: None,
        cost: CostPlan::default(),
        declared: Declared { concurrency: Some(permits), progress: Duration::from_secs(30) },
        slo: Slo::default(),
        fidelity: FidelityBudget {
            ttft_error_p99: Duration::from_millis(5),
            lag_p99: Duration::from_millis(2),
            achieved: 0.99,
            cpu: 0.9,
        },
        blocks: 1,
        only_block: None,
        threads: 1,
        toml: String::new(),
        hash: String::new(),
    }
}

fn retry(max_attempts: u32) -> Retry {
    Retry {
        max_attempts,
        backoff: Backoff::Fixed { wait: Duration::from_millis(50), jitter: Jitter::None },
        respect_retry_after: true,
        deadline: None,
        statuses: vec![429, 500, 503],
        transport: false,
        budget: None,
        breaker: None,
    }
}

fn mock() -> MockPlan {
    MockPlan {
        ttft: Dist::Constant(Duration::from_millis(1)),
        itl: Dist::Constant(Duration::from_millis(1)),
        stall: None,
        tokens_per_chunk: 1,
        limits: Limits::default(),
        bill_after_disconnect: true,
        idempotency: false,
    }
}
