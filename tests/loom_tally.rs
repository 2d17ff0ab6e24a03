//! Model checks of the job numbers.
#![cfg(loom)]

use deadheat::shared::Numbers;
use loom::sync::atomic::{AtomicU64, Ordering::SeqCst};
use loom::thread;
use std::sync::Arc;

#[test]
fn each_number_goes_to_one_taker_and_none_is_skipped() {
    loom::model(|| {
        let numbers = Arc::new(Numbers::new(7, Some(3)));
        let other = numbers.clone();
        let handle = thread::spawn(move || [other.take(), other.take()]);
        let mine = [numbers.take(), numbers.take()];
        let theirs = handle.join().expect("a thread");
        let mut taken: Vec<u64> = mine.into_iter().chain(theirs).flatten().collect();
        taken.sort_unstable();
        assert_eq!(taken, [7, 8, 9]);
    });
}

/// The planted bug: the next number is read, and written back in a second step.
#[test]
#[should_panic(expected = "two took the same job")]
fn loom_catches_a_number_taken_twice() {
    loom::model(|| {
        let next = Arc::new(AtomicU64::new(0));
        let other = next.clone();
        let take = |next: &AtomicU64| {
            let n = next.load(SeqCst);
            next.store(n + 1, SeqCst);
            n
        };
        let handle = thread::spawn(move || take(&other));
        let mine = take(&next);
        assert_ne!(mine, handle.join().expect("a thread"), "two took the same job");
    });
}
