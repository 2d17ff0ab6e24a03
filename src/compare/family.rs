//! The rule for measured values: which of a family of paired differences is a regression.

use super::sign_flip::{TypicalValues, pairs_needed};
use crate::seed::stream;
use crate::summary::TimedVerdict;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// One measure's differences, NEW minus BASE, a pair each: log-ratios of times, or differences of shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The differences, all finite.
    pub differences: Vec<f64>,
    /// Differences below this are no regression, on the scale of `differences`.
    pub floor: f64,
}

/// What the rule makes of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruled {
    /// Mean difference.
    pub mean: f64,
    /// Lower end of its one-sided interval at the level of the rule; not finite with too few pairs.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Of the sign-flip test.
    pub p: f64,
    /// After Holm's correction.
    pub p_adjusted: f64,
    /// The smallest mean difference that four in five such comparisons would call a regression; `None` with
    /// fewer pairs than could call anything one.
    pub detectable: Option<f64>,
    /// What may be concluded.
    pub verdict: TimedVerdict,
}

/// Rules on a family of measures, such that the chance of any false regression in all of it is at most
/// `alpha`.
///
/// A series regressed if its exact one-sided sign-flip test rejects after Holm's correction **and** its mean
/// is at least the floor. It passes if the upper end of its interval is below the floor: a pass is shown, not
/// assumed. Else it is inconclusive.
///
/// A series without any difference cannot be rejected and so costs the others nothing: whether it is one is
/// the same whichever arm is called NEW, which is all that the test leaves to chance. Sources: S. Holm, "A
/// simple sequentially rejective multiple test procedure" (1979); D. Schuirmann on equivalence by one-sided
/// tests (1987).
#[must_use]
pub fn rule(family: &[Series], alpha: f64, seed: u64) -> Vec<Ruled> {
    let typical: Vec<TypicalValues> = (0..)
        .zip(family)
        .map(|(number, series)| TypicalValues::of(&series.differences, &mut stream(seed, "compare", number)))
        .collect();
    let raw: Vec<f64> = typical.iter().map(TypicalValues::p_greater).collect();
    let differs: Vec<bool> =
        family.iter().map(|series| series.differences.iter().any(|difference| *difference != 0.0)).collect();
    let size = differs.iter().filter(|differs| **differs).count();
    let among: Vec<f64> =
        raw.iter().zip(&differs).filter(|(_, differs)| **differs).map(|(p, _)| *p).collect();
    let mut among = holm(&among).into_iter();
    let adjusted = differs.iter().map(|differs| if *differs { among.next().unwrap_or(1.0) } else { 1.0 });
    let ruled = family.iter().zip(&typical).zip(raw.iter().zip(adjusted.collect::<Vec<_>>()));
    ruled
        .map(|((series, typical), (p, p_adjusted))| {
            let mean = mean(&series.differences);
            let upper = typical.upper(alpha);
            let verdict = if p_adjusted <= alpha && mean >= series.floor {
                TimedVerdict::Regressed
            } else if upper < series.floor {
                TimedVerdict::Pass
            } else {
                TimedVerdict::Inconclusive
            };
            let lower = typical.lower(alpha);
            let n = series.differences.len();
            let first_step = alpha / size.max(1) as f64;
            let detectable = detectable(deviation(&series.differences), n, first_step, series.floor);
            Ruled { mean, lower, upper, p: *p, p_adjusted, detectable, verdict }
        })
        .collect()
}

/// Holm's step-down adjustment: comparing each with `alpha` keeps the error rate of the whole family.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_unstable_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut adjusted, mut least) = (vec![1.0; p.len()], 0.0_f64);
    for (step, at) in order.into_iter().enumerate() {
        least = least.max((p[at] * (p.len() - step) as f64).min(1.0));
        adjusted[at] = least;
    }
    adjusted
}

/// The smallest mean difference that `n` pairs whose differences have this standard deviation call a
/// regression four times in five, at one-sided level `alpha` (of Holm's first step, in a family). `None` with
/// fewer pairs than are needed for one.
///
/// The mean has to come out above `floor`: floor + t₀.₈ · sd ⁄ √n. And the test has to reject: (t₁₋ₐ + t₀.₈)
/// · sd ⁄ √n, with n − 1 degrees of freedom; or, where `alpha` allows one outcome of the signs alone, all `n`
/// have to be above zero.
#[must_use]
pub fn detectable(deviation: f64, n: usize, alpha: f64, floor: f64) -> Option<f64> {
    if n < pairs_needed(alpha) {
        return None;
    }
    let t = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?;
    let (found, error) = (t.inverse_cdf(0.8), deviation / (n as f64).sqrt());
    let rejected = (t.inverse_cdf(1.0 - alpha) + found) * error;
    let outcomes = alpha * (n as f64).exp2();
    let all_above = Normal::standard().inverse_cdf(0.8_f64.powf(1.0 / n as f64)) * deviation;
    let rejected = if outcomes < 2.0 { rejected.max(all_above) } else { rejected };
    Some(rejected.max(floor + found * error))
}

