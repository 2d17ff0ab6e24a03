//! What a scenario means once it is loaded: defaults, order, overrides, and the written plan.

use deadheat::faults::{FaultKind, GatewayTimeout};
use deadheat::plan::{Aggregate, Arrivals, Bound, Dist, Executor, Place, Plan, Source};
use deadheat::scenario::{TEMPLATE, load, load_stored};
use deadheat::strategy::{Backoff, Jitter, StrategyPlan};
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;

const SMALLEST: &str = r#"
version = 1
name = "smallest"
[target.mock]
api = "openai-chat"
[profile.constant-vus]
vus = 1
duration = "1s"
"#;

fn source(text: &str) -> Source {
    Source { path: "a.toml".into(), text: text.to_owned() }
}

fn plan(text: &str) -> Plan {
    plan_with(text, &[])
}

fn plan_with(text: &str, set: &[(&str, &str)]) -> Plan {
    let set: Vec<_> = set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    load(&source(text), &set, &|_| None).unwrap_or_else(|faults| panic!("{}", faults.render(false)))
}

#[test]
fn the_template_loads_as_it_is() {
    let plan = plan(TEMPLATE);
    assert_eq!(plan.workload.jobs, Some(200));
    assert_eq!(plan.strategies, [StrategyPlan::semaphore(16)]);
    assert_eq!(plan.thresholds.len(), 3);
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let plan = plan(SMALLEST);
    assert_eq!(plan.seed, 42);
    assert_eq!(plan.strategies, [StrategyPlan::unbounded(1)]);
    assert_eq!((plan.blocks, plan.workload.jobs, plan.workload.stream), (1, None, true));
    assert!((1..=8).contains(&plan.threads));
    assert_eq!(plan.retry.max_attempts, 1, "no [retry] is no retry");
    assert_eq!(plan.timeouts.connect, MS(5000));
    assert_eq!((plan.timeouts.first_byte, plan.timeouts.idle), (MS(60_000), MS(60_000)));
    assert_eq!(plan.timeouts.total, MS(600_000));
    assert_eq!(plan.declared.progress, MS(120_000));
    assert_eq!((plan.fidelity.ttft_error_p99, plan.fidelity.lag_p99), (MS(20), MS(20)));
    assert_eq!((plan.fidelity.achieved, plan.fidelity.cpu), (0.99, 0.95));
    assert_eq!(plan.phases[0].graceful_stop, MS(30_000));
    let Place::Mock(mock) = &plan.targets[0].place else { panic!("a built-in target") };
    assert_eq!((&mock.itl, mock.tokens_per_chunk), (&Dist::Constant(MS(20)), 1));
    assert!(!mock.bill_after_disconnect && !mock.idempotency);
}

#[test]
fn a_retry_table_brings_its_own_defaults() {
    let retry = plan(&format!("{SMALLEST}[retry]\n")).retry;
    assert_eq!((retry.max_attempts, retry.respect_retry_after, retry.transport), (3, true, true));
    assert_eq!(retry.statuses, [408, 409, 429, 500, 502, 503, 504, 529]);
    let backoff = Backoff::Exponential { base: MS(500), cap: MS(8000), jitter: Jitter::Full };
    assert_eq!(retry.backoff, backoff);
}

const MANY: &str = r#"
version = 1
name = "many"
blocks = 6
threads = 2
[target.zeta]
api = "openai-chat"
latency = { ttft = { empirical = ["1ms", "2ms"] }, itl = { normal = { mean = "1ms", sd = "0s" } }, stall = { probability = 0.1, pause = { uniform = ["1s", "2s"] } } }
[target.alpha]
api = "openai-chat"
model = "m"
url = "${HOUSE}/v1"
api_key_env = "HOUSE_KEY"
price = { input = "2.5", output = "8", currency = "EUR" }
[workload]
jobs = 10
output_tokens = { uniform = [5, 9] }
stream = false
[profile.shared-iterations]
vus = 3
[profile.barrier]
size = 4
start_time = "5s"
[profile.constant-arrival-rate]
rate = 120
time_unit = "1m"
duration = "1500ms"
arrivals = { gamma = { cv = 2.5 } }
max_in_flight = 7
[profile.ramping-arrival-rate]
stages = [{ duration = "10s", target = 5.5 }]
arrivals = "poisson"
[profile.per-vu-iterations]
iterations = 2
[profile.ramping-vus]
stages = [{ duration = "0s", target = 5 }, { duration = "1m30s", target = 0 }]
[strategy.semaphore]
permits = 2
[strategy.unbounded]
[retry]
backoff = "none"
[[fault]]
kind.gateway-timeout = { after = "2s" }
target = "zeta"
when = { jobs = [3, 4], attempts = [1, 2], probability = 0.5 }
[[fault]]
kind.never-answers = {}
[thresholds]
"ttft{target=zeta, strategy=semaphore}" = ["p(99) < 1500ms", { threshold = "p(50) <= 0.2s", min_samples = 9 }]
"error_rate" = ["rate < 1%"]
"cost" = ["total < 0.50 EUR"]
"response" = ["p(99.9) < 2s", "p(95) < 1s"]
[budget]
max_cost = "0.50 EUR"
max_requests = 5
"#;

