//! Model checks of the permit pool: every interleaving of two and three threads.
#![cfg(loom)]

use deadheat::shared::{Acquired, Permits};
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use loom::thread;
use std::sync::Arc;

type Flag = Arc<AtomicBool>;

/// Takes a permit, waiting for it by yielding; enters, leaves, gives it back.
fn enter(permits: &Permits<Flag>, inside: &AtomicU32, most: u32) {
    let flag = Arc::new(AtomicBool::new(false));
    if let Acquired::Queued(_) = permits.acquire(flag.clone()) {
        while !flag.load(SeqCst) {
            thread::yield_now();
        }
    }
    assert!(inside.fetch_add(1, SeqCst) < most, "more inside than permits");
    inside.fetch_sub(1, SeqCst);
    if let Some(next) = permits.release() {
        next.store(true, SeqCst);
    }
}

fn all_enter_once(threads: u32, most: u32) {
    let permits = Arc::new(Permits::new(most));
    let inside = Arc::new(AtomicU32::new(0));
    let handles: Vec<_> = (1..threads)
        .map(|_| {
            let (permits, inside) = (permits.clone(), inside.clone());
            thread::spawn(move || enter(&permits, &inside, most))
        })
        .collect();
    enter(&permits, &inside, most);
    for handle in handles {
        handle.join().expect("a thread");
    }
    assert_eq!(permits.free(), most, "a permit leaked");
}

#[test]
fn never_more_inside_than_permits_and_none_leaks() {
    loom::model(|| all_enter_once(2, 1));
    loom::model(|| all_enter_once(3, 2));
}

#[test]
fn a_waiter_that_leaves_loses_no_permit() {
    loom::model(|| {
        let permits = Arc::new(Permits::new(1));
        assert!(permits.try_acquire());
        let leaver = permits.clone();
        let handle = thread::spawn(move || match leaver.acquire(()) {
            Acquired::Granted => assert!(leaver.release().is_none()),
            Acquired::Queued(ticket) => assert!(leaver.abandon(ticket).is_none()),
        });
        let _ = permits.release();
        handle.join().expect("a thread");
        assert_eq!(permits.free(), 1, "a permit leaked");
    });
}

/// The planted bug: looks whether a permit is free, and takes it in a second step.
struct LookThenTake(Mutex<u32>);

impl LookThenTake {
    fn try_acquire(&self) -> bool {
        let free = *self.0.lock().expect("a lock") > 0;
        if free {
            let mut permits = self.0.lock().expect("a lock");
            *permits = permits.wrapping_sub(1);
        }
        free
    }
}

#[test]
#[should_panic(expected = "two hold the only permit")]
fn loom_catches_look_then_take() {
    loom::model(|| {
        let permits = Arc::new(LookThenTake(Mutex::new(1)));
        let other = permits.clone();
        let handle = thread::spawn(move || other.try_acquire());
        let mine = permits.try_acquire();
        let theirs = handle.join().expect("a thread");
        assert!(!(mine && theirs), "two hold the only permit");
    });
}

/// The planted bug: a waiter that leaves is taken off the queue, but a permit handed to it meanwhile is
/// forgotten.
fn forgetful_abandon(permits: &Permits<()>, left: &AtomicBool) {
    if let Acquired::Granted = permits.acquire(()) {
        let _ = permits.release();
    } else {
        left.store(true, SeqCst);
    }
}

#[test]
#[should_panic(expected = "a permit leaked")]
fn loom_catches_a_leaving_waiter_that_keeps_the_permit() {
    loom::model(|| {
        let permits = Arc::new(Permits::new(1));
        let left = Arc::new(AtomicBool::new(false));
        assert!(permits.try_acquire());
        let handle = {
            let (permits, left) = (permits.clone(), left.clone());
            thread::spawn(move || forgetful_abandon(&permits, &left))
        };
        let _ = permits.release();
        handle.join().expect("a thread");
        assert_eq!(permits.free(), 1, "a permit leaked");
    });
}
