//! Model checks of the budget.
#![cfg(loom)]

use deadheat::shared::{Budget, Caps, Charge};
use loom::sync::Mutex;
use loom::thread;
use std::sync::Arc;

const CAP: u64 = 100;
const MOST: Charge = Charge { requests: 1, tokens: 60, pico: 0 };

#[test]
fn a_reservation_is_never_passed() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(Caps { tokens: Some(CAP), ..Caps::default() }));
        let other = budget.clone();
        let spend = |budget: &Budget| {
            let granted = budget.reserve(MOST);
            assert!(budget.committed().tokens <= CAP, "over budget");
            if granted {
                budget.settle(MOST, Charge { tokens: 40, ..MOST });
            }
            granted
        };
        let handle = thread::spawn(move || spend(&other));
        let mine = spend(&budget);
        let theirs = handle.join().expect("a thread");
        assert!(mine || theirs, "a budget with room for one refused both");
        assert_eq!(budget.committed().tokens, 40 * (u64::from(mine) + u64::from(theirs)));
    });
}

/// The planted bug: what was spent is looked at before the call and added after it.
#[test]
#[should_panic(expected = "over budget")]
fn loom_catches_check_then_act() {
    loom::model(|| {
        let spent = Arc::new(Mutex::new(0));
        let other = spent.clone();
        let spend = |spent: &Mutex<u64>| {
            let room = *spent.lock().expect("a lock") + MOST.tokens <= CAP;
            if room {
                *spent.lock().expect("a lock") += MOST.tokens;
            }
        };
        let handle = thread::spawn(move || spend(&other));
        spend(&spent);
        handle.join().expect("a thread");
        assert!(*spent.lock().expect("a lock") <= CAP, "over budget");
    });
}
