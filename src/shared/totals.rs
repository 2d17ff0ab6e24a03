//! The client's own totals: what it would put on its books.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Requests and tokens, counted by every task of a cell.
///
/// Single counters with atomic addition: no count can be lost. Relaxed is enough because the totals are
/// read after all tasks have ended, and joining them orders the reads.
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
        self.prompt_tokens.fetch_add(prompt_tokens, Relaxed);
        self.completion_tokens.fetch_add(completion_tokens, Relaxed);
    }

    /// Requests, prompt tokens and completion tokens booked so far.
    #[must_use]
    pub fn read(&self) -> (u64, u64, u64) {
        (self.requests.load(Relaxed), self.prompt_tokens.load(Relaxed), self.completion_tokens.load(Relaxed))
    }
}
