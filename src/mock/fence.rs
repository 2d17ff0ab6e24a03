//! Fencing tokens, as the resource checks them.
//!
//! A lock with a lease cannot keep two holders apart: the first one may be paused, or its request may be on
//! its way, beyond the end of its lease. The resource can, if every holder sends the number that it got
//! with the lock, and the resource turns down whatever is older than the newest that it has accepted
//! (M. Kleppmann, "How to do distributed locking", 2016).

use std::collections::HashMap;
use xxhash_rust::xxh64::xxh64;

/// Most locks whose tokens are remembered, so that a provider that serves for weeks stays bounded.
const LOCKS_MAX: usize = 1_000_000;

/// The highest token accepted so far; 0 before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fence(u64);

impl Fence {
    /// Lets `token` pass if none higher has passed; else the one that has. An equal one is the same holder
    /// coming again.
    pub(super) fn pass(&mut self, token: u64) -> Result<(), u64> {
        if token < self.0 {
            return Err(self.0);
        }
        self.0 = token;
        Ok(())
    }

    pub(super) fn highest(self) -> u64 {
        self.0
    }
}

/// One fence for each lock.
#[derive(Debug, Default)]
pub(super) struct Fences {
    fences: HashMap<u64, Fence>,
    forgotten: u64,
}

impl Fences {
    /// Lets a holder of `lock` pass, or says which token is in its way. Beyond the bound of locks that are
    /// remembered a new one is not checked, but counted.
    pub(super) fn pass(&mut self, lock: &str, token: u64) -> Result<(), u64> {
        let digest = xxh64(lock.as_bytes(), 0);
        if self.fences.len() >= LOCKS_MAX && !self.fences.contains_key(&digest) {
            self.forgotten += 1;
            return Ok(());
        }
        self.fences.entry(digest).or_default().pass(token)
    }

    /// Requests whose lock there was no room for.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_older_than_the_newest_is_turned_down() {
        let mut fence = Fence::default();
        let passed: Vec<_> = [33, 34, 34, 33, 35, 0].into_iter().map(|token| fence.pass(token)).collect();
        assert_eq!(passed, [Ok(()), Ok(()), Ok(()), Err(34), Ok(()), Err(35)]);
        assert_eq!(fence.highest(), 35, "a token that was turned down moves nothing");
    }

    #[test]
    fn locks_do_not_fence_each_other() {
        let mut fences = Fences::default();
        assert_eq!(fences.pass("a", 9), Ok(()));
        assert_eq!((fences.pass("b", 1), fences.pass("a", 8)), (Ok(()), Err(9)));
    }
}