/// Arithmetic mean; 0 of nothing.
#[must_use]
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / (values.len().max(1)) as f64
}

/// Standard deviation of a sample; 0 of fewer than two.
#[must_use]
pub(super) fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len().max(2) - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::Rng;

    fn series(differences: &[f64]) -> Series {
        Series { differences: differences.to_vec(), floor: 1.05_f64.ln() }
    }

    fn verdict(differences: &[f64]) -> TimedVerdict {
        rule(&[series(differences)], 0.05, 1)[0].verdict
    }

    #[test]
    fn worse_the_same_and_too_noisy_to_tell() {
        assert_eq!(verdict(&[0.11, 0.09, 0.10, 0.12, 0.10, 0.08]), TimedVerdict::Regressed);
        assert_eq!(verdict(&[0.01, -0.01, 0.00, 0.02, -0.02, 0.01]), TimedVerdict::Pass);
        assert_eq!(verdict(&[0.30, -0.25, 0.10, 0.20, -0.20, 0.15]), TimedVerdict::Inconclusive);
        // Certainly slower, and by less than the effect floor: the upper end is below the floor.
        assert_eq!(verdict(&[0.020, 0.021, 0.019, 0.020, 0.022, 0.018]), TimedVerdict::Pass);
        assert_eq!(verdict(&[0.0; 6]), TimedVerdict::Pass);
    }

    #[test]
    fn four_pairs_can_never_reject() {
        assert_eq!(verdict(&[0.5; 4]), TimedVerdict::Inconclusive);
        assert_eq!(verdict(&[0.5; 5]), TimedVerdict::Regressed);
    }

    #[test]
    fn holm_is_the_textbook_s() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        assert!(adjusted.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{adjusted:?}");
    }

    #[test]
    fn what_can_be_found_by_n_pairs() {
        let found = |n, alpha, floor| detectable(0.05, n, alpha, floor).map(|share| (share * 1000.0).round());
        assert_eq!([6, 8, 10, 12].map(|n| found(n, 0.05, 0.0)), [60.0, 49.0, 43.0, 39.0].map(Some));
        // Five pairs reject if all of them are above zero, and no other way.
        assert_eq!((found(5, 0.05, 0.0), found(4, 0.05, 0.0)), (Some(85.0), None));
        // A family of four needs seven, and more of an effect.
        assert_eq!((found(6, 0.0125, 0.0), found(8, 0.0125, 0.0)), (None, Some(66.0)));
        // An effect as large as the floor comes out below it every other time.
        assert_eq!(found(30, 0.05, 0.05), Some(58.0));
        assert_eq!(detectable(0.0, 7, 0.05, 0.05), Some(0.05));
    }

    /// Drawn from a normal distribution, what is said to be found four times in five is.
    #[test]
    fn what_is_said_to_be_found_four_times_in_five_is() {
        for (n, family, deviation) in [(5, 1, 0.05), (7, 4, 0.05), (8, 3, 0.02), (10, 4, 0.05)] {
            let least =
                detectable(deviation, n, 0.05 / f64::from(family), 1.05_f64.ln()).expect("enough pairs");
            let mut rng = stream(5, "found", n as u64);
            let mut drawn = |mean: f64| {
                let mut one =
                    || mean + deviation * Normal::standard().inverse_cdf(rng.random_range(1e-9..1.0));
                series(&(0..n).map(|_| one()).collect::<Vec<f64>>())
            };
            let found = (0..400).filter(|number| {
                let family: Vec<Series> =
                    (0..family).map(|at| drawn(if at == 0 { least } else { 0.0 })).collect();
                rule(&family, 0.05, *number)[0].verdict == TimedVerdict::Regressed
            });
            let share = found.count() as f64 / 400.0;
            assert!((0.72..0.95).contains(&share), "{n} pairs, {family} measures: {share}");
        }
    }

    #[test]
    fn what_never_differs_costs_the_others_nothing() {
        let worse = series(&[0.11, 0.09, 0.10, 0.12, 0.10]);
        let ruled = rule(&[series(&[0.0; 5]), worse, series(&[0.0; 5])], 0.05, 1);
        let verdicts: Vec<TimedVerdict> = ruled.iter().map(|ruled| ruled.verdict).collect();
        assert_eq!(verdicts, [TimedVerdict::Pass, TimedVerdict::Regressed, TimedVerdict::Pass]);
    }

    proptest! {
        #[test]
        fn a_family_never_accuses_more_than_its_members_alone(
            family in prop::collection::vec(prop::collection::vec(-0.2..0.3_f64, 6), 1..5),
        ) {
            let family: Vec<Series> = family.iter().map(|differences| series(differences)).collect();
            for (one, ruled) in family.iter().zip(rule(&family, 0.05, 1)) {
                let alone = &rule(std::slice::from_ref(one), 0.05, 1)[0];
                prop_assert!(ruled.p_adjusted >= alone.p_adjusted);
                prop_assert!((ruled.verdict == TimedVerdict::Pass) == (alone.verdict == TimedVerdict::Pass)
                    || alone.verdict == TimedVerdict::Regressed);
            }
        }
    }
}
