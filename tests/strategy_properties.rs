//! Whatever the jobs, the load, the faults and the parameters: a right strategy breaks no rule.
//!
//! Every case is a whole run over real sockets, judged by the ledger; those with a lock or a counter in Redis run
//! against a real server.
#![cfg(all(unix, not(loom)))]

mod live;

use deadheat::engine::RedisServer;
use deadheat::scenario::{Plan, StrategyPlan};
use deadheat::strategy::redis::RedisClient;
use deadheat::strategy::{self, Surroundings};
use live::{plan, run};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// A random scenario around one strategy.
#[derive(Debug, Clone)]
struct Case {
    jobs: u32,
    vus: u32,
    permits: u32,
    repeats: u32,
    attempts: u32,
    base_ms: u32,
    jitter: &'static str,
    stream: bool,
    honours_keys: bool,
    faults: Vec<String>,
    rules: &'static str,
    barrier: bool,
    seed: u32,
}

fn fault() -> impl Strategy<Value = String> {
    let kind = prop_oneof![
        (400u32..600)
            .prop_filter("a status that may pass", |n| [408, 409, 500, 502, 503, 529].contains(n))
            .prop_map(|code| format!("kind.status = {{ code = {code} }}")),
        (1u32..60, prop::sample::select(&["milliseconds", "text"][..])).prop_map(|(ms, hint)| format!(
            "kind.rate-limit = {{ retry_after = \"{ms}ms\", hint = \"{hint}\" }}"
        )),
        Just("kind.rate-limit = {}".to_owned()),
        Just("kind.quota-exhausted = {}".to_owned()),
        Just("kind.status = { code = 400 }".to_owned()),
        (1u32..80).prop_map(|ms| format!("kind.slow = {{ by = \"{ms}ms\" }}")),
        Just("kind.reset-after-accept = {}".to_owned()),
        Just("kind.reset-mid-stream = { after = 0.5 }".to_owned()),
        Just("kind.cut-stream = { after = 0.5 }".to_owned()),
        Just("kind.error-event = { after = 0.0 }".to_owned()),
    ];
    (kind, 2u32..9, prop::sample::select(&["[1]", "[2]", "[1, 2]"][..])).prop_map(
        |(kind, every, attempts)| {
            format!("[[fault]]\n{kind}\nwhen = {{ every = {every}, attempts = {attempts} }}\n")
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let load = (1u32..30, 1u32..12, 2u32..9, 1u32..5, any::<bool>());
    // Jitter over less than a few tens of milliseconds is none that anybody could see.
    let retry = (1u32..5, 60u32..100, prop::sample::select(&["full", "equal", "decorrelated"][..]));
    let rules = prop::sample::select(
        &[
            "",
            "budget = { ratio = 0.2, reserve = 3 }\n",
            "breaker = { failures = 3, open = \"30ms\" }\n",
            "deadline = \"150ms\"\n",
        ][..],
    );
    let faults = prop::collection::vec(fault(), 0..3);
    (load, retry, rules, faults, any::<(bool, bool)>(), any::<u32>()).prop_map(
        |((jobs, vus, permits, repeats, barrier), retry, rules, faults, (stream, honours_keys), seed)| {
            let (attempts, base_ms, jitter) = retry;
            Case {
                jobs,
                vus,
                permits,
                repeats,
                attempts,
                base_ms,
                jitter,
                stream,
                honours_keys,
                faults,
                rules,
                barrier,
                seed,
            }
        },
    )
}

impl Case {
    fn text(&self, strategy: &str) -> String {
        let Self { jobs, repeats, stream, attempts, base_ms, jitter, rules, vus, permits, .. } = self;
        let profile = if self.barrier {
            format!("[profile.barrier]\nsize = {vus}\nrounds = {}\n", jobs.div_ceil(*vus))
        } else {
            format!("[profile.shared-iterations]\nvus = {vus}\niterations = {jobs}\n")
        };
        let strategy = strategy.replace("PERMITS", &permits.to_string());
        format!(
            "[workload]\nrepeats = {repeats}\nprompt_tokens = {{ uniform = [3, 40] }}\n\
             output_tokens = {{ uniform = [2, 12] }}\nstream = {stream}\n{profile}[strategy.{strategy}\n\
             [retry]\nmax_attempts = {attempts}\ntransport = false\n{rules}\
             backoff = {{ exponential = {{ base = \"{base_ms}ms\", cap = \"150ms\", jitter = \"{jitter}\" }} }}\n{}",
            self.faults.concat(),
        )
    }
}

/// Runs `cases` random scenarios around the strategy; none may break a rule.
fn never_broken(cases: u32, strategy: &str, honours_keys: Option<bool>, redis: Option<&RedisClient>) {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let build = |strategy: &StrategyPlan, plan: &Plan| -> Arc<dyn strategy::Strategy> {
        let prefix = format!("property:{}:", RUNS.fetch_add(1, SeqCst));
        let around = Surroundings { prefix, process: 0, successor: false, redis: redis.cloned() };
        strategy::build(strategy, &plan.retry, &around)
    };
    let outcome = runner.run(&case(), |case| {
        let honours = honours_keys.unwrap_or(case.honours_keys).to_string();
        let seed = case.seed.to_string();
        let set = [("seed", seed.as_str()), ("target.mock.idempotency", honours.as_str())];
        let done = run(&plan(&case.text(strategy), &set), &build);
        prop_assert!(done.broken().is_empty(), "{strategy}\n{}\n{}", case.text(strategy), done.story());
        done.assert_conserved();
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn unbounded() {
    never_broken(12, "unbounded]", None, None);
}

#[test]
fn semaphore() {
    never_broken(12, "semaphore]\npermits = PERMITS", None, None);
}

#[test]
fn thread_pool() {
    never_broken(12, "thread-pool]\nworkers = PERMITS", None, None);
}

#[test]
fn single_flight() {
    never_broken(16, "single-flight]\npermits = PERMITS", None, None);
}

#[test]
fn token_bucket() {
    never_broken(12, "token-bucket]\nrate = 300\nburst = PERMITS", None, None);
}

#[test]
fn adaptive() {
    never_broken(12, "adaptive]\nmax = PERMITS", None, None);
    never_broken(12, "adaptive]\nrule = \"gradient\"\nmax = PERMITS", None, None);
}

#[test]
fn hedged() {
    never_broken(16, "hedged]\npermits = PERMITS\nafter = \"10ms\"", None, None);
}

#[test]
fn idempotent() {
    never_broken(16, "idempotent]\npermits = PERMITS", Some(true), None);
}

#[test]
fn budgeted() {
    never_broken(16, "budgeted]\npermits = PERMITS\nmax_tokens = 200", None, None);
}

#[test]
fn redis_lock_and_counter() {
    let server = RedisServer::spawn().expect("a Redis");
    let client = RedisClient::new(&server.url()).expect("its address");
    never_broken(16, "redis-lock]\npermits = PERMITS\nttl = \"2s\"", None, Some(&client));
    never_broken(10, "redis-counter]\npermits = PERMITS", None, Some(&client));
}
