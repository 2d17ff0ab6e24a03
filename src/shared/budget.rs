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
            requests: self.requests + other.requests,
            tokens: self.tokens + other.tokens,
            // A sum beyond what can be counted is over any budget.
            yocto: self.yocto.saturating_add(other.yocto),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            requests: self.requests - other.requests,
            tokens: self.tokens - other.tokens,
            yocto: self.yocto - other.yocto,
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

    /// Sets the most that an attempt can cost aside; `false`, and nothing set aside, if that would pass a
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
