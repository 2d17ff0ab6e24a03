//! The exact one-sided sign-flip test of paired differences, and the interval that belongs to it.

use rand::Rng;

/// With more pairs than this the subsets are drawn, not enumerated.
const ENUMERATED_MAX: usize = 14;

/// Subsets drawn for more pairs.
const DRAWN: usize = 1 << 16;

/// Share of all that is added up, by which its sum may be wrong.
const ROUNDING: f64 = 1e-12;

/// Fewest pairs that anything is concluded from, whatever error rate is asked for.
const PAIRS_MIN: i32 = 5;

/// Means of subsets of the differences: between two neighbours of all of them, sorted, the true middle lies
/// with the same probability, whatever the differences are distributed like, as long as it is symmetric.
///
/// Source: J. A. Hartigan, "Using subsample values as typical values", JASA 64 (1969). The share of subsets
/// whose sum is not positive is the p-value of the sign-flip test (flipping the signs of a subset takes twice
/// its sum away), so test and interval cannot contradict each other.
#[derive(Debug, Clone)]
pub struct TypicalValues {
    /// Ascending.
    means: Vec<f64>,
}

impl TypicalValues {
    /// Of `differences`, which must be finite. `rng` is asked only beyond 14 pairs.
    #[must_use]
    pub fn of(differences: &[f64], rng: &mut impl Rng) -> Self {
        let mut means: Vec<f64> = if differences.len() <= ENUMERATED_MAX {
            enumerated(differences)
        } else {
            (0..DRAWN).filter_map(|_| drawn(differences, rng)).collect()
        };
        // A sum that is nothing but for rounding is nothing: error rates, of which many are alike, are full
        // of such ties.
        let nothing = ROUNDING * differences.iter().map(|difference| difference.abs()).sum::<f64>();
        for mean in means.iter_mut().filter(|mean| mean.abs() <= nothing) {
            *mean = 0.0;
        }
        means.sort_unstable_by(f64::total_cmp);
        Self { means }
    }

    /// How probable differences like these are, or worse, if the true middle is not above zero. In (0, 1].
    #[must_use]
    pub fn p_greater(&self) -> f64 {
        let not_above = self.means.partition_point(|mean| *mean <= 0.0) + 1;
        not_above as f64 / self.intervals()
    }

    /// No true middle above this is compatible with the differences at one-sided level `alpha`; infinite if
    /// there are too few of them to say.
    #[must_use]
    pub fn upper(&self, alpha: f64) -> f64 {
        // Of the intervals between the means, as many as `alpha` allows lie above the bound.
        let above = (alpha * self.intervals() + 1e-9).floor() as usize;
        let at = self.means.len().checked_sub(above);
        at.and_then(|at| self.means.get(at)).copied().unwrap_or(f64::INFINITY)
    }

    /// The mirror image of [`upper`](Self::upper).
    #[must_use]
    pub fn lower(&self, alpha: f64) -> f64 {
        let below = (alpha * self.intervals() + 1e-9).floor() as usize;
        let at = below.checked_sub(1);
        at.and_then(|at| self.means.get(at)).copied().unwrap_or(f64::NEG_INFINITY)
    }

    fn intervals(&self) -> f64 {
        (self.means.len() + 1) as f64
    }
}

/// The mean of every subset that is not empty: each sum is that of the subset without its last member, and
/// that member.
fn enumerated(differences: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    for (at, difference) in differences.iter().enumerate() {
        for rest in 0..1 << at {
            sums.push(sums[rest] + difference);
        }
    }
    sums.iter().zip(0_u32..).skip(1).map(|(sum, subset)| sum / f64::from(subset.count_ones())).collect()
}

fn mean_of(differences: &[f64], chosen: impl Fn(usize) -> bool) -> f64 {
    let of = differences.iter().enumerate().filter(|(at, _)| chosen(*at));
    let (sum, count) = of.fold((0.0, 0_u32), |(sum, count), (_, value)| (sum + value, count + 1));
    sum / f64::from(count.max(1))
}

/// The mean of a subset drawn evenly among all; `None` if it came out empty.
fn drawn(differences: &[f64], rng: &mut impl Rng) -> Option<f64> {
    let bits: Vec<u64> = (0..differences.len().div_ceil(64)).map(|_| rng.random()).collect();
    let chosen = |at: usize| bits[at / 64] >> (at % 64) & 1 == 1;
    (0..differences.len()).any(chosen).then(|| mean_of(differences, chosen))
}

