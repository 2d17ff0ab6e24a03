//! One result per key.

use crate::sync::{Mutex, lock};
use std::collections::BTreeMap;

/// Where tasks put what they found, each under its own key, for the task that waits for it.
///
/// A place is opened before its result is asked for, holds the first that comes, and is closed by taking it.
/// So an answer which arrives twice (a hedge, a repeat after a timeout) cannot replace one that another task
/// may have acted on, and one that arrives late finds no place, whether or not its job was given up
/// meanwhile. What is kept is what is in progress: a key that is done with leaves nothing behind, and is not
/// to be opened again.
#[derive(Debug)]
pub struct Results<K, V> {
    places: Mutex<BTreeMap<K, Option<V>>>,
}

impl<K: Ord, V> Default for Results<K, V> {
    fn default() -> Self {
        Self { places: Mutex::new(BTreeMap::new()) }
    }
}

impl<K: Ord, V> Results<K, V> {
    /// Nothing is waited for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a place for the result of a key; `false`, and nothing changed, if there is one.
    #[must_use = "two that wait under one key would take each other's result"]
    pub fn open(&self, key: K) -> bool {
        let mut places = lock(&self.places);
        let new = !places.contains_key(&key);
        if new {
            places.insert(key, None);
        }
        new
    }

    /// Files a result; `false`, and the value dropped, if no task waits for it or it is not the first.
    #[must_use = "a refused result was dropped"]
    pub fn put(&self, key: &K, value: V) -> bool {
        match lock(&self.places).get_mut(key) {
            Some(place @ None) => {
                *place = Some(value);
                true
            }
            Some(Some(_)) | None => false,
        }
    }

    /// Takes the result of a key, once, and closes its place; `None`, and the place stays open, before it is
    /// there.
    #[must_use]
    pub fn take(&self, key: &K) -> Option<V> {
        let mut places = lock(&self.places);
        let value = places.get_mut(key)?.take()?;
        places.remove(key);
        Some(value)
    }

    /// Closes a place for which no task waits any more; a result that was there is dropped.
    pub fn close(&self, key: &K) {
        lock(&self.places).remove(key);
    }

    /// Places that are open, with a result or without.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.places).len()
    }

    /// Whether nothing is waited for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_result_stands_and_a_late_one_finds_no_place() {
        let results = Results::new();
        assert!(!results.put(&7, "unasked"));
        assert!(results.open(7) && !results.open(7));
        assert_eq!(results.take(&7), None);
        assert!(results.put(&7, "first") && !results.put(&7, "second"));
        assert_eq!(results.take(&7), Some("first"));
        assert_eq!(results.take(&7), None);
        assert!(!results.put(&7, "late") && results.is_empty());
        assert!(results.open(8));
        results.close(&8);
        assert!(!results.put(&8, "given up"));
    }

    #[test]
    fn what_is_done_with_leaves_nothing_behind() {
        let results = Results::new();
        for job in 0..10_000 {
            assert!(results.open(job) && results.put(&job, ()));
            assert!(results.len() <= 2);
            if job % 3 == 0 { results.close(&job) } else { assert_eq!(results.take(&job), Some(())) }
        }
        assert!(results.is_empty());
    }
}
