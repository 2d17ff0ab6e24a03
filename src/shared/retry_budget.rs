//! A budget for retries, so that they cannot become the load.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

const ONE: u64 = 1000;

/// Retries paid for by first attempts.
///
/// After Finagle's `RetryBudget` and `tower::retry::budget`: with a ratio of 0.2 a client may send one
/// retry for five requests, so a failing provider sees at most 1.2 times the load, whatever each job's own
/// number of retries allows. Both let deposits expire after some seconds; here a cap bounds what can be
/// saved up instead, which needs no clock. The balance is kept in thousandths of a retry, and looked at
/// and lowered in one step, so that two retries cannot spend the same deposit.
#[derive(Debug)]
pub struct RetryBudget {
    deposit: u64,
    cap: u64,
    balance: AtomicU64,
}

impl RetryBudget {
    /// A budget in which each first attempt earns `ratio_thousandths` of a retry, at most `cap` retries
    /// are saved up, and `reserve` are there from the start, which too is at most the cap.
    #[must_use]
    pub fn new(ratio_thousandths: u32, reserve: u32, cap: u32) -> Self {
        let cap = u64::from(cap) * ONE;
        let balance = AtomicU64::new((u64::from(reserve) * ONE).min(cap));
        Self { deposit: u64::from(ratio_thousandths), cap, balance }
    }

    /// A first attempt goes out.
    pub fn deposit(&self) {
        let step = |balance: u64| Some((balance + self.deposit).min(self.cap));
        // Cannot fail: the step always yields a balance.
        let _ = self.balance.fetch_update(Relaxed, Relaxed, step);
    }

    /// A retry wants to go out: `true` if it may, and is paid for.
    #[must_use = "without a withdrawal no retry may be sent"]
    pub fn withdraw(&self) -> bool {
        self.balance.fetch_update(Relaxed, Relaxed, |balance| balance.checked_sub(ONE)).is_ok()
    }

    /// What was withdrawn was not sent after all.
    pub fn refund(&self) {
        let step = |balance: u64| Some((balance + ONE).min(self.cap));
        // Cannot fail: the step always yields a balance.
        let _ = self.balance.fetch_update(Relaxed, Relaxed, step);
    }

    /// Thousandths of a retry that could be withdrawn.
    #[must_use]
    pub fn balance_thousandths(&self) -> u64 {
        self.balance.load(Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn five_requests_pay_for_one_retry() {
        let budget = RetryBudget::new(200, 0, 10);
        for _ in 0..4 {
            budget.deposit();
            assert!(!budget.withdraw());
        }
        budget.deposit();
        assert!(budget.withdraw() && !budget.withdraw());
    }

    #[test]
    fn what_was_not_sent_is_given_back_up_to_the_cap() {
        let budget = RetryBudget::new(500, 1, 1);
        assert!(budget.withdraw());
        budget.refund();
        assert_eq!(budget.balance_thousandths(), 1000);
        assert!(budget.withdraw());
        budget.deposit();
        budget.refund();
        assert_eq!(budget.balance_thousandths(), 1000);
    }

    #[test]
    fn the_reserve_is_there_from_the_start_and_the_cap_holds() {
        let budget = RetryBudget::new(1000, 3, 2);
        assert!(budget.withdraw() && budget.withdraw() && !budget.withdraw());
        for _ in 0..100 {
            budget.deposit();
        }
        assert_eq!(budget.balance_thousandths(), 2000);
    }
}
