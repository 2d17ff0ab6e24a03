//! Model checks of the retry budget.

use crate::loom_model;

use deadheat::shared::RetryBudget;
use loom::model::Builder;
use loom::sync::Mutex;
use loom_model::{bounded, check, exhaustive, note, spawn};
use std::sync::Arc;

fn withdraw(budget: &RetryBudget) -> bool {
    let paid = budget.withdraw();
    note(format!("withdraw ➜ {paid}"));
    paid
}

/// One retry is in reserve and one first attempt earns another: as many retries as were paid for.
fn paid_for(name: &str, builder: &Builder, retries: u32) {
    check(name, builder, move || {
        let budget = Arc::new(RetryBudget::new(1000, 1, 10));
        let handles: Vec<_> = (0..retries)
            .map(|_| {
                let budget = budget.clone();
                spawn("retry", move || withdraw(&budget))
            })
            .collect();
        budget.deposit();
        note("deposit");
        let paid = handles.into_iter().map(|handle| handle.join().expect("a thread"));
        let paid = paid.filter(|paid| *paid).count() as u64;
        assert!((1..=2).contains(&paid), "{paid} retries on 2 deposits");
        assert_eq!(budget.balance_thousandths(), 1000 * (2 - paid), "a deposit was lost");
    });
}

#[test]
fn no_deposit_is_spent_twice_and_none_is_lost() {
    paid_for("retry budget", &exhaustive(), 1);
    paid_for("retry budget, 3 threads", &exhaustive(), 2);
    paid_for("retry budget, 4 threads", &bounded(), 3);
}

#[test]
fn what_is_given_back_is_there_again() {
    check("retry budget, refund", &exhaustive(), || {
        let budget = Arc::new(RetryBudget::new(1000, 1, 10));
        let other = budget.clone();
        let hedge = spawn("hedge", move || {
            if withdraw(&other) {
                other.refund();
                note("refund");
            }
        });
        let other = budget.clone();
        let retry = spawn("retry", move || withdraw(&other));
        budget.deposit();
        note("deposit");
        hedge.join().expect("a thread");
        let paid = u64::from(retry.join().expect("a thread"));
        assert_eq!(budget.balance_thousandths(), 1000 * (2 - paid), "a token was lost or made");
    });
}

#[test]
fn the_cap_holds_in_every_order() {
    check("retry budget, cap", &exhaustive(), || {
        let budget = Arc::new(RetryBudget::new(600, 1, 1));
        let other = budget.clone();
        let handle = spawn("first attempts", move || {
            other.deposit();
            other.deposit();
            note("deposit, deposit");
        });
        let paid = withdraw(&budget);
        handle.join().expect("a thread");
        let left = budget.balance_thousandths();
        assert!(paid && (left == 0 || left == 600 || left == 1000), "{left} thousandths left");
    });
}

/// The planted bug: the balance is looked at, and lowered in a second step.
#[test]
#[should_panic(expected = "two retries on one deposit")]
fn loom_catches_check_then_withdraw() {
    check("retry budget check-then-withdraw", &exhaustive(), || {
        let balance = Arc::new(Mutex::new(1_i32));
        let other = balance.clone();
        let withdraw = |balance: &Mutex<i32>| {
            let enough = *balance.lock().expect("a lock") >= 1;
            note(format!("enough ➜ {enough}"));
            if enough {
                *balance.lock().expect("a lock") -= 1;
                note("balance -= 1");
            }
            enough
        };
        let handle = spawn("retry", move || withdraw(&other));
        let mine = withdraw(&balance);
        assert!(!(handle.join().expect("a thread") && mine), "two retries on one deposit");
    });
}
