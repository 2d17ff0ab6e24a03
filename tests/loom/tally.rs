//! Model checks of the job numbers.

use crate::loom_model;

use deadheat::shared::Numbers;
use loom::sync::atomic::{AtomicU64, Ordering::SeqCst};
use loom_model::{bounded, check, exhaustive, note, spawn};
use std::sync::Arc;

fn take(numbers: &Numbers) -> Option<u64> {
    let n = numbers.take();
    note(format!("take ➜ {n:?}"));
    n
}

#[test]
fn each_number_goes_to_one_taker_and_none_is_skipped() {
    check("tally", &exhaustive(), || {
        let numbers = Arc::new(Numbers::new(7, Some(3)));
        let other = numbers.clone();
        let handle = spawn("thread 1", move || [take(&other), take(&other)]);
        let mine = [take(&numbers), take(&numbers)];
        let theirs = handle.join().expect("a thread");
        let mut taken: Vec<u64> = mine.into_iter().chain(theirs).flatten().collect();
        taken.sort_unstable();
        assert_eq!(taken, [7, 8, 9]);
    });
}

#[test]
fn four_takers_share_what_there_is() {
    check("tally, 4 threads", &bounded(), || {
        let numbers = Arc::new(Numbers::new(0, Some(5)));
        let takers: Vec<_> = (0..3)
            .map(|_| {
                let numbers = numbers.clone();
                spawn("taker", move || [take(&numbers), take(&numbers)])
            })
            .collect();
        let mine = take(&numbers);
        let theirs = takers.into_iter().flat_map(|taker| taker.join().expect("a thread"));
        let mut taken: Vec<u64> = theirs.chain([mine]).flatten().collect();
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2, 3, 4]);
    });
}

/// The planted bug: the next number is read, and written back in a second step.
#[test]
#[should_panic(expected = "two took the same job")]
fn loom_catches_a_number_taken_twice() {
    check("tally read-then-write", &exhaustive(), || {
        let next = Arc::new(AtomicU64::new(0));
        let other = next.clone();
        let take = |next: &AtomicU64| {
            let n = next.load(SeqCst);
            note(format!("next ➜ {n}"));
            next.store(n + 1, SeqCst);
            note(format!("next := {}", n + 1));
            n
        };
        let handle = spawn("thread 1", move || take(&other));
        let mine = take(&next);
        assert_ne!(mine, handle.join().expect("a thread"), "two took the same job");
    });
}
