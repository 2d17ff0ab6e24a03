//! One result per key.

use crate::sync::{Mutex, lock};
use std::collections::BTreeMap;

/// Where tasks put what they found, each under its own key.
///
/// The first result of a key stands, so that an answer which arrives twice (a hedge, a repeat after a
/// timeout) cannot replace one that somebody may have acted on. A key whose result was taken stays used:
/// otherwise the late second answer would be taken for a first.
#[derive(Debug)]
pub struct Results<K, V> {
    state: Mutex<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    found: BTreeMap<K, Option<V>>,
    waiting: usize,
}

impl<K: Ord, V> Default for Results<K, V> {
    fn default() -> Self {
        Self { state: Mutex::new(State { found: BTreeMap::new(), waiting: 0 }) }
    }
}

impl<K: Ord, V> Results<K, V> {
    /// Nothing found yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Files a result; `false`, and the value dropped, if the key ever had one.
    #[must_use = "a refused result was dropped"]
    pub fn put(&self, key: K, value: V) -> bool {
        let mut state = lock(&self.state);
        let first = !state.found.contains_key(&key);
        if first {
            state.found.insert(key, Some(value));
            state.waiting += 1;
        }
        first
    }

    /// Takes the result of a key, once.
    #[must_use]
    pub fn take(&self, key: &K) -> Option<V> {
        let mut state = lock(&self.state);
        let value = state.found.get_mut(key).and_then(Option::take);
        state.waiting -= usize::from(value.is_some());
        value
    }

    /// Results that were put and not taken.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.state).waiting
    }

    /// Whether no result waits to be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_result_stands_and_a_taken_key_stays_used() {
        let results = Results::new();
        assert!(results.put(7, "first") && !results.put(7, "second"));
        assert_eq!(results.len(), 1);
        assert_eq!(results.take(&7), Some("first"));
        assert_eq!(results.take(&7), None);
        assert!(!results.put(7, "late") && results.is_empty());
        assert_eq!(results.take(&8), None);
    }
}
