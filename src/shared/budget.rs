//! A budget that is kept by reservation.
//!
//! Looking at what was spent, and then spending, lets every task that looked at the same moment pass. So
//! the most an attempt can cost is set aside before it is sent, and what it did cost replaces it after.

use crate::sync::{Mutex, lock};

/// Requests, tokens and money, in one sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Charge {
    /// Requests.
    pub requests: u64,
    /// Prompt and completion tokens.
    pub tokens: u64,
    /// Money in 10⁻²⁴ of the budget's currency.
    pub yocto: i128,
}

impl Charge {
    fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            tokens: self.tokens.saturating_add(other.tokens),
            yocto: self.yocto.saturating_add(other.yocto),
        }
    }

    /// A sum that has reached the largest number stays there: by how much it exceeds it is not known. A
    /// provider may report a usage of 2⁶⁴ − 1, after which no cap may be met again.
    fn minus(self, other: Self) -> Self {
        let count = |sum: u64, part: u64| if sum == u64::MAX { sum } else { sum.saturating_sub(part) };
        let money = |sum: i128, part: i128| if sum == i128::MAX { sum } else { sum.saturating_sub(part) };
        Self {
            requests: count(self.requests, other.requests),
            tokens: count(self.tokens, other.tokens),
            yocto: money(self.yocto, other.yocto),
        }
    }
}

/// The caps of a budget; `None` is no cap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caps {
    /// Most requests.
    pub requests: Option<u64>,
    /// Most tokens.
    pub tokens: Option<u64>,
    /// Most money in 10⁻²⁴ of the currency.
    pub yocto: Option<i128>,
}

/// What a run may spend, and has set aside or spent so far.
#[derive(Debug)]
pub struct Budget {
    caps: Caps,
    committed: Mutex<Charge>,
}

impl Budget {
    /// Nothing spent yet.
    #[must_use]
    pub fn new(caps: Caps) -> Self {
        Self { caps, committed: Mutex::new(Charge::default()) }
    }

    /// Sets aside the most that an attempt can cost; `false`, and nothing set aside, if that would exceed a
    /// cap.
    #[must_use = "without a reservation nothing may be sent"]
    pub fn reserve(&self, most: Charge) -> bool {
        let mut committed = lock(&self.committed);
        let then = committed.plus(most);
        let within = self.caps.requests.is_none_or(|cap| then.requests <= cap)
            && self.caps.tokens.is_none_or(|cap| then.tokens <= cap)
            && self.caps.yocto.is_none_or(|cap| then.yocto <= cap);
        if within {
            *committed = then;
        }
        within
    }

    /// Replaces a reservation by what was spent: at most the reservation, else what was really charged.
    pub fn settle(&self, reserved: Charge, spent: Charge) {
        let mut committed = lock(&self.committed);
        *committed = committed.minus(reserved).plus(spent);
    }

    /// What is set aside or spent.
    #[must_use]
    pub fn committed(&self) -> Charge {
        *lock(&self.committed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount() -> impl Strategy<Value = u64> {
        prop_oneof![0..=1000u64, u64::MAX - 1000..=u64::MAX, any::<u64>()]
    }

    proptest! {
        /// Compared with sums of 128 bits, which cannot overflow here.
        #[test]
        fn a_cap_once_exceeded_is_never_met_again(
            cap in prop_oneof![1..=1000u64, any::<u64>()],
            attempts in proptest::collection::vec((amount(), amount()), 1..40),
        ) {
            let tokens = |tokens| Charge { tokens, yocto: i128::from(tokens) << 63, ..Charge::default() };
            let yocto = i128::from(cap) << 63;
            for caps in [
                Caps { tokens: Some(cap), ..Caps::default() },
                Caps { yocto: Some(yocto), ..Caps::default() },
            ] {
                let (budget, mut spent) = (Budget::new(caps), 0u128);
                for &(most, cost) in &attempts {
                    let fits = spent + u128::from(most) <= u128::from(cap);
                    prop_assert!(fits || !budget.reserve(tokens(most)), "{spent} + {most} of {cap}");
                    if fits && budget.reserve(tokens(most)) {
                        budget.settle(tokens(most), tokens(cost));
                        spent += u128::from(cost);
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_usage_lets_no_further_request_out() {
        let budget = Budget::new(Caps { tokens: Some(100), ..Caps::default() });
        let most = Charge { requests: 1, tokens: 50, yocto: 0 };
        assert!(budget.reserve(most) && budget.reserve(most));
        budget.settle(most, Charge { tokens: u64::MAX, ..most });
        budget.settle(most, Charge { tokens: 1, ..most });
        assert!(!budget.reserve(most) && !budget.reserve(Charge::default()));
    }
}
