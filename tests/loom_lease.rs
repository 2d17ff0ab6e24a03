//! Model checks of leases and fences, after Jepsen's test of etcd's locks: a read-modify-write under a lease
//! must lose an update if nothing is fenced, and must not if the resource checks the token.
#![cfg(loom)]

mod loom_model;

use deadheat::shared::{Fence, Leases};
use loom::model::Builder;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicU64, Ordering::SeqCst};
use loom_model::{bounded, check, exhaustive, note, spawn};
use std::sync::Arc;
use std::time::Duration;

const LOCK: &str = "lock";
const TTL: Duration = Duration::from_secs(1);

/// A clock that a thread of the model sets forward.
#[derive(Default)]
struct Clock(AtomicU64);

impl Clock {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(SeqCst))
    }
}

/// What of a request the resource checks the token of.
#[derive(Clone, Copy, PartialEq)]
enum Fenced {
    Nothing,
    Writes,
    All,
}

/// A number that holders of the lease count up, by reading and writing it.
struct Resource {
    fenced: Fenced,
    fence: Fence,
    value: Mutex<u64>,
}

impl Resource {
    fn read(&self, token: u64) -> Option<u64> {
        let value = self.value.lock().expect("a lock");
        (self.fenced != Fenced::All || self.fence.admit(token)).then_some(*value)
    }

    fn write(&self, token: u64, to: u64) -> bool {
        let mut value = self.value.lock().expect("a lock");
        let admitted = self.fenced == Fenced::Nothing || self.fence.admit(token);
        if admitted {
            *value = to;
        }
        admitted
    }
}

/// Counts up once under the lease; how often that was done.
fn hold(leases: &Leases, clock: &Clock, resource: &Resource, owner: u64) -> u64 {
    let Some(token) = leases.acquire(LOCK, owner, TTL, clock.now()) else {
        note("lease refused");
        return 0;
    };
    note(format!("lease, token {token}"));
    let Some(before) = resource.read(token) else {
        note("read refused");
        return 0;
    };
    note(format!("read ➜ {before}"));
    let written = resource.write(token, before + 1);
    note(format!("write {} ➜ {written}", before + 1));
    let _ = leases.release(LOCK, owner, clock.now());
    u64::from(written)
}

fn count_up(name: &str, builder: &Builder, holders: u64, fenced: Fenced) {
    check(name, builder, move || {
        let (leases, clock) = (Arc::new(Leases::new()), Arc::new(Clock::default()));
        let resource = Arc::new(Resource { fenced, fence: Fence::new(), value: Mutex::new(0) });
        let handles: Vec<_> = (1..=holders)
            .map(|owner| {
                let (leases, clock, resource) = (leases.clone(), clock.clone(), resource.clone());
                spawn("holder", move || hold(&leases, &clock, &resource, owner))
            })
            .collect();
        // The main thread is the clock.
        clock.0.store(TTL.as_secs(), SeqCst);
        note("the lease runs out");
        let written: u64 = handles.into_iter().map(|handle| handle.join().expect("a thread")).sum();
        assert_eq!(*resource.value.lock().expect("a lock"), written, "an update was lost");
        assert!(written > 0, "nobody wrote");
    });
}

#[test]
fn a_fenced_read_modify_write_loses_nothing() {
    count_up("lease fenced", &exhaustive(), 2, Fenced::All);
    count_up("lease fenced, 4 threads", &bounded(), 3, Fenced::All);
}

#[test]
#[should_panic(expected = "an update was lost")]
fn loom_catches_a_lease_without_a_fence() {
    count_up("lease unfenced", &exhaustive(), 2, Fenced::Nothing);
}

/// A fence that sees only writes is not enough for a read-modify-write: both may have read before the first
/// of them writes, in the order of their tokens.
#[test]
#[should_panic(expected = "an update was lost")]
fn loom_catches_a_fence_that_reads_pass_by() {
    count_up("lease fenced for writes only", &exhaustive(), 2, Fenced::Writes);
}

#[test]
fn a_name_is_lent_to_one_and_tokens_never_repeat() {
    check("lease, tokens", &exhaustive(), || {
        let leases = Arc::new(Leases::new());
        let tokens = |leases: &Leases, owner| {
            let token = leases.acquire(LOCK, owner, TTL, Duration::ZERO);
            note(format!("acquire ➜ {token:?}"));
            if token.is_some() {
                assert_eq!(leases.holder(LOCK, Duration::ZERO), Some(owner), "two hold one lease");
                assert!(leases.release(LOCK, owner, Duration::ZERO));
                note("release");
            }
            token
        };
        let handles = [1, 2].map(|owner| {
            let leases = leases.clone();
            spawn("holder", move || tokens(&leases, owner))
        });
        let mut seen: Vec<u64> = tokens(&leases, 3).into_iter().collect();
        seen.extend(handles.into_iter().filter_map(|handle| handle.join().expect("a thread")));
        seen.sort_unstable();
        assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>(), "a token came twice or was skipped");
    });
}

/// The planted bug: a release that does not check its owner takes the lease from whoever holds it by then.
#[test]
#[should_panic(expected = "two hold one lease")]
fn loom_catches_a_release_of_anothers_lease() {
    check("lease unchecked release", &exhaustive(), || {
        let leases = Arc::new(Leases::new());
        assert_eq!(leases.acquire(LOCK, 1, TTL, Duration::ZERO), Some(1));
        let other = leases.clone();
        let second = spawn("holder 2", move || {
            let token = other.acquire(LOCK, 2, TTL, TTL);
            note(format!("acquire ➜ {token:?}"));
            token
        });
        leases.expire(LOCK);
        note("release, unchecked");
        let third = leases.acquire(LOCK, 3, TTL, TTL);
        note(format!("acquire ➜ {third:?}"));
        let second = second.join().expect("a thread");
        assert!(second.is_none() || third.is_none(), "two hold one lease");
    });
}
