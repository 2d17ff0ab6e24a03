//! Whatever the jobs, the load, the faults and the parameters: a right strategy breaks no rule.
//!
//! Every case is a whole run over real sockets, judged by the ledger; those with a lock or a counter in Redis run
//! against a real server.

use crate::cases;
use crate::live;

use cases::{Case, case};
use deadheat::engine::RedisServer;
use deadheat::plan::{Plan, StrategyPlan};
use deadheat::strategy::redis::RedisClient;
use deadheat::strategy::{self, Surroundings};
use live::thief::Thief;
use live::{plan, run};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// A case's seed, as a failure prints it: then this case alone is run.
const SEED: &str = "DEADHEAT_PROPERTY_SEED";

/// The seeds of so many cases: new ones each time, or the one that is asked for.
fn seeds(cases: u32) -> Vec<u64> {
    match std::env::var(SEED) {
        Ok(seed) => vec![seed.parse().unwrap_or_else(|_| panic!("{SEED}={seed} is no number"))],
        Err(_) => {
            let random = std::hash::RandomState::new();
            (0..cases).map(|case| random.hash_one(case)).collect()
        }
    }
}

/// A runner that draws one case, the same for the same seed.
fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 1, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Where random scenarios take place.
struct Ground<'a> {
    strategy: &'a str,
    /// Whether the provider honours keys; by chance where that is not said.
    honours_keys: Option<bool>,
    redis: Option<&'a RedisClient>,
    /// Whether locks are taken away from those who are about to call.
    thief: bool,
}

impl Ground<'_> {
    /// Runs one case; it may not break a rule. Returns how many attempts were refused for a stale token.
    fn hold(&self, case: &Case) -> Result<usize, TestCaseError> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("property:{}:", RUNS.fetch_add(1, SeqCst));
        let build = |strategy: &StrategyPlan, plan: &Plan| -> Arc<dyn strategy::Strategy> {
            let redis = self.redis.cloned();
            let around = Surroundings { prefix: prefix.clone(), process: 0, successor: false, redis };
            let right = strategy::build(strategy, &plan.retry, &around);
            match self.redis.filter(|_| self.thief) {
                Some(redis) => Arc::new(Thief::new(right, redis, &prefix)),
                None => right,
            }
        };
        let honours = self.honours_keys.unwrap_or(case.honours_keys).to_string();
        let seed = case.seed.to_string();
        let set = [("seed", seed.as_str()), ("target.mock.idempotency", honours.as_str())];
        let text = case.text(self.strategy);
        let done = run(&plan(&text, &set), &build);
        prop_assert!(done.broken().is_empty(), "{}\n{text}\n{}", self.strategy, done.story());
        done.assert_conserved();
        Ok(done.evidence.ledger.iter().filter(|row| row.fenced).count())
    }

    /// Runs `cases` random scenarios.
    fn hold_all(&self, cases: u32, change: impl Fn(Case) -> Case) -> usize {
        let fenced = AtomicU64::new(0);
        for seed in seeds(cases) {
            let outcome = runner(seed).run(&case().prop_map(&change), |case| {
                let more = self.hold(&case)?;
                fenced.fetch_add(more as u64, SeqCst);
                Ok(())
            });
            outcome.unwrap_or_else(|failure| {
                let thread = std::thread::current();
                let test = thread.name().unwrap_or_default();
                panic!("{failure}\nonce more: {SEED}={seed} cargo test --test strategy {test}")
            });
        }
        fenced.load(SeqCst) as usize
    }
}

/// Runs `cases` random scenarios around the strategy; none may break a rule.
fn never_broken(cases: u32, strategy: &str, honours_keys: Option<bool>, redis: Option<&RedisClient>) {
    Ground { strategy, honours_keys, redis, thief: false }.hold_all(cases, |case| case);
}

#[test]
fn a_seed_is_a_case() {
    let drawn = |seed| {
        let mut runner = runner(seed);
        format!("{:?}", case().new_tree(&mut runner).expect("a case").current())
    };
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
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

/// All who ask a question ask it at once, so that there is somebody to take a lock that was lost.
fn crowded(case: Case) -> Case {
    let repeats = case.repeats.max(2);
    Case { barrier: true, repeats, vus: 3 * repeats, jobs: 6 * repeats, permits: 64, ..case }
}

#[test]
fn redis_lock_whose_locks_are_stolen() {
    let server = RedisServer::spawn().expect("a Redis");
    let client = RedisClient::new(&server.url()).expect("its address");
    let strategy = "redis-lock]\npermits = PERMITS\nttl = \"2s\"";
    let ground = Ground { strategy, honours_keys: None, redis: Some(&client), thief: true };
    let fenced = ground.hold_all(12, crowded);
    assert!(fenced > 0, "no attempt was refused for a stale token");
}
