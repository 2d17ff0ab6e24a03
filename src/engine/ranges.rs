//! Which numbers of a sequence have been seen: nearly all in order, so a few ranges say it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A set of numbers as ranges from a first to a last, both inside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds a number; `false` if it was there.
    pub(super) fn insert(&mut self, n: u64) -> bool {
        if self.contains(n) {
            return false;
        }
        let below = self.0.range(..n).next_back().map(|(first, last)| (*first, *last));
        let first = below.filter(|(_, last)| last + 1 == n).map_or(n, |(first, _)| first);
        let last = n.checked_add(1).and_then(|next| self.0.remove(&next)).unwrap_or(n);
        self.0.insert(first, last);
        true
    }

    pub(super) fn contains(&self, n: u64) -> bool {
        self.0.range(..=n).next_back().is_some_and(|(_, last)| n <= *last)
    }

    /// The last number of the set up to this one.
    pub(super) fn last(&self, limit: u64) -> Option<u64> {
        self.0.range(..=limit).next_back().map(|(_, last)| *last.min(&limit))
    }

    /// How many numbers.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }
}

impl From<Vec<(u64, u64)>> for Ranges {
    fn from(ranges: Vec<(u64, u64)>) -> Self {
        Self(ranges.into_iter().collect())
    }
}

impl From<Ranges> for Vec<(u64, u64)> {
    fn from(ranges: Ranges) -> Self {
        ranges.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn they_are_a_set(numbers in proptest::collection::vec(0..60u64, 0..60)) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for n in numbers {
                prop_assert_eq!(ranges.insert(n), set.insert(n));
            }
            prop_assert_eq!(ranges.count(), set.len() as u64);
            for n in 0..60 {
                prop_assert_eq!(ranges.contains(n), set.contains(&n));
                prop_assert_eq!(ranges.last(n), set.range(..=n).next_back().copied());
            }
            let text = serde_json::to_string(&ranges).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Ranges>(&text).expect("ranges"), ranges);
        }
    }

    #[test]
    fn what_comes_in_order_is_one_range() {
        let mut ranges = Ranges::default();
        for n in [2, 0, 1, 3, u64::MAX] {
            ranges.insert(n);
        }
        assert_eq!(Vec::from(ranges), [(0, 3), (u64::MAX, u64::MAX)]);
    }
}
