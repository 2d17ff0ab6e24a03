//! The client's own totals: what it would put on its books.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Requests and tokens, counted by every task of a cell.
///
/// Single counters with atomic addition: no count can be lost. Tokens stop at the largest number: what a
/// provider reports must not wrap a total. Relaxed is enough because the totals are read after all tasks have
/// ended, and joining them orders the reads.
#[derive(Debug, Default)]
pub struct Totals {
    requests: AtomicU64,
    prompt_tokens: AtomicU64,
    completion_tokens: AtomicU64,
}

impl Totals {
    /// Books one request and the tokens that its answer reported.
    pub fn add(&self, prompt_tokens: u64, completion_tokens: u64) {
        self.requests.fetch_add(1, Relaxed);
        for (total, tokens) in
            [(&self.prompt_tokens, prompt_tokens), (&self.completion_tokens, completion_tokens)]
        {
            // Cannot fail: the step always yields a total.
            let _ = total.fetch_update(Relaxed, Relaxed, |total| Some(total.saturating_add(tokens)));
        }
    }

    /// Requests, prompt tokens and completion tokens booked so far.
    #[must_use]
    pub fn read(&self) -> (u64, u64, u64) {
        (self.requests.load(Relaxed), self.prompt_tokens.load(Relaxed), self.completion_tokens.load(Relaxed))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_largest_usage_does_not_wrap_a_total() {
        let totals = Totals::default();
        totals.add(u64::MAX, 7);
        totals.add(5, u64::MAX);
        assert_eq!(totals.read(), (2, u64::MAX, u64::MAX));
    }
}
