//! How many attempts were in flight at once.

use crate::history::{AttemptRow, JobKey, LedgerRow};

/// From when to when each attempt of the ledger was open: until either side had closed it, for a provider
/// learns late that its client has gone. Both sorted by job and number.
pub(super) fn open_times<'a>(
    attempts: &'a [AttemptRow],
    ledger: &'a [LedgerRow],
) -> impl Iterator<Item = (u64, u64)> + 'a {
    let mut rest = attempts;
    ledger.iter().map(move |row| {
        let JobKey::Own(job) = row.job else { return (row.arrived_ns, row.ended_ns) };
        let key = (job, row.attempt);
        rest = &rest[rest.iter().take_while(|a| (a.job, a.n) < key).count()..];
        let mut same = rest.iter().take_while(|a| (a.job, a.n) == key);
        // Several attempts with one number cannot be told apart.
        let closed_ns = match (same.next(), same.next()) {
            (Some(client), None) => row.ended_ns.min(client.done_ns),
            _ => row.ended_ns,
        };
        (row.arrived_ns, closed_ns)
    })
}

/// The most intervals `(start, end)` that overlap at any moment. One that ends as another starts does not
/// overlap it; an interval that ends before it starts counts as a moment.
pub(super) fn most_at_once(intervals: impl Iterator<Item = (u64, u64)>) -> u64 {
    let (mut starts, mut ends): (Vec<u64>, Vec<u64>) = intervals.map(|(s, e)| (s, e.max(s))).unzip();
    starts.sort_unstable();
    ends.sort_unstable();
    let (mut ended, mut most) = (0, 0);
    for (started, start) in starts.iter().enumerate() {
        while ends.get(ended).is_some_and(|end| end <= start) && ended < started {
            ended += 1;
        }
        most = most.max(started + 1 - ended);
    }
    most as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn back_to_back_is_one_at_a_time() {
        assert_eq!(most_at_once([(0, 10), (10, 20), (20, 30)].into_iter()), 1);
        assert_eq!(most_at_once([(0, 11), (10, 20)].into_iter()), 2);
        assert_eq!(most_at_once(std::iter::empty()), 0);
        assert_eq!(most_at_once([(5, 3)].into_iter()), 1);
    }

    proptest! {
        #[test]
        fn agrees_with_counting(intervals in proptest::collection::vec((0..50u64, 1..20u64), 0..40)) {
            let intervals: Vec<_> = intervals.into_iter().map(|(s, l)| (s, s + l)).collect();
            let at = |t: u64| intervals.iter().filter(|(s, e)| *s <= t && t < *e).count() as u64;
            let counted = (0..80).map(at).max().unwrap_or(0);
            prop_assert_eq!(most_at_once(intervals.iter().copied()), counted);
        }
    }
}
