//! What was generated for which `Idempotency-Key`.
//!
//! The semantics are those of Stripe's idempotent requests (`docs.stripe.com/api/idempotent_requests`) and of
//! `draft-ietf-httpapi-idempotency-key-header`: the first request with a key does the work, a repeated one
//! gets the same answer, one with another body is refused with 400, and one that comes before the work has
//! begun with 409. Unlike Stripe's, a refusal is not kept: as long as nothing was generated the key is free,
//! so that a retry after a 429 is no replay of the 429.

use crate::history::JobKey;
use std::collections::HashMap;
use std::time::Duration;
use xxhash_rust::xxh64::xxh64;

/// Most keys remembered, so that a provider that serves for weeks stays bounded.
const KEYS_MAX: usize = 1_000_000;
/// Longest key, as at Stripe.
const KEY_BYTES_MAX: usize = 255;

/// What it takes to give an answer again; the rest stands in the repeated request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredAnswer {
    /// Number of arrival of the request that it was generated for.
    pub(super) seq: u64,
    /// xxh64 of that request's body.
    pub(super) body_hash: u64,
    /// Whose name its text bears.
    pub(super) job: JobKey,
    pub(super) nonce: u64,
    /// Seconds since 1970.
    pub(super) created: u64,
    pub(super) tokens: u32,
    pub(super) finish: &'static str,
    /// The end of its generation; `None` while that has not begun.
    pub(super) until: Option<Duration>,
}

/// Digest of a key.
pub(super) type Key = u64;

/// Every key for which something was generated, or will be.
#[derive(Debug, Default)]
pub(super) struct Keys {
    kept: HashMap<Key, StoredAnswer>,
    /// Keys of queued generations, by number of arrival.
    queued: HashMap<u64, Key>,
    forgotten: u64,
}

impl Keys {
    /// The digest of a key; `None` if it is none.
    pub(super) fn digest(text: &str) -> Option<Key> {
        let fits = (1..=KEY_BYTES_MAX).contains(&text.len()) && text.is_ascii();
        fits.then(|| xxh64(text.as_bytes(), 0))
    }

    pub(super) fn get(&self, key: Key) -> Option<&StoredAnswer> {
        self.kept.get(&key)
    }

    /// Remembers what is about to be generated under a new key; `false` if there is no room, and the key
    /// is not honoured.
    pub(super) fn keep(&mut self, key: Key, kept: StoredAnswer) -> bool {
        if self.kept.len() >= KEYS_MAX {
            self.forgotten += 1;
            return false;
        }
        self.queued.insert(kept.seq, key);
        self.kept.insert(key, kept);
        true
    }

    /// Whether a key waits for generation `seq` to begin.
    pub(super) fn waits_for(&self, seq: u64) -> bool {
        self.queued.contains_key(&seq)
    }

    /// Generation `seq` has begun, and ends at `until`.
    pub(super) fn begun(&mut self, seq: u64, until: Duration) {
        let kept = self.queued.remove(&seq).and_then(|key| self.kept.get_mut(&key));
        if let Some(kept) = kept {
            kept.until = Some(until);
        }
    }

    /// Queued generation `seq` will never begin.
    pub(super) fn lost(&mut self, seq: u64) {
        if let Some(key) = self.queued.remove(&seq) {
            self.kept.remove(&key);
        }
    }

    /// Keys remembered, and requests whose key there was no room for.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.kept.len() as u64, self.forgotten)
    }
}
