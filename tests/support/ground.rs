//! Whole runs of random scenarios over real sockets, judged by the ledger.

use crate::cases::{Case, case};
use crate::live::thief::Thief;
use crate::live::{plan, run};
use deadheat::plan::Plan;
use deadheat::strategy::redis::RedisClient;
use deadheat::strategy::{self, ProcessContext, StrategyPlan};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// A case's seed, as a failure prints it: then this case alone is run.
const SEED: &str = "DEADHEAT_PROPERTY_SEED";

/// Seeds of this many cases: new ones each time, or the one that the environment names.
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
pub(crate) fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 1, max_shrink_iters: 40, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// What all random scenarios of one test have in common.
pub(crate) struct Ground<'a> {
    pub(crate) strategy: &'a str,
    /// Whether the provider honours keys; by chance where that is not said.
    pub(crate) honours_keys: Option<bool>,
    pub(crate) redis: Option<&'a RedisClient>,
    /// Whether another client takes locks away before a call.
    pub(crate) thief: bool,
}

impl Ground<'_> {
    /// Runs one case; it may not break a rule. Returns how many attempts were refused for a stale token.
    fn hold(&self, case: &Case) -> Result<usize, TestCaseError> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("property:{}:", RUNS.fetch_add(1, SeqCst));
        let build = |strategy: &StrategyPlan, plan: &Plan| -> Arc<dyn strategy::Strategy> {
            let redis = self.redis.cloned();
            let around = ProcessContext { prefix: prefix.clone(), process: 0, successor: false, redis };
            let right = strategy.build(&plan.retry, &around);
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
    pub(crate) fn hold_all(&self, cases: u32, change: impl Fn(Case) -> Case) -> usize {
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
                panic!(
                    "{failure}\nonce more: {SEED}={seed} cargo test --test {} {test}",
                    env!("CARGO_CRATE_NAME")
                )
            });
        }
        fenced.load(SeqCst) as usize
    }
}

/// Runs `cases` random scenarios around the strategy; none may break a rule.
pub(crate) fn never_broken(
    cases: u32,
    strategy: &str,
    honours_keys: Option<bool>,
    redis: Option<&RedisClient>,
) {
    Ground { strategy, honours_keys, redis, thief: false }.hold_all(cases, |case| case);
}
