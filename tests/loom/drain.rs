//! Model checks of the queue that threads drain.

use crate::loom_model;

use deadheat::shared::Queue;
use loom::model::Builder;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering::SeqCst};
use loom_model::{bounded, check, exhaustive, note, spawn};
use std::sync::Arc;

fn push(queue: &Queue<u32>, item: u32) -> Option<u32> {
    let accepted = queue.push(item).is_ok();
    note(format!("push {item} ➜ {accepted}"));
    accepted.then_some(item)
}

fn drain(queue: &Queue<u32>) -> Vec<u32> {
    std::iter::from_fn(|| {
        let item = queue.pop();
        note(format!("pop ➜ {item:?}"));
        item
    })
    .collect()
}

/// Takers drain what a pusher pushes while the main thread closes: what was accepted is popped, once.
fn nothing_is_lost(name: &str, builder: &Builder, takers: u32, items: u32) {
    check(name, builder, move || {
        let queue = Arc::new(Queue::new());
        let pushing = queue.clone();
        let pusher =
            spawn("pusher", move || (1..=items).filter_map(|item| push(&pushing, item)).collect::<Vec<_>>());
        let takers: Vec<_> = (0..takers)
            .map(|_| {
                let queue = queue.clone();
                spawn("taker", move || drain(&queue))
            })
            .collect();
        queue.close();
        note("close");
        let accepted = pusher.join().expect("a thread");
        let taken = takers.into_iter().flat_map(|taker| taker.join().expect("a thread"));
        let mut taken: Vec<u32> = taken.collect();
        taken.sort_unstable();
        assert_eq!(taken, accepted, "accepted and popped differ");
        assert!(queue.is_empty());
    });
}

#[test]
fn what_was_accepted_is_popped_once() {
    nothing_is_lost("drain", &exhaustive(), 1, 2);
    nothing_is_lost("drain, 4 threads", &bounded(), 2, 2);
}

#[test]
fn takers_that_wait_are_woken_to_go() {
    check("drain, takers wait", &exhaustive(), || {
        let queue = Arc::new(Queue::<u32>::new());
        let takers = [queue.clone(), queue.clone()].map(|queue| spawn("taker", move || drain(&queue)));
        queue.close();
        note("close");
        for taker in takers {
            assert!(taker.join().expect("a thread").is_empty());
        }
    });
}

/// The planted bug: whether the queue is closed is looked at before its lock is taken, so an item can come in
/// after the last taker has gone.
#[test]
#[should_panic(expected = "accepted and popped differ")]
fn loom_catches_an_item_lost_at_close() {
    check("drain look-then-push", &exhaustive(), || {
        let (items, closed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let pusher = {
            let (items, closed) = (items.clone(), closed.clone());
            spawn("pusher", move || {
                let open = !closed.load(SeqCst);
                note(format!("open ➜ {open}"));
                if open {
                    items.lock().expect("a lock").push(1);
                    note("push 1");
                }
                u32::from(open)
            })
        };
        closed.store(true, SeqCst);
        note("close");
        let popped = items.lock().expect("a lock").drain(..).len() as u32;
        note(format!("last pop ➜ {popped} items"));
        assert_eq!(pusher.join().expect("a thread"), popped, "accepted and popped differ");
    });
}
