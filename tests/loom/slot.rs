//! Model checks of the slot.

use crate::loom_model;

use deadheat::shared::Slot;
use loom::sync::Mutex;
use loom_model::{check, exhaustive, note, spawn};
use std::sync::Arc;

fn put(slot: &Slot<u32>, n: u32) -> Option<u32> {
    let written = slot.put(n);
    note(format!("put {n} ➜ {written}"));
    written.then_some(n)
}

#[test]
fn written_once_and_taken_once() {
    check("slot", &exhaustive(), || {
        let slot = Arc::new(Slot::new());
        let (one, two) = (slot.clone(), slot.clone());
        let writers = [spawn("writer 1", move || put(&one, 1)), spawn("writer 2", move || put(&two, 2))];
        let early = slot.take();
        note(format!("take ➜ {early:?}"));
        let written: Vec<u32> =
            writers.into_iter().filter_map(|writer| writer.join().expect("a thread")).collect();
        let taken: Vec<u32> = early.into_iter().chain(slot.take()).collect();
        assert_eq!(written.len(), 1, "written twice");
        assert_eq!(taken, written, "taken is not what was written");
        assert_eq!(slot.take(), None, "taken twice");
    });
}

#[test]
fn two_takers_do_not_both_get_it() {
    check("slot, two takers", &exhaustive(), || {
        let slot = Arc::new(Slot::new());
        let (writing, taking) = (slot.clone(), slot.clone());
        let writer = spawn("writer", move || put(&writing, 1));
        let taker = spawn("taker", move || taking.take());
        let mine = slot.take();
        let theirs = taker.join().expect("a thread");
        assert_eq!(writer.join().expect("a thread"), Some(1));
        let taken = [mine, theirs, slot.take()].into_iter().flatten().count();
        assert_eq!(taken, 1, "taken {taken} times");
    });
}

/// The planted bug: whether the slot is empty is looked at, and the slot written in a second step.
#[test]
#[should_panic(expected = "written twice")]
fn loom_catches_look_then_write() {
    check("slot look-then-write", &exhaustive(), || {
        let slot = Arc::new(Mutex::new(None));
        let other = slot.clone();
        let put = |slot: &Mutex<Option<u32>>, n| {
            let empty = slot.lock().expect("a lock").is_none();
            note(format!("empty ➜ {empty}"));
            if empty {
                *slot.lock().expect("a lock") = Some(n);
                note(format!("write {n}"));
            }
            empty
        };
        let handle = spawn("writer 1", move || put(&other, 1));
        let mine = put(&slot, 2);
        assert!(!(handle.join().expect("a thread") && mine), "written twice");
    });
}
