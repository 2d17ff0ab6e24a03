//! Model checks of the client's totals.
#![cfg(loom)]

use deadheat::shared::Totals;
use loom::sync::atomic::{AtomicU64, Ordering::SeqCst};
use loom::thread;
use std::sync::Arc;

#[test]
fn no_request_and_no_token_is_lost() {
    loom::model(|| {
        let totals = Arc::new(Totals::default());
        let handles: Vec<_> = (1..3)
            .map(|n| {
                let totals = totals.clone();
                thread::spawn(move || totals.add(10 * n, n))
            })
            .collect();
        for handle in handles {
            handle.join().expect("a thread");
        }
        assert_eq!(totals.read(), (2, 30, 3));
    });
}

/// The planted bug: the counter is read before the call and written after it.
#[test]
#[should_panic(expected = "a request was lost")]
fn loom_catches_read_then_write() {
    loom::model(|| {
        let requests = Arc::new(AtomicU64::new(0));
        let other = requests.clone();
        let book = |requests: &AtomicU64| {
            let before = requests.load(SeqCst);
            requests.store(before + 1, SeqCst);
        };
        let handle = thread::spawn(move || book(&other));
        book(&requests);
        handle.join().expect("a thread");
        assert_eq!(requests.load(SeqCst), 2, "a request was lost");
    });
}
