//! Model checks of the permit pool: every interleaving of two and three threads.

use crate::loom_model;

use deadheat::shared::{Acquired, PermitPool};
use loom::model::Builder;
use loom::sync::Mutex;
use loom_model::{Bell, bounded, check, exhaustive, note, spawn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

/// Takes a permit, waiting for it if need be; enters, leaves, gives it back.
fn enter(permits: &PermitPool<Bell>, inside: &AtomicU32, most: u32) {
    let bell = Bell::default();
    if let Acquired::Queued(_) = permits.acquire(bell.clone()) {
        note("queued");
        bell.wait();
    }
    note("enter");
    assert!(inside.fetch_add(1, SeqCst) < most, "more inside than permits");
    inside.fetch_sub(1, SeqCst);
    let next = permits.release();
    note("release");
    if let Some(next) = next {
        next.ring();
    }
}

fn all_enter_once(name: &str, builder: &Builder, threads: u32, most: u32) {
    check(name, builder, move || {
        let permits = Arc::new(PermitPool::new(most));
        let inside = Arc::new(AtomicU32::new(0));
        let handles: Vec<_> = (1..threads)
            .map(|_| {
                let (permits, inside) = (permits.clone(), inside.clone());
                spawn("task", move || enter(&permits, &inside, most))
            })
            .collect();
        enter(&permits, &inside, most);
        for handle in handles {
            handle.join().expect("a thread");
        }
        assert_eq!(permits.free(), most, "a permit leaked");
    });
}

#[test]
fn never_more_inside_than_permits_and_none_leaks() {
    all_enter_once("permits", &exhaustive(), 2, 1);
    all_enter_once("permits, 3 threads", &exhaustive(), 3, 2);
    all_enter_once("permits, 4 threads", &bounded(), 4, 2);
}

#[test]
fn a_pool_that_grows_wakes_those_who_wait() {
    check("permits grown", &exhaustive(), || {
        let permits = Arc::new(PermitPool::new(0));
        let tasks = [permits.clone(), permits.clone()].map(|permits| {
            spawn("task", move || {
                let bell = Bell::default();
                if let Acquired::Queued(_) = permits.acquire(bell.clone()) {
                    note("queued");
                    bell.wait();
                }
                note("enter");
            })
        });
        permits.resize(2).into_iter().for_each(|next| next.ring());
        note("resize to 2");
        for task in tasks {
            task.join().expect("a thread");
        }
        assert_eq!(permits.free(), 0);
    });
}

/// A pool of two, both held, shrinks to one and grows again while the holders give theirs back and a third
/// task asks: it gets in, whenever that is, and two permits are free in the end.
#[test]
fn a_pool_that_is_resized_forgets_no_waiter() {
    check("permits resized", &exhaustive(), || {
        let permits = Arc::new(PermitPool::new(2));
        assert!(permits.try_acquire() && permits.try_acquire());
        let (asking, returning) = (permits.clone(), permits.clone());
        let task = spawn("task", move || {
            let bell = Bell::default();
            if let Acquired::Queued(_) = asking.acquire(bell.clone()) {
                note("queued");
                bell.wait();
            }
            note("enter");
        });
        let holder = spawn("holder", move || {
            for _ in 0..2 {
                if let Some(next) = returning.release() {
                    next.ring();
                }
                note("release");
            }
        });
        for size in [1, 2] {
            permits.resize(size).into_iter().for_each(|next| next.ring());
            note(format!("resize to {size}"));
        }
        for handle in [task, holder] {
            handle.join().expect("a thread");
        }
        assert_eq!(permits.free(), 1, "a permit leaked");
        assert!(permits.release().is_none());
        assert_eq!(permits.free(), 2, "a permit leaked");
    });
}

#[test]
fn a_waiter_that_leaves_loses_no_permit() {
    check("permits, a waiter leaves", &exhaustive(), || {
        let permits = Arc::new(PermitPool::new(1));
        assert!(permits.try_acquire());
        let leaver = permits.clone();
        let handle = spawn("leaver", move || match leaver.acquire(()) {
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
        note(format!("a free one ➜ {free}"));
        if free {
            let mut permits = self.0.lock().expect("a lock");
            *permits = permits.wrapping_sub(1);
            note("take");
        }
        free
    }
}

#[test]
#[should_panic(expected = "two hold the only permit")]
fn loom_catches_look_then_take() {
    check("permits look-then-take", &exhaustive(), || {
        let permits = Arc::new(LookThenTake(Mutex::new(1)));
        let other = permits.clone();
        let handle = spawn("thread 1", move || other.try_acquire());
        let mine = permits.try_acquire();
        let theirs = handle.join().expect("a thread");
        assert!(!(mine && theirs), "two hold the only permit");
    });
}

/// The planted bug: a waiter that leaves is taken off the queue, but a permit handed to it meanwhile is
/// forgotten.
fn forgetful_abandon(permits: &PermitPool<()>, left: &AtomicBool) {
    if let Acquired::Granted = permits.acquire(()) {
        let _ = permits.release();
    } else {
        left.store(true, SeqCst);
    }
}

#[test]
#[should_panic(expected = "a permit leaked")]
fn loom_catches_a_leaving_waiter_that_keeps_the_permit() {
    check("permits forgetful leaver", &exhaustive(), || {
        let permits = Arc::new(PermitPool::new(1));
        let left = Arc::new(AtomicBool::new(false));
        assert!(permits.try_acquire());
        let handle = {
            let (permits, left) = (permits.clone(), left.clone());
            spawn("leaver", move || forgetful_abandon(&permits, &left))
        };
        let _ = permits.release();
        handle.join().expect("a thread");
        assert_eq!(permits.free(), 1, "a permit leaked");
    });
}

/// The planted bug: a pool that is resized adds the difference to what it saw free, in a second step.
#[test]
#[should_panic(expected = "a permit leaked")]
fn loom_catches_a_resize_that_loses_a_release() {
    check("permits look-then-resize", &exhaustive(), || {
        let free = Arc::new(Mutex::new(0));
        let returning = free.clone();
        let holder = spawn("holder", move || {
            *returning.lock().expect("a lock") += 1;
            note("release");
        });
        let seen = *free.lock().expect("a lock");
        note(format!("free ➜ {seen}"));
        *free.lock().expect("a lock") = seen + 1;
        note(format!("free := {}", seen + 1));
        holder.join().expect("a thread");
        assert_eq!(*free.lock().expect("a lock"), 2, "a permit leaked");
    });
}
