//! A small plan and evidence that adds up, for tests to change.

use deadheat::history::*;
use deadheat::plan::*;
use deadheat::strategy::{Backoff, Retry, StrategyPlan};
use std::collections::BTreeMap;
use std::time::Duration;

/// Nanoseconds in a millisecond.
pub(crate) const MS: u64 = 1_000_000;

fn target(name: &str, place: Place) -> Target {
    Target { name: name.into(), api: Api::OpenaiChat, model: "m".into(), place, price: None }
}

/// Target `mock` with a ledger and `house` without, one strategy: cells 0 and 1.
pub(crate) fn plan() -> Plan {
    let none = Dist::Constant(Duration::ZERO);
    let mock = MockPlan {
        ttft: none.clone(),
        itl: none,
        stall: None,
        tokens_per_chunk: 1,
        limits: Limits::default(),
        bill_after_disconnect: false,
        idempotency: false,
    };
    let house = Place::Url { url: "http://localhost/v1".into(), api_key_env: None };
    let second = Duration::from_secs(1);
    let range = TokenRange { min: 1, max: 1 };
    Plan {
        next: None,
        name: "small".into(),
        seed: 1,
        clock: deadheat::plan::ClockKind::Real,
        targets: vec![target("mock", Place::Mock(Box::new(mock))), target("house", house)],
        optimise: Optimise::Goodput,
        nemeses: Vec::new(),
        strategies: vec![StrategyPlan::unbounded(1)],
        workload: Workload {
            repeats: 1,
            jobs: None,
            prompt_tokens: range,
            output_tokens: range,
            stream: true,
        },
        phases: Vec::new(),
        retry: Retry {
            max_attempts: 1,
            backoff: Backoff::None,
            respect_retry_after: true,
            deadline: None,
            statuses: Vec::new(),
            transport: false,
            budget: None,
            breaker: None,
        },
        timeouts: Timeouts { connect: second, first_byte: second, idle: second, total: second },
        faults: Vec::new(),
        thresholds: Vec::new(),
        budget: None,
        cost: CostPlan::default(),
        declared: Declared { concurrency: None, progress: second },
        slo: Slo::default(),
        fidelity: FidelityBudget { ttft_error_p99: second, lag_p99: second, achieved: 0.9, cpu: 1.0 },
        blocks: 1,
        only_block: None,
        threads: 1,
        toml: String::new(),
        hash: String::new(),
    }
}

/// One attempt: due at `index` ms, sent 1 ms late, first byte after 2 ms, content after 3 ms, done after 10.
pub(crate) fn attempt(cell: u16, index: u64) -> AttemptRow {
    let sent = index * MS + MS;
    AttemptRow {
        job: JobId { cell, index },
        n: 1,
        status: Some(200),
        outcome: Outcome::Ok,
        error: None,
        due_ns: index * MS,
        sent_ns: Some(sent),
        first_byte_ns: Some(sent + 2 * MS),
        first_content_ns: Some(sent + 3 * MS),
        done_ns: sent + 10 * MS,
        answer: Some(index),
        text_hash: None,
        prompt_tokens: Some(7),
        completion_tokens: Some(5),
        chunks: 3,
        retry_after_ms: None,
    }
}

/// The job of [`attempt`].
pub(crate) fn job(cell: u16, index: u64) -> JobRow {
    let attempt = attempt(cell, index);
    JobRow {
        deliveries: 1,
        job: attempt.job,
        due_ns: attempt.due_ns,
        begun_ns: attempt.due_ns,
        done_ns: attempt.done_ns + MS,
        outcome: Outcome::Ok,
        end: JobEnd::Answered,
        attempts: 1,
        answer: attempt.answer,
        text_hash: None,
        warmup: false,
    }
}

/// The ledger's entry of [`attempt`]: content 1 ms faster than the client saw, the end 2 ms.
pub(crate) fn entry(cell: u16, index: u64) -> LedgerRow {
    let attempt = attempt(cell, index);
    let arrived = attempt.due_ns + MS + MS / 2;
    LedgerRow {
        target: 0,
        seq: index + 1,
        job: JobKey::Own(attempt.job),
        attempt: 1,
        status: Some(200),
        end: LedgerEnd::Whole,
        permanent: false,
        arrived_ns: arrived,
        first_byte_ns: Some(arrived),
        first_content_ns: Some(arrived + 2 * MS),
        ended_ns: arrived + 8 * MS,
        answer: Some(index),
        text_hash: None,
        body_hash: index,
        idempotency_key: None,
        lock: None,
        lock_token: None,
        fenced: false,
        replayed: false,
        retry_after_ms: None,
        prompt_tokens: 7,
        delivered_tokens: 5,
        billed_prompt_tokens: 7,
        billed_completion_tokens: 6,
    }
}

fn cell_end(cell: u16, jobs: u64) -> CellEnd {
    CellEnd {
        cell,
        planned: jobs + 4,
        issued: jobs,
        not_issued: BTreeMap::from([(NotIssued::Dropped, 3), (NotIssued::TimeUp, 1)]),
        elapsed_ns: 2_000 * MS,
        offered_per_1000_s: Some(jobs * 1000),
        cpu_busiest_ppm: 250_000,
        cpu_ns: 500 * MS,
        stuck_since_ns: None,
    }
}

/// `jobs` jobs in each cell, all answered; cell 0 has a ledger.
pub(crate) fn evidence(jobs: u64) -> Evidence {
    let each = || (0..2u16).flat_map(move |cell| (0..jobs).map(move |index| (cell, index)));
    Evidence {
        attempts: each().map(|(cell, index)| attempt(cell, index)).collect(),
        jobs: each().map(|(cell, index)| job(cell, index)).collect(),
        ledger: (0..jobs).map(|index| entry(0, index)).collect(),
        cells: vec![cell_end(0, jobs), cell_end(1, jobs)],
        ..Evidence::default()
    }
}
