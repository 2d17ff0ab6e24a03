//! A bounded ledger in memory, for a provider that stands alone.

use crate::history::LedgerEntry;
use std::fmt::Write as _;

/// Most entries kept; further ones are counted, not kept.
const ENTRIES_MAX: usize = 1_000_000;

/// Entries of ended attempts, in the order of their ends.
#[derive(Debug, Default)]
pub(super) struct Store {
    entries: Vec<LedgerEntry>,
    overflow: u64,
}

impl Store {
    pub(super) fn push(&mut self, entry: LedgerEntry) {
        if self.entries.len() < ENTRIES_MAX {
            self.entries.push(entry);
        } else {
            self.overflow += 1;
        }
    }

    /// Entries kept, and entries that had no room.
    pub(super) fn len(&self) -> (usize, u64) {
        (self.entries.len(), self.overflow)
    }

    /// All that is kept.
    pub(super) fn entries(&self) -> Vec<LedgerEntry> {
        self.entries.clone()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Up to `count` entries from position `from` as JSON Lines; `None` at the end.
    pub(super) fn lines(&self, from: usize, count: usize) -> Option<String> {
        let page = self.entries.get(from..).filter(|rest| !rest.is_empty())?;
        let mut out = String::new();
        for entry in page.iter().take(count) {
            // A ledger entry has string keys only: it always has a JSON form.
            let line = serde_json::to_string(entry).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"));
            let _ = writeln!(out, "{line}");
        }
        Some(out)
    }
}