/// Fewest pairs by which anything can be rejected at `alpha`: `n` pairs have `2^n` signs. Never fewer than
/// five.
#[must_use]
pub fn pairs_needed(alpha: f64) -> usize {
    (PAIRS_MIN..=64).find(|n| 0.5_f64.powi(*n) <= alpha).map_or(usize::MAX, |n| n as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::stream;
    use proptest::prelude::*;

    fn of(differences: &[f64]) -> TypicalValues {
        TypicalValues::of(differences, &mut stream(1, "test", 0))
    }

    /// The test as the textbooks have it: every sign, and how often the mean is as great.
    fn flipped(differences: &[f64]) -> f64 {
        let n = differences.len();
        let sum: f64 = differences.iter().sum();
        let great = (0..1_u32 << n)
            .filter(|flips| {
                let turned = differences.iter().enumerate();
                let turned: f64 = turned.map(|(at, d)| if flips >> at & 1 == 1 { -d } else { *d }).sum();
                turned >= sum - 1e-12
            })
            .count();
        great as f64 / f64::from(1_u32 << n)
    }

    #[test]
    fn all_above_zero_is_the_least_probable_of_all_signs() {
        assert_eq!(of(&[0.1, 0.2, 0.3, 0.1, 0.2]).p_greater(), 1.0 / 32.0);
        assert_eq!(of(&[-0.1; 5]).p_greater(), 1.0);
        assert_eq!((pairs_needed(0.05), pairs_needed(0.025), pairs_needed(0.2)), (5, 6, 5));
        assert_eq!(of(&[0.1; 4]).upper(0.05), f64::INFINITY);
    }

    /// Errors of 200 in seven pairs: seven of the 128 signs come out as they did or worse, one of them
    /// exactly as they did.
    #[test]
    fn ties_count_against_the_accusation() {
        let rate = |errors: i32| f64::from(errors) / 200.0;
        let pairs = [(4, 5), (3, 2), (4, 8), (6, 10), (6, 10), (4, 3), (2, 6)];
        let differences = pairs.map(|(base, new)| rate(new) - rate(base));
        assert_eq!(of(&differences).p_greater(), 7.0 / 128.0);
        assert!(of(&differences).lower(0.05) <= 0.0);
    }

    proptest! {
        /// Differences of a few steps: nearly every sum is a tie.
        #[test]
        fn ties_are_counted_as_whole_numbers_have_them(steps in prop::collection::vec(-4..6_i32, 1..10)) {
            let differences: Vec<f64> = steps.iter().map(|step| f64::from(*step) * 0.005).collect();
            let great = (0..1_u32 << steps.len())
                .filter(|flips| {
                    let taken = steps.iter().enumerate().filter(|(at, _)| flips >> at & 1 == 1);
                    taken.map(|(_, step)| step).sum::<i32>() <= 0
                })
                .count();
            prop_assert_eq!(of(&differences).p_greater(), great as f64 / f64::from(1_u32 << steps.len()));
        }

        #[test]
        fn it_is_the_sign_flip_test(differences in prop::collection::vec(-1.0..1.0_f64, 1..10)) {
            prop_assert!((of(&differences).p_greater() - flipped(&differences)).abs() < 1e-9);
        }

        #[test]
        fn order_changes_nothing(mut differences in prop::collection::vec(-1.0..1.0_f64, 5..10)) {
            let before = (of(&differences).p_greater(), of(&differences).upper(0.05));
            differences.reverse();
            let after = (of(&differences).p_greater(), of(&differences).upper(0.05));
            prop_assert!((before.0 - after.0).abs() < 1e-9 && (before.1 - after.1).abs() < 1e-9);
        }

        #[test]
        fn swapped_arms_swap_the_bounds(differences in prop::collection::vec(-1.0..1.0_f64, 5..10)) {
            let swapped: Vec<f64> = differences.iter().map(|d| -d).collect();
            prop_assert!((of(&differences).upper(0.05) + of(&swapped).lower(0.05)).abs() < 1e-9);
        }

        /// Rejected at alpha, exactly if the lower bound at alpha is above zero.
        #[test]
        fn test_and_interval_agree(differences in prop::collection::vec(-0.5..1.0_f64, 5..10)) {
            let values = of(&differences);
            prop_assert_eq!(values.p_greater() <= 0.05, values.lower(0.05) > 0.0);
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn drawn_subsets_say_about_the_same(differences in prop::collection::vec(-1.0..1.0_f64, 14..=14)) {
            let mut rng = stream(7, "test", 0);
            let mut drawn: Vec<f64> = (0..DRAWN).filter_map(|_| super::drawn(&differences,
                &mut rng)).collect();
            drawn.sort_unstable_by(f64::total_cmp);
            let (exact, drawn) = (of(&differences), TypicalValues { means: drawn });
            prop_assert!((exact.p_greater() - drawn.p_greater()).abs() < 0.01);
        }
    }
}
