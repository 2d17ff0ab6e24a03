//! A queue that ends without losing anything.

use crate::sync::{Condvar, Mutex, lock};
use std::collections::VecDeque;
use std::sync::PoisonError;

/// First in, first out, for OS threads: [`pop`](Self::pop) blocks its thread.
///
/// Closing refuses what comes after it and keeps what came before: whether an item is in is decided under
/// the same lock as whether the queue is closed, and takers are told that it is over only when it is
/// empty. So each item pushed is popped by exactly one thread, also at shutdown.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    closed: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { items: VecDeque::new(), closed: false }), changed: Condvar::new() }
    }
}

impl<T> Queue<T> {
    /// An open, empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an item.
    ///
    /// # Errors
    /// Gives the item back if the queue is closed.
    pub fn push(&self, item: T) -> Result<(), T> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(item);
        }
        state.items.push_back(item);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes the oldest item, waiting for one; `None` once the queue is closed and empty.
    #[must_use = "a popped item is on no queue any more"]
    pub fn pop(&self) -> Option<T> {
        let mut state = lock(&self.state);
        loop {
            if let Some(item) = state.items.pop_front() {
                return Some(item);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Refuses items from now on, and lets takers go when those that are in have been taken.
    pub fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Items that wait to be taken.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.state).items.len()
    }

    /// Whether no item waits to be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_is_popped_and_what_comes_late_is_given_back() {
        let queue = Queue::new();
        assert_eq!((queue.push(1), queue.push(2)), (Ok(()), Ok(())));
        queue.close();
        assert_eq!(queue.push(3), Err(3));
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(1), Some(2), None));
    }

    #[test]
    fn threads_share_the_items_and_end() {
        let queue = Queue::new();
        let taken = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>()))
                .collect();
            for item in 0..1000 {
                queue.push(item).expect("an open queue");
            }
            queue.close();
            let mut taken: Vec<i32> =
                takers.into_iter().flat_map(|taker| taker.join().expect("a thread")).collect();
            taken.sort_unstable();
            taken
        });
        assert_eq!(taken, (0..1000).collect::<Vec<_>>());
    }
}
