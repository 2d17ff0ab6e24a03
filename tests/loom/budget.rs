//! Model checks of the budget.

use crate::loom_model;

use deadheat::shared::{Budget, Caps, Charge};
use loom::model::Builder;
use loom::sync::Mutex;
use loom_model::{bounded, check, exhaustive, note, spawn};
use std::sync::Arc;

const CAP: u64 = 100;
const MOST: Charge = Charge { requests: 1, tokens: 60, yocto: 0 };

fn spend(budget: &Budget) -> bool {
    let granted = budget.reserve(MOST);
    note(format!("reserve {} ➜ {granted}", MOST.tokens));
    let committed = budget.committed().tokens;
    assert!(committed <= CAP, "over budget: {committed}");
    if granted {
        budget.settle(MOST, Charge { tokens: 40, ..MOST });
        note("settle 40");
    }
    granted
}

fn never_over(name: &str, builder: &Builder, others: u32) {
    check(name, builder, move || {
        let budget = Arc::new(Budget::new(Caps { tokens: Some(CAP), ..Caps::default() }));
        let handles: Vec<_> = (0..others)
            .map(|_| {
                let budget = budget.clone();
                spawn("spender", move || spend(&budget))
            })
            .collect();
        let mine = spend(&budget);
        let theirs = handles.into_iter().map(|handle| handle.join().expect("a thread"));
        let granted = theirs.chain([mine]).filter(|granted| *granted).count() as u64;
        assert!(granted > 0, "a budget with room for one refused all");
        assert_eq!(budget.committed().tokens, 40 * granted);
    });
}

#[test]
fn a_reservation_is_never_passed() {
    never_over("budget", &exhaustive(), 1);
    never_over("budget, 3 threads", &exhaustive(), 2);
    never_over("budget, 4 threads", &bounded(), 3);
}

/// A usage of the largest number ends a budget for all threads, whatever other attempts cost.
#[test]
fn the_largest_usage_lets_no_further_request_out() {
    check("budget, largest usage", &exhaustive(), || {
        let most = Charge { tokens: 40, ..MOST };
        let budget = Arc::new(Budget::new(Caps { tokens: Some(CAP), ..Caps::default() }));
        assert!(budget.reserve(most) && budget.reserve(most));
        let other = budget.clone();
        let handle = spawn("largest", move || {
            other.settle(most, Charge { tokens: u64::MAX, ..most });
            note("settle 2^64 - 1");
        });
        budget.settle(most, Charge { tokens: 1, ..most });
        note("settle 1");
        handle.join().expect("a thread");
        assert!(!budget.reserve(most), "a request went out after the largest usage");
    });
}

/// The planted bug: what was spent is looked at before the call and added after it.
#[test]
#[should_panic(expected = "over budget")]
fn loom_catches_check_then_act() {
    check("budget check-then-act", &exhaustive(), || {
        let spent = Arc::new(Mutex::new(0));
        let other = spent.clone();
        let spend = |spent: &Mutex<u64>| {
            let room = *spent.lock().expect("a lock") + MOST.tokens <= CAP;
            note(format!("room for {} ➜ {room}", MOST.tokens));
            if room {
                *spent.lock().expect("a lock") += MOST.tokens;
                note(format!("spent += {}", MOST.tokens));
            }
        };
        let handle = spawn("thread 1", move || spend(&other));
        spend(&spent);
        handle.join().expect("a thread");
        assert!(*spent.lock().expect("a lock") <= CAP, "over budget");
    });
}
