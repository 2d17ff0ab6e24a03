//! A lock service with leases and fencing tokens, and the check that makes them safe.

use crate::sync::atomic::{AtomicU64, Ordering::AcqRel};
use crate::sync::{Mutex, lock};
use std::collections::BTreeMap;
use std::time::Duration;

/// Named locks that are lent for a time.
///
/// A lease that runs out is lent again, though its holder may not have noticed (a pause, a slow call): so
/// no lease excludes anyone by itself. Each lending therefore carries a token that grows with the name for
/// ever, and the resource refuses a token older than one it has seen ([`Fence`]). See M. Kleppmann, "How to
/// do distributed locking" (2016), and Jepsen's report on etcd 3.4.3 (2020), whose read-modify-write under
/// a lease loses updates and whose fenced one does not.
///
/// Time is given, not read: a moment is counted as the caller counts it, and a lease has run out *at* its
/// end. An owner is any number that two holders do not share.
#[derive(Debug, Default)]
pub struct Leases {
    names: Mutex<BTreeMap<String, Lease>>,
}

/// What is known of a name; it stays when nobody holds it, or tokens would start anew.
#[derive(Debug, Default)]
struct Lease {
    token: u64,
    held: Option<Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    owner: u64,
    until: Duration,
}

impl Lease {
    fn held_by(&self, owner: u64, now: Duration) -> bool {
        self.held.is_some_and(|held| held.owner == owner && now < held.until)
    }

    fn lend(&mut self, owner: u64, ttl: Duration, now: Duration) -> Option<u64> {
        if self.held.is_some_and(|held| now < held.until) {
            return None;
        }
        self.held = Some(Held { owner, until: now.saturating_add(ttl) });
        self.token += 1;
        Some(self.token)
    }
}

impl Leases {
    /// Nothing lent yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Borrows the name until `now + ttl`: the fencing token, above all that came before, or `None` if
    /// somebody holds it, the owner included. Allocates only for a name that was never lent.
    #[must_use = "a lease that is not released keeps others out until it runs out"]
    pub fn acquire(&self, name: &str, owner: u64, ttl: Duration, now: Duration) -> Option<u64> {
        let mut names = lock(&self.names);
        if let Some(lease) = names.get_mut(name) {
            return lease.lend(owner, ttl, now);
        }
        names.entry(name.to_owned()).or_default().lend(owner, ttl, now)
    }

    /// Extends a lease that the owner still holds until `now + ttl`; `false` if it does not.
    #[must_use = "a lease that was not renewed is lost"]
    pub fn renew(&self, name: &str, owner: u64, ttl: Duration, now: Duration) -> bool {
        match lock(&self.names).get_mut(name) {
            Some(lease) if lease.held_by(owner, now) => {
                lease.held = Some(Held { owner, until: now.saturating_add(ttl) });
                true
            }
            Some(_) | None => false,
        }
    }

    /// Gives a lease back; `false`, and nothing changed, if the owner does not hold it any more: whoever
    /// holds it now keeps it.
    pub fn release(&self, name: &str, owner: u64, now: Duration) -> bool {
        match lock(&self.names).get_mut(name) {
            Some(lease) if lease.held_by(owner, now) => {
                lease.held = None;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Ends the lease, whoever holds it: what a clock that jumped or a lost lock server does. Also what a
    /// release does that does not check its owner.
    pub fn expire(&self, name: &str) {
        if let Some(lease) = lock(&self.names).get_mut(name) {
            lease.held = None;
        }
    }

    /// Who holds the name.
    #[must_use]
    pub fn holder(&self, name: &str, now: Duration) -> Option<u64> {
        let names = lock(&self.names);
        names.get(name)?.held.filter(|held| now < held.until).map(|held| held.owner)
    }
}

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

    const TTL: Duration = Duration::from_millis(100);

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn held_until_it_runs_out_and_the_token_grows() {
        let leases = Leases::new();
        assert_eq!(leases.acquire("a", 1, TTL, ms(0)), Some(1));
        assert_eq!(leases.acquire("a", 2, TTL, ms(99)), None);
        assert_eq!(leases.acquire("a", 1, TTL, ms(99)), None, "not re-entrant");
        assert_eq!(leases.acquire("b", 2, TTL, ms(99)), Some(1), "names are apart");
        assert_eq!(leases.holder("a", ms(99)), Some(1));
        assert_eq!(leases.acquire("a", 2, TTL, ms(100)), Some(2), "a lease has run out at its end");
        assert!(leases.release("a", 2, ms(150)));
        assert_eq!(leases.holder("a", ms(150)), None);
        assert_eq!(leases.acquire("a", 1, TTL, ms(150)), Some(3), "a token came twice");
    }

    #[test]
    fn only_the_owner_renews_and_releases() {
        let leases = Leases::new();
        assert_eq!(leases.acquire("a", 1, TTL, ms(0)), Some(1));
        assert!(leases.renew("a", 1, TTL, ms(50)) && !leases.renew("a", 2, TTL, ms(50)));
        assert!(!leases.renew("b", 1, TTL, ms(50)), "a name that was never lent");
        assert_eq!(leases.acquire("a", 2, TTL, ms(149)), None);
        assert!(!leases.renew("a", 1, TTL, ms(150)), "renewed a lease that had run out");
        assert_eq!(leases.acquire("a", 2, TTL, ms(150)), Some(2));
        assert!(!leases.release("a", 1, ms(160)), "released another's lease");
        assert_eq!(leases.holder("a", ms(160)), Some(2));
        leases.expire("a");
        assert!(!leases.release("a", 2, ms(160)), "the lease was taken away");
        assert_eq!(leases.acquire("a", 1, TTL, ms(160)), Some(3));
    }

    #[test]
    fn a_fence_refuses_what_is_older_than_the_newest() {
        let fence = Fence::new();
        assert!(fence.admit(1) && fence.admit(1) && fence.admit(3));
        assert!(!fence.admit(2) && fence.admit(3));
    }
}
