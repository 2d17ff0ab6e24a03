//! Model checks of the client's totals.

use crate::loom_model;

use deadheat::shared::Totals;
use loom::model::Builder;
use loom::sync::atomic::{AtomicU64, Ordering::SeqCst};
use loom_model::{bounded, check, exhaustive, note, spawn};
use std::sync::Arc;

fn all_are_booked(name: &str, builder: &Builder, adders: u64) {
    check(name, builder, move || {
        let totals = Arc::new(Totals::default());
        let handles: Vec<_> = (1..=adders)
            .map(|n| {
                let totals = totals.clone();
                spawn("adder", move || {
                    totals.add(10 * n, n);
                    note(format!("add {}, {n}", 10 * n));
                })
            })
            .collect();
        for handle in handles {
            handle.join().expect("a thread");
        }
        let sum = adders * (adders + 1) / 2;
        assert_eq!(totals.read(), (adders, 10 * sum, sum));
    });
}

#[test]
fn no_request_and_no_token_is_lost() {
    all_are_booked("totals", &exhaustive(), 2);
    all_are_booked("totals, 4 threads", &bounded(), 3);
}

/// The planted bug: the counter is read before the call and written after it.
#[test]
#[should_panic(expected = "a request was lost")]
fn loom_catches_read_then_write() {
    check("totals read-then-write", &exhaustive(), || {
        let requests = Arc::new(AtomicU64::new(0));
        let other = requests.clone();
        let book = |requests: &AtomicU64| {
            let before = requests.load(SeqCst);
            note(format!("requests ➜ {before}"));
            requests.store(before + 1, SeqCst);
            note(format!("requests := {}", before + 1));
        };
        let handle = spawn("thread 1", move || book(&other));
        book(&requests);
        handle.join().expect("a thread");
        assert_eq!(requests.load(SeqCst), 2, "a request was lost");
    });
}
