//! The check that makes a lease safe.

use crate::sync::atomic::{AtomicU64, Ordering::AcqRel};

/// The newest fencing token that a resource has seen.
///
/// Looking and remembering are one step. The resource must make the write that a token admits before it
/// looks at the next token (under one lock, say), or an admitted write could still land after a newer one.
/// And reads that a write depends on must pass the fence too: if only writes do, two holders may both have
/// read before the first of them writes, and their tokens come in order.
#[derive(Debug, Default)]
pub struct Fence {
    newest: AtomicU64,
}

impl Fence {
    /// No token seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a request with this token may pass: `false` if a newer one was seen. The same token passes
    /// as often as it likes.
    #[must_use = "a stale token must be refused"]
    pub fn admit(&self, token: u64) -> bool {
        self.newest.fetch_max(token, AcqRel) <= token
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_fence_refuses_what_is_older_than_the_newest() {
        let fence = Fence::new();
        assert!(fence.admit(1) && fence.admit(1) && fence.admit(3));
        assert!(!fence.admit(2) && fence.admit(3));
    }
}
