//! A plan, counts and distributions by hand, for tests of the gate and the report.

use base64::Engine as _;
use deadheat::plan::*;
use deadheat::prices::Price;
use deadheat::strategy::{Backoff, Retry, StrategyPlan};
use deadheat::summary::*;
use deadheat::units::PricePerMtok;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const MS: u64 = 1_000_000;

pub(crate) fn mock() -> Place {
    let never = Dist::Constant(Duration::ZERO);
    Place::Mock(Box::new(MockPlan {
        ttft: never.clone(),
        itl: never,
        stall: None,
        tokens_per_chunk: 1,
        limits: Limits::default(),
        bill_after_disconnect: false,
        idempotency: false,
    }))
}

pub(crate) fn target(name: &str, place: Place) -> Target {
    let price = PricePerMtok::parse("2.00", "8.00", "USD".parse().expect("by hand")).expect("by hand");
    Target {
        name: name.into(),
        api: Api::OpenaiChat,
        model: "m".into(),
        place,
        price: Some(Price::flat(price)),
    }
}

/// One mock target, an unbounded and a semaphore strategy, an open profile.
pub(crate) fn plan() -> Plan {
    let open = Open { arrivals: Arrivals::Uniform, max_in_flight: None, on_saturation: OnSaturation::Queue };
    let executor =
        Executor::ConstantArrivalRate { rate_per_s: 10.0, duration: Duration::from_secs(10), open };
    let s = Duration::from_secs;
    Plan {
        next: None,
        name: "storm".into(),
        seed: 42,
        clock: deadheat::plan::ClockKind::Real,
        targets: vec![target("mock", mock())],
        optimise: Optimise::Goodput,
        nemeses: Vec::new(),
        strategies: vec![StrategyPlan::unbounded(1), StrategyPlan::semaphore(32)],
        workload: Workload {
            repeats: 1,
            jobs: Some(1000),
            prompt_tokens: TokenRange { min: 1, max: 1 },
            output_tokens: TokenRange { min: 1, max: 1 },
            stream: true,
        },
        phases: vec![Phase { executor, start_time: s(0), warmup: s(0), graceful_stop: s(30) }],
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
        timeouts: Timeouts { connect: s(1), first_byte: s(1), idle: s(1), total: s(1) },
        faults: vec![],
        thresholds: vec![],
        budget: None,
        cost: CostPlan::default(),
        declared: Declared { concurrency: Some(32), progress: s(30) },
        slo: Slo::default(),
        fidelity: FidelityBudget {
            ttft_error_p99: Duration::from_millis(5),
            lag_p99: Duration::from_millis(10),
            achieved: 0.95,
            cpu: 0.9,
        },
        blocks: 1,
        only_block: None,
        threads: 2,
        toml: String::new(),
        hash: "f00d".into(),
    }
}

pub(crate) fn threshold(metric: &str, aggregate: Aggregate, comparison: Comparison, bound: f64) -> Threshold {
    Threshold {
        metric: metric.into(),
        filters: BTreeMap::new(),
        aggregate,
        comparison,
        bound: Bound::Value(bound),
        text: format!("{metric}: by hand"),
        min_samples: 1,
    }
}

pub(crate) fn counter(strategy: &str) -> CounterRow {
    CounterRow {
        target: "mock".into(),
        strategy: strategy.into(),
        planned: 1000,
        jobs: 1000,
        not_issued: BTreeMap::new(),
        answered: 998,
        failed: 1,
        unknown: 1,
        good: 990,
        attempts: 1117,
        attempts_ok: 1000,
        errors: BTreeMap::from([("rate-limited".into(), 114), ("reset".into(), 3)]),
        chunks: 50_000,
        tokens: TokenCounts {
            delivered: Some(170_000),
            billed: Some(170_500),
            client_prompt: 120_000,
            client_completion: 50_000,
        },
        elapsed_ms: 10_000,
        throughput_per_s: 99.8,
        goodput_per_s: 99.0,
        tokens_per_s: 5000.0,
        in_flight_max: 32,
        waste_tokens: Some(500),
    }
}

pub(crate) fn histogram(samples: &[u64]) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).expect("by hand");
    samples.iter().for_each(|ns| histogram.record(*ns).expect("by hand"));
    histogram
}

pub(crate) fn metric(strategy: &str, name: &str, histogram: &Histogram<u64>) -> MetricRow {
    let mut blob = Vec::new();
    V2Serializer::new().serialize(histogram, &mut blob).expect("by hand");
    let p = |q: f64| Some(histogram.value_at_quantile(q) as f64 / 1e6);
    MetricRow {
        target: "mock".into(),
        strategy: strategy.into(),
        metric: name.into(),
        unit: "ms".into(),
        count: histogram.len(),
        mean: histogram.mean() / 1e6,
        min: histogram.min() as f64 / 1e6,
        p50: p(0.5),
        p90: p(0.9),
        p95: p(0.95),
        p99: p(0.99),
        p999: None,
        max: histogram.max() as f64 / 1e6,
        hdr: base64::engine::general_purpose::STANDARD.encode(blob),
    }
}

pub(crate) fn fidelity() -> Fidelity {
    let row = |metric: &str, p50: f64| FidelityRow {
        metric: metric.into(),
        count: 1117,
        p50_ms: Some(p50),
        p99_ms: Some(0.81),
        p999_ms: None,
    };
    Fidelity {
        errors: vec![row("ttft", 0.12), row("itl", -0.01), row("service", 0.2)],
        joined: 1117,
        achieved: Some(0.998),
        lag_p99_ms: Some(0.31),
        cpu_busiest: 0.43,
        cpu_s: 3.2,
        single_burst_streams: 0,
        behind: Vec::new(),
    }
}

pub(crate) fn verdict(strategy: &str, invariant: Invariant, verdict: Verdict) -> VerdictRow {
    let why = match verdict {
        Verdict::Unknown => Some("declare a concurrency to decide it".into()),
        Verdict::NotApplicable => Some("no answer asked for a wait".into()),
        _ => None,
    };
    let witness = (verdict == Verdict::Broken).then(|| Witness {
        jobs: vec!["job:0041".into(), "job:0042".into()],
        at_ns: 1_200 * MS,
        text: "512 attempts were in flight where 32 were declared".into(),
    });
    let violations = u64::from(verdict == Verdict::Broken) * 12;
    VerdictRow {
        target: "mock".into(),
        strategy: strategy.into(),
        invariant,
        verdict,
        relevant: 1117,
        violations,
        why,
        witness,
    }
}
