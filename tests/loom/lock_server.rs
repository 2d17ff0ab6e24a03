//! Model checks of the lock server's leases and of fences, after Jepsen's test of etcd's locks: a
//! read-modify-write under a lease must lose an update if nothing is fenced, and must not if the resource
//! checks the token.

use crate::loom_model;

use deadheat::shared::{Absence, Fence, Keys, LockServer};
use loom::model::Builder;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicU64, Ordering::SeqCst};
use loom_model::{bounded, check, exhaustive, note, spawn};
use std::sync::Arc;
use std::time::Duration;

const TTL_MS: i64 = 1000;
/// A moment at which a lease of the first one has run out.
const LATER: Duration = Duration::from_secs(2);

/// The steps of a client, each by the number of its owner.
fn acquire(server: &LockServer, owner: u64, now: Duration) -> Option<i64> {
    let owner = owner.to_string();
    let step = |keys: &mut Keys| keys.acquire(b"lock", b"fence", owner.as_bytes(), (TTL_MS, 3_600_000));
    server.ask(now, step).expect("it is there").expect("it holds a lock")
}

fn release(server: &LockServer, owner: u64, now: Duration) -> bool {
    let owner = owner.to_string();
    let step = |keys: &mut Keys| keys.release(b"lock", owner.as_bytes());
    server.ask(now, step).expect("it is there").expect("it holds a lock")
}

/// Whether the lock is this owner's.
fn holds(server: &LockServer, owner: u64, now: Duration) -> bool {
    let owner = owner.to_string();
    server.ask(now, |keys| keys.get(b"lock").map(|held| held == Some(owner.as_bytes()))) == Ok(Ok(true))
}

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
    fn read(&self, token: i64) -> Option<u64> {
        let value = self.value.lock().expect("a lock");
        (self.fenced != Fenced::All || self.fence.admit(token.unsigned_abs())).then_some(*value)
    }

    fn write(&self, token: i64, to: u64) -> bool {
        let mut value = self.value.lock().expect("a lock");
        let admitted = self.fenced == Fenced::Nothing || self.fence.admit(token.unsigned_abs());
        if admitted {
            *value = to;
        }
        admitted
    }
}

/// Counts up once under the lease; how often that was done.
fn hold(server: &LockServer, clock: &Clock, resource: &Resource, owner: u64) -> u64 {
    let Some(token) = acquire(server, owner, clock.now()) else {
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
    release(server, owner, clock.now());
    u64::from(written)
}

fn count_up(name: &str, builder: &Builder, holders: u64, fenced: Fenced) {
    check(name, builder, move || {
        let (server, clock) = (Arc::new(LockServer::new()), Arc::new(Clock::default()));
        let resource = Arc::new(Resource { fenced, fence: Fence::new(), value: Mutex::new(0) });
        let handles: Vec<_> = (1..=holders)
            .map(|owner| {
                let (server, clock, resource) = (server.clone(), clock.clone(), resource.clone());
                spawn("holder", move || hold(&server, &clock, &resource, owner))
            })
            .collect();
        // The main thread is the clock.
        clock.0.store(LATER.as_secs(), SeqCst);
        note("the lease runs out");
        let written: u64 = handles.into_iter().map(|handle| handle.join().expect("a thread")).sum();
        assert_eq!(*resource.value.lock().expect("a lock"), written, "an update was lost");
        assert!(written > 0, "no client wrote");
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
        let server = Arc::new(LockServer::new());
        let tokens = |server: &LockServer, owner| {
            let token = acquire(server, owner, Duration::ZERO);
            note(format!("acquire ➜ {token:?}"));
            if token.is_some() {
                assert!(holds(server, owner, Duration::ZERO), "two hold one lease");
                assert!(release(server, owner, Duration::ZERO));
                note("release");
            }
            token
        };
        let handles = [1, 2].map(|owner| {
            let server = server.clone();
            spawn("holder", move || tokens(&server, owner))
        });
        let mut seen: Vec<i64> = tokens(&server, 3).into_iter().collect();
        seen.extend(handles.into_iter().filter_map(|handle| handle.join().expect("a thread")));
        seen.sort_unstable();
        let all: Vec<i64> = (1..).take(seen.len()).collect();
        assert_eq!(seen, all, "a token came twice or was skipped");
    });
}

/// The planted bug: a release that does not check its owner takes the lease from its next holder.
#[test]
#[should_panic(expected = "two hold one lease")]
fn loom_catches_a_release_of_anothers_lease() {
    check("lease unchecked release", &exhaustive(), || {
        let server = Arc::new(LockServer::new());
        assert_eq!(acquire(&server, 1, Duration::ZERO), Some(1));
        let other = server.clone();
        let second = spawn("holder 2", move || {
            let token = acquire(&other, 2, LATER);
            note(format!("acquire ➜ {token:?}"));
            token
        });
        server.ask(LATER, |keys| keys.delete(b"lock")).expect("it is there");
        note("release, unchecked");
        let third = acquire(&server, 3, LATER);
        note(format!("acquire ➜ {third:?}"));
        let second = second.join().expect("a thread");
        assert!(second.is_none() || third.is_none(), "two hold one lease");
    });
}

/// A question whose answer is lost may have been done, and is done once.
#[test]
fn what_was_lost_is_done_once_or_not_at_all() {
    check("lock server, lost questions", &exhaustive(), || {
        let server = Arc::new(LockServer::new());
        let add = |server: &LockServer| {
            let answer = server.ask(Duration::ZERO, |keys| keys.add(b"totals", b"n", 1));
            note(format!("add ➜ {answer:?}"));
            u64::from(answer.is_ok())
        };
        let other = server.clone();
        let handle = spawn("client", move || add(&other));
        server.lose(Absence::Unheard, 1);
        note("loses a question");
        let answered = add(&server) + handle.join().expect("a thread");
        let counted = server.ask(Duration::ZERO, |keys| keys.field(b"totals", b"n"));
        if let Ok(counted) = counted {
            let counted = counted.expect("a hash").unwrap_or(0).unsigned_abs();
            assert_eq!(counted, answered, "a lost question was counted, or an answer was none");
        }
    });
}
