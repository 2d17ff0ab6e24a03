//! Model checks of the token bucket.

use crate::loom_model;

use deadheat::shared::RateBucket;
use loom::model::Builder;
use loom::sync::Mutex;
use loom_model::{bounded, check, exhaustive, note, spawn};
use std::sync::Arc;
use std::time::Duration;

const NOW: Duration = Duration::from_secs(1);
const INTERVAL_MS: u128 = 10;

fn reserve(bucket: &RateBucket) -> u128 {
    let slot = (bucket.reserve(NOW) - NOW).as_millis();
    note(format!("reserve ➜ in {slot} ms"));
    slot
}

fn each_has_a_slot(name: &str, builder: &Builder, callers: u32) {
    check(name, builder, move || {
        let bucket = Arc::new(RateBucket::new(100.0, 1));
        let handles: Vec<_> = (1..callers)
            .map(|_| {
                let bucket = bucket.clone();
                spawn("caller", move || reserve(&bucket))
            })
            .collect();
        let mut slots = vec![reserve(&bucket)];
        slots.extend(handles.into_iter().map(|handle| handle.join().expect("a thread")));
        slots.sort_unstable();
        let due: Vec<u128> = (0..u128::from(callers)).map(|n| n * INTERVAL_MS).collect();
        assert_eq!(slots, due, "two got one slot, or one was skipped");
    });
}

#[test]
fn each_caller_gets_a_slot_of_its_own() {
    each_has_a_slot("bucket", &exhaustive(), 2);
    each_has_a_slot("bucket, 3 threads", &exhaustive(), 3);
    each_has_a_slot("bucket, 4 threads", &bounded(), 4);
}

#[test]
fn one_token_is_taken_once() {
    check("bucket, one token", &exhaustive(), || {
        let bucket = Arc::new(RateBucket::new(100.0, 1));
        let other = bucket.clone();
        let handle = spawn("caller", move || other.try_take(NOW).is_ok());
        let mine = bucket.try_take(NOW).is_ok();
        assert!(handle.join().expect("a thread") != mine, "one token was taken twice, or not at all");
    });
}

/// The planted bug: the next slot is looked at, and moved on in a second step.
#[test]
#[should_panic(expected = "two got one slot")]
fn loom_catches_load_then_store() {
    check("bucket load-then-store", &exhaustive(), || {
        let next_ms = Arc::new(Mutex::new(0));
        let other = next_ms.clone();
        let reserve = |next_ms: &Mutex<u128>| {
            let slot = *next_ms.lock().expect("a lock");
            note(format!("next slot ➜ in {slot} ms"));
            *next_ms.lock().expect("a lock") = slot + INTERVAL_MS;
            note(format!("next slot := in {} ms", slot + INTERVAL_MS));
            slot
        };
        let handle = spawn("caller", move || reserve(&other));
        let mine = reserve(&next_ms);
        assert_ne!(handle.join().expect("a thread"), mine, "two got one slot");
    });
}
