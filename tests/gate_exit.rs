//! Which exit code wins, for every pair.
#![cfg(not(loom))]

use deadheat::gate::Exit;

/// Most important first; written down here a second time on purpose.
const ORDER: [(Exit, u8); 12] = [
    (Exit::Usage, 2),
    (Exit::Unreachable, 9),
    (Exit::Interrupted, 130),
    (Exit::Invariant, 6),
    (Exit::Internal, 1),
    (Exit::LoadInvalid, 7),
    (Exit::OverBudget, 10),
    (Exit::Threshold, 5),
    (Exit::Regression, 3),
    (Exit::NothingMeasured, 4),
    (Exit::Inconclusive, 8),
    (Exit::Pass, 0),
];

#[test]
fn of_every_pair_the_more_important_decides_whatever_the_order() {
    for (i, (first, code)) in ORDER.into_iter().enumerate() {
        assert_eq!(first.code(), code, "{first:?}");
        for (second, _) in ORDER.into_iter().skip(i) {
            assert_eq!(Exit::most_important(&[first, second]), first, "{first:?} and {second:?}");
            assert_eq!(Exit::most_important(&[second, first]), first, "{second:?} and {first:?}");
        }
    }
}

#[test]
fn no_reason_is_a_pass() {
    assert_eq!(Exit::most_important(&[]), Exit::Pass);
}
