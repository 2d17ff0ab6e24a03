//! Whatever the jobs, the load, the faults and the parameters: a strategy with a lock or a counter in Redis
//! breaks no rule.

use crate::cases::Case;
use crate::ground::{Ground, never_broken};
use deadheat::engine::RedisServer;
use deadheat::strategy::redis::RedisClient;

#[test]
fn redis_lock_and_counter() {
    let server = RedisServer::spawn().expect("a Redis");
    let client = RedisClient::new(&server.url()).expect("its address");
    never_broken(16, "redis-lock]\npermits = PERMITS\nttl = \"2s\"", None, Some(&client));
    never_broken(10, "redis-counter]\npermits = PERMITS", None, Some(&client));
}

/// All jobs of one question begin at once, so that another job waits for the lock that is lost.
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
