//! A place for one value.

use crate::sync::{Mutex, lock};

/// Written once and taken once: how a thread that made an attempt hands what it recorded to the task that
/// waits for it. A second write is refused rather than kept, also after the first was taken: it can only
/// be a mistake, and a silent overwrite would lose the record of something that did happen.
#[derive(Debug)]
pub struct Slot<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
enum State<T> {
    Empty,
    Full(T),
    Taken,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State::Empty) }
    }
}

impl<T> Slot<T> {
    /// An empty slot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the value; `false`, and the value dropped, if one was ever written.
    #[must_use = "a refused value was dropped"]
    pub fn put(&self, value: T) -> bool {
        let mut state = lock(&self.state);
        let empty = matches!(*state, State::Empty);
        if empty {
            *state = State::Full(value);
        }
        empty
    }

    /// Takes the value, once; `None` before it is written and after it was taken.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        let mut state = lock(&self.state);
        if matches!(*state, State::Empty) {
            return None;
        }
        match std::mem::replace(&mut *state, State::Taken) {
            State::Full(value) => Some(value),
            State::Empty | State::Taken => None,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn written_once_and_taken_once() {
        let slot = Slot::new();
        assert_eq!(slot.take(), None);
        assert!(slot.put(1) && !slot.put(2));
        assert_eq!(slot.take(), Some(1));
        assert_eq!(slot.take(), None);
        assert!(!slot.put(3), "a taken slot was written again");
    }
}