fn many() -> Plan {
    let env = |name: &str| (name == "HOUSE").then(|| "https://house.example".to_owned());
    load(&source(MANY), &[], &env).unwrap_or_else(|faults| panic!("{}", faults.render(false)))
}

#[test]
fn targets_strategies_and_profiles_keep_the_order_of_the_file() {
    let plan = many();
    let names: Vec<_> = plan.targets.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, ["zeta", "alpha"]);
    assert_eq!(plan.strategies, [StrategyPlan::semaphore(2), StrategyPlan::unbounded(1)]);
    assert!(matches!(plan.phases[0].executor, Executor::SharedIterations { vus: 3, iterations: 10, .. }));
    assert!(matches!(plan.phases[1].executor, Executor::Barrier { size: 4, rounds: 3 }));
    assert_eq!(plan.phases[1].start_time, MS(5000));
    let Executor::ConstantArrivalRate { rate_per_s, duration, open } = &plan.phases[2].executor else {
        panic!("{:?}", plan.phases[2]);
    };
    assert_eq!((*rate_per_s, *duration, open.arrivals), (2.0, MS(1500), Arrivals::Gamma { cv: 2.5 }));
    assert!(matches!(plan.phases[3].executor, Executor::RampingArrivalRate { .. }));
    assert_eq!(plan.cells().len(), 4);
}

#[test]
fn thresholds_are_in_base_units_and_want_enough_samples() {
    let thresholds = many().thresholds;
    assert_eq!(thresholds[0].text, "ttft{target=zeta, strategy=semaphore}: p(99) < 1500ms");
    assert_eq!((thresholds[0].metric.as_str(), thresholds[0].bound), ("ttft", Bound::Value(1.5e9)));
    assert_eq!(thresholds[0].aggregate, Aggregate::Percentile(99.0));
    assert_eq!(thresholds[0].filters["strategy"], "semaphore");
    let samples: Vec<_> = thresholds.iter().map(|threshold| threshold.min_samples).collect();
    assert_eq!(samples, [300, 9, 1, 1, 3000, 60]);
    assert_eq!((thresholds[2].bound, thresholds[3].bound), (Bound::Value(0.01), Bound::Value(5e11)));
}

#[test]
fn faults_strike_the_first_attempt_unless_told_otherwise() {
    let faults = many().faults;
    assert_eq!(faults[0].kind, FaultKind::from(GatewayTimeout { status: 504, after: MS(2000) }));
    assert_eq!(faults[0].when.attempts, Some(vec![1, 2]));
    assert_eq!(faults[1].when.attempts, Some(vec![1]));
}

#[test]
fn the_written_plan_keeps_variables_and_reads_back() {
    let plan = many();
    let Place::Url { url, .. } = &plan.targets[1].place else { panic!("a real endpoint") };
    assert_eq!(url.expose(), "https://house.example/v1");
    assert!(plan.toml.contains("${HOUSE}/v1"), "{}", plan.toml);
    assert!(!plan.toml.contains("house.example"), "{}", plan.toml);
    let stored = load_stored(&source(&plan.toml)).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!((&stored.toml, &stored.hash), (&plan.toml, &plan.hash));
    let env = |_: &str| Some("https://house.example".to_owned());
    assert_eq!(load(&source(&plan.toml), &[], &env).expect("a plan"), plan);
}

#[test]
fn the_same_duration_written_otherwise_is_the_same_plan() {
    let other = SMALLEST.replace("\"1s\"", "\"1000ms\"");
    assert_eq!(plan(&other), plan(SMALLEST));
    assert_ne!(plan_with(SMALLEST, &[("seed", "7")]).hash, plan(SMALLEST).hash);
}

#[test]
fn set_changes_the_document_before_it_is_checked() {
    let set = [
        ("seed", "7"),
        ("strategy.semaphore.permits", "20"),
        ("profile.constant-vus.duration", "2s"),
        ("workload.output_tokens", "{ uniform = [1, 2] }"),
    ];
    let plan = plan_with(SMALLEST, &set);
    assert_eq!((plan.seed, plan.workload.output_tokens.max), (7, 2));
    assert_eq!(plan.strategies, [StrategyPlan::semaphore(20)]);
    assert!(
        matches!(plan.phases[0].executor, Executor::ConstantVus { duration: Some(d), .. } if d == MS(2000))
    );
}
