//! Counts over everything the provider did: what `/deadheat/stats` says.

use crate::history::{LedgerEnd, LedgerEntry};
use serde::Serialize;
use std::collections::BTreeMap;

/// Counts since the start or the last reset. `received` is the sum of the six ends and `open`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Attempts that arrived.
    pub received: u64,
    /// Distinct jobs among them.
    pub jobs: u64,
    /// Attempts that arrived and have not ended.
    pub open: u64,
    /// Most of them at once.
    pub open_max: u64,
    /// Generations in progress, those whose client has left included.
    pub generating: u64,
    /// Most of them at once.
    pub generating_max: u64,
    /// Attempts that wait for their turn.
    pub queued: u64,
    /// Answers that the schedule holds back.
    pub held: u64,
    /// Answered whole.
    pub whole: u64,
    /// Refused with an error.
    pub refused: u64,
    /// Cut, or ended by an error in the answer.
    pub cut: u64,
    /// Reset.
    pub reset: u64,
    /// Left by their client.
    pub client_closed: u64,
    /// Closed by the end of the ledger.
    pub closed_open: u64,
    /// Completion tokens handed to clients.
    pub delivered_tokens: u64,
    /// Prompt tokens charged.
    pub billed_prompt_tokens: u64,
    /// Completion tokens charged.
    pub billed_completion_tokens: u64,
    /// Attempts struck, by fault.
    pub faults: BTreeMap<String, u64>,
    /// Answered from memory, for a repeated `Idempotency-Key`.
    pub replayed: u64,
    /// Refused because their fencing token was stale.
    pub fenced: u64,
    /// Keys for which something was generated.
    pub keys: u64,
    /// Requests whose key is beyond the bound of those that are remembered: it was not honoured.
    pub keys_forgotten: u64,
    /// Requests whose lock is beyond the bound of those that are remembered: its token was not checked.
    pub locks_forgotten: u64,
    /// The longest time-out that a client announced (`x-stainless-read-timeout`), in milliseconds.
    pub read_timeout_max_ms: Option<u64>,
    /// Jobs beyond the bound of those that are remembered: their attempts are not counted.
    pub jobs_forgotten: u64,
}

impl Stats {
    /// Folds one ended attempt in.
    pub(super) fn add(&mut self, entry: &LedgerEntry) {
        self.open = self.open.saturating_sub(1);
        let end = match entry.end {
            LedgerEnd::Whole => &mut self.whole,
            LedgerEnd::Refused => &mut self.refused,
            LedgerEnd::Cut => &mut self.cut,
            LedgerEnd::Reset => &mut self.reset,
            LedgerEnd::ClientClosed => &mut self.client_closed,
            LedgerEnd::Open => &mut self.closed_open,
        };
        *end += 1;
        self.replayed += u64::from(entry.replayed);
        self.fenced += u64::from(entry.fenced);
        self.delivered_tokens += entry.delivered_tokens;
        self.billed_prompt_tokens += entry.billed_prompt_tokens;
        self.billed_completion_tokens += entry.billed_completion_tokens;
        if let Some(fault) = &entry.fault {
            match self.faults.get_mut(fault) {
                Some(count) => *count += 1,
                None => _ = self.faults.insert(fault.clone(), 1),
            }
        }
    }
}
