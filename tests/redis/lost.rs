//! What no lock in Redis can promise: its server loses everything while a call is under way.

use crate::live;
use crate::redis_support;

use deadheat::engine::RedisServer;
use deadheat::history::Outcome;
use deadheat::plan::Plan;
use deadheat::strategy::redis::RedisClient;
use deadheat::strategy::{ProcessContext, Strategy, StrategyPlan};
use deadheat::summary::StrategyRow;
use live::{Run, plan, run};
use redis_support::{block_on, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

/// Two jobs ask one question, whose answer takes a while.
const SCENARIO: &str = "[workload]\nrepeats = 2\nprompt_tokens = 20\noutput_tokens = 4\n\
    [profile.shared-iterations]\nvus = 2\niterations = 2\n\
    [strategy.redis-lock]\npermits = 4\nttl = \"5s\"\n\
    [[fault]]\nkind.slow = { by = \"700ms\" }\n";

/// The run, in the midst of whose first call Redis is restarted empty.
fn lost_during_the_call(honours_keys: bool) -> Run {
    let mut server = RedisServer::spawn().expect("a server");
    let client = RedisClient::new(&server.url()).expect("a client");
    let honours = honours_keys.to_string();
    let plan = plan(SCENARIO, &[("target.mock.idempotency", honours.as_str())]);
    let build = |strategy: &StrategyPlan, plan: &Plan| -> Arc<dyn Strategy> {
        let around = ProcessContext { redis: Some(client.clone()), ..ProcessContext::default() };
        strategy.build(&plan.retry, &around)
    };
    let over = AtomicBool::new(false);
    let url = server.url();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let raw = redis::Client::open(url).expect("an address");
            let mut connection = raw.get_connection().expect("a connection");
            block_on(async {
                let mut held = || {
                    let keys: Vec<String> =
                        redis::cmd("KEYS").arg("*lock:question*").query(&mut connection).expect("keys");
                    (!keys.is_empty()).then_some(())
                };
                until(async || held()).await;
                // The call follows the lock within a millisecond or so, and takes seven hundred.
                redis_support::pause(Duration::from_millis(200)).await;
            });
            assert!(!over.load(SeqCst), "the call was over before Redis was lost");
            server.restart_empty().expect("a restart");
        });
        let seen = run(&plan, &build);
        over.store(true, SeqCst);
        seen
    })
}

fn advice(seen: &Run) -> &str {
    let [StrategyRow { wrong_when, .. }] = &seen.summary.strategies[..] else { panic!("one strategy") };
    wrong_when
}

#[test]
fn without_keys_a_lock_that_redis_loses_in_a_call_is_billed_twice() {
    let seen = lost_during_the_call(false);
    assert_eq!(seen.broken(), ["billed-once", "lock-exclusive"], "{}", seen.story());
    assert!(
        advice(&seen).contains("where Idempotency-Key is not honoured, as by mock here"),
        "{}",
        advice(&seen)
    );
}

#[test]
fn with_keys_it_is_billed_once_though_two_held_the_lock() {
    let seen = lost_during_the_call(true);
    assert_eq!(seen.broken(), ["lock-exclusive"], "{}", seen.story());
    assert!(seen.evidence.jobs.iter().all(|job| job.outcome == Outcome::Ok), "{}", seen.story());
    assert!(!advice(&seen).contains("as by mock here"), "{}", advice(&seen));
}
