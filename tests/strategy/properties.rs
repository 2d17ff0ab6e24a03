//! Whatever the jobs, the load, the faults and the parameters: a right strategy breaks no rule.
//!
//! `tests/redis/properties.rs` says the same of the strategies that need Redis.

use crate::cases::case;
use crate::ground::{never_broken, runner};
use proptest::strategy::{Strategy as _, ValueTree as _};

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
