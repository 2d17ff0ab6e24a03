//! Whatever the jobs, the load, the faults, the parameters and the schedule: a right strategy breaks no rule.
//!
//! In virtual time, where a case takes a moment, so that there can be thousands; the same strategies over
//! real sockets stand in `strategy_properties.rs`.

use crate::cases;

use cases::{Case, case};
use deadheat::faults::{FaultKind, HintForm, RateLimit, Status};
use deadheat::history::{JobId, JobKey};
use deadheat::lab;
use deadheat::plan::{Plan, Source};
use deadheat::scenario::load;
use deadheat::schedule::{Fallback, Hold, RequestKey, Schedule, Strike, Until};
use deadheat::summary::Verdict;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::sync::Arc;
use std::time::Duration;

/// A case's seed, as a failure prints it: then this case alone is run.
const SEED: &str = "DEADHEAT_PROPERTY_SEED";
/// Cases of each strategy.
const CASES: u64 = 250;

const HEAD: &str = "version = 1\nname = \"property\"\nclock = \"virtual\"\n[target.mock]\napi = \
    \"openai-chat\"\n\
                    model = \"m\"\nlatency = { ttft = { uniform = [\"0ms\", \"30ms\"] }, itl = { constant = \
                        \"1ms\" } }\n\
                    [timeouts]\nfirst_byte = \"900ms\"\nidle = \"900ms\"\ntotal = \
                        \"2s\"\n[declared]\nprogress = \"30s\"\n";

fn request() -> impl Strategy<Value = RequestKey> {
    (0u64..12, 1u32..3).prop_map(|(index, attempt)| RequestKey {
        job: JobKey::Own(JobId { cell: 0, index }),
        attempt,
        repeat: 0,
    })
}

fn hold() -> impl Strategy<Value = Hold> {
    let until = prop_oneof![
        4 => request().prop_map(Until::Answered),
        2 => (1u64..1500).prop_map(|ms| Until::After(Duration::from_millis(ms))),
        1 => Just(Until::Disconnect),
    ];
    (request(), until).prop_map(|(request, until)| Hold { request, until })
}

fn strike() -> impl Strategy<Value = Strike> {
    let limit = |retry_after| FaultKind::from(RateLimit { retry_after, hint: HintForm::Milliseconds });
    let kind = prop_oneof![
        3 => prop::sample::select(FaultKind::all()),
        1 => Just(FaultKind::from(Status { code: 400 })),
        1 => (20u64..90).prop_map(move |ms| limit(Some(Duration::from_millis(ms)))),
        1 => Just(limit(None)),
    ];
    (request(), kind).prop_map(|(request, kind)| Strike { request, kind })
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let fallback = prop_oneof![
        Just(Fallback::Respond),
        Just(Fallback::Fifo),
        Just(Fallback::Reverse),
        Just(Fallback::Burst),
        Just(Fallback::Random),
        (1u32..5).prop_map(|depth| Fallback::Lanes { depth }),
    ];
    let holds = prop::collection::vec(hold(), 0..4);
    let faults = prop::collection::vec(strike(), 0..3);
    (0u64..1 << 40, holds, faults, fallback, 1u64..10).prop_map(
        |(seed, holds, faults, fallback, quiet_ms)| Schedule {
            seed,
            holds: distinct(holds, |hold| hold.request.clone()),
            faults: distinct(faults, |strike| strike.request.clone()),
            nemeses: Vec::new(),
            fallback,
            quiet: Duration::from_millis(quiet_ms),
            patience: Duration::from_millis(400),
            perturb: None,
        },
    )
}

/// The first of those with the same key.
fn distinct<T, K: PartialEq>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for item in items {
        if kept.iter().all(|other| key(other) != key(&item)) {
            kept.push(item);
        }
    }
    kept
}

fn plan(case: &Case, strategy: &str, honours_keys: bool) -> Arc<Plan> {
    let source = Source { path: "property.toml".into(), text: format!("{HEAD}{}", case.text(strategy)) };
    let set = [
        ("seed".to_owned(), case.seed.to_string()),
        ("target.mock.idempotency".to_owned(), honours_keys.to_string()),
        // A gateway's answer says nothing of what the provider has billed.
        ("retry.statuses".to_owned(), "[409, 429, 500, 503, 529]".to_owned()),
    ];
    Arc::new(load(&source, &set, &|_| None).unwrap_or_else(|faults| panic!("{faults}\n{}", source.text)))
}

/// A runner that draws one case, the same for the same seed.
fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 1, max_shrink_iters: 100, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// New seeds each time, or the one that is asked for.
fn seeds() -> Vec<u64> {
    use std::hash::BuildHasher as _;
    match std::env::var(SEED) {
        Ok(seed) => vec![seed.parse().unwrap_or_else(|_| panic!("{SEED}={seed} is no number"))],
        Err(_) => {
            let random = std::hash::RandomState::new();
            (0..CASES).map(|case| random.hash_one(case)).collect()
        }
    }
}

/// What one case breaks, a line each.
fn broken(case: &Case, schedule: &Schedule, strategy: &str, honours_keys: bool) -> Vec<String> {
    let plan = plan(case, strategy, honours_keys);
    let kept = lab::run_in_memory(&plan, Some(schedule)).expect("a run");
    let verdicts = deadheat::invariants::judge(&plan, &kept.evidence(&plan));
    let broken = verdicts.into_iter().filter(|row| row.verdict == Verdict::Broken);
    broken
        .map(|row| format!("{}: {}", row.invariant.name(), row.witness.map_or_else(String::new, |w| w.text)))
        .collect()
}

fn never_broken(strategy: &str, honours_keys: Option<bool>) {
    for seed in seeds() {
        let outcome = runner(seed).run(&(case(), schedule()), |(case, schedule)| {
            let honours = honours_keys.unwrap_or(case.honours_keys);
            let broken = broken(&case, &schedule, strategy, honours);
            prop_assert!(
                broken.is_empty(),
                "{}\n{}\nidempotency {honours}\n{}",
                broken.join("\n"),
                case.text(strategy),
                schedule.to_toml()
            );
            Ok(())
        });
        outcome.unwrap_or_else(|failure| {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or_default();
            panic!("{failure}\nonce more: {SEED}={seed} cargo test --test lab {test}")
        });
    }
}

#[test]
fn unbounded() {
    never_broken("unbounded]", None);
}

#[test]
fn semaphore() {
    never_broken("semaphore]\npermits = PERMITS", None);
    never_broken("semaphore]\npermits = PERMITS\nprocesses = 2", None);
}

#[test]
fn thread_pool() {
    never_broken("thread-pool]\nworkers = PERMITS", None);
}

#[test]
fn single_flight() {
    never_broken("single-flight]\npermits = PERMITS", None);
}

#[test]
fn token_bucket() {
    never_broken("token-bucket]\nrate = 300\nburst = PERMITS", None);
}

#[test]
fn adaptive() {
    never_broken("adaptive]\nmax = PERMITS", None);
    never_broken("adaptive]\nrule = \"gradient\"\nmax = PERMITS", None);
}

#[test]
fn hedged() {
    never_broken("hedged]\npermits = PERMITS\nafter = \"10ms\"", None);
}

#[test]
fn idempotent() {
    never_broken("idempotent]\npermits = PERMITS", Some(true));
}

#[test]
fn budgeted() {
    never_broken("budgeted]\npermits = PERMITS\nmax_tokens = 200", None);
}

#[test]
fn redis_counter() {
    never_broken("redis-counter]\npermits = PERMITS\nprocesses = 2", None);
}

/// A lock that runs out while its holder calls is renewed; the provider honours keys, for a lock alone cannot
/// bill once.
#[test]
fn redis_lock() {
    never_broken("redis-lock]\npermits = PERMITS\nprocesses = 2\nttl = \"150ms\"", Some(true));
}

/// The same cases see a planted bug.
#[test]
fn a_client_that_mixes_up_its_results_is_seen() {
    let seen = (0..40).any(|seed| {
        let (case, schedule) = (case(), schedule()).new_tree(&mut runner(seed)).expect("a case").current();
        !broken(&case, &schedule, "broken-result-order]\npermits = PERMITS", true).is_empty()
    });
    assert!(seen);
}
