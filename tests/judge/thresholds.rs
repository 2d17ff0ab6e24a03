//! Thresholds against raw samples, and against nothing at all.

use crate::support;

use deadheat::judge::{Observed, thresholds};
use deadheat::plan::{Aggregate, Bound, Cell, Comparison, Plan, Threshold};
use deadheat::summary::{CounterRow, ThresholdRow};
use deadheat::units::Money;
use hdrhistogram::Histogram;
use proptest::prelude::*;
use support::*;

/// What two cells have to show.
#[derive(Default)]
struct Seen {
    times: Vec<Histogram<u64>>,
    counters: Vec<CounterRow>,
    cost: Vec<Option<Money>>,
}

impl Observed for Seen {
    fn histogram(&self, cell: Cell, metric: &str) -> Option<&Histogram<u64>> {
        self.times.get(usize::from(cell.index)).filter(|_| metric == "ttft" || metric == "first-byte")
    }
    fn counter(&self, cell: Cell) -> Option<&CounterRow> {
        self.counters.get(usize::from(cell.index))
    }
    fn cost(&self, cell: Cell) -> Option<Money> {
        self.cost.get(usize::from(cell.index)).copied().flatten()
    }
}

fn judged(plan: &Plan, seen: &Seen, threshold: Threshold) -> Vec<ThresholdRow> {
    let plan = Plan { thresholds: vec![threshold], ..plan.clone() };
    thresholds(&plan, seen, None)
}

fn two() -> Seen {
    let counters = vec![counter("unbounded"), counter("semaphore")];
    let usd = |text: &str| Some(text.parse().expect("an amount"));
    let times = vec![histogram(&[100 * MS; 400]), histogram(&[300 * MS; 200])];
    Seen { times, counters, cost: vec![usd("0.30 USD"), usd("0.25 USD")] }
}

use Aggregate::*;
use Comparison::*;

#[test]
fn a_distribution_is_judged_in_every_cell() {
    let rows = judged(&plan(), &two(), threshold("ttft", Percentile(99.0), Less, 200e6));
    let seen: Vec<_> = rows.iter().map(|r| (r.strategy.as_str(), r.passed, r.samples)).collect();
    assert_eq!(seen, [("unbounded", true, 400), ("semaphore", false, 200)]);
    assert_eq!(rows[0].observed.as_deref(), Some("100ms"));
}

#[test]
fn filters_select_cells_and_a_filter_that_selects_none_fails() {
    let mut only = threshold("first_byte", Max, Less, 200e6);
    only.filters.insert("strategy".into(), "unbounded".into());
    let rows = judged(&plan(), &two(), only.clone());
    assert_eq!(
        rows.iter().map(|r| (r.strategy.as_str(), r.passed)).collect::<Vec<_>>(),
        [("unbounded", true)]
    );
    only.filters.insert("target".into(), "elsewhere".into());
    let rows = judged(&plan(), &two(), only);
    assert_eq!((rows.len(), rows[0].passed), (1, false));
    assert!(rows[0].why.as_deref().is_some_and(|why| why.contains("match")), "{rows:?}");
}

/// A bound of three samples is no better than a value of three.
#[test]
fn a_baseline_needs_as_many_samples_as_the_run() {
    let mut relative = threshold("ttft", Percentile(95.0), LessEqual, 0.0);
    (relative.bound, relative.min_samples) = (Bound::Baseline(0.10), 200);
    let plan = Plan { thresholds: vec![relative], ..plan() };
    let against = |baseline: &Seen| thresholds(&plan, &two(), Some(baseline));
    let rows = against(&two());
    assert!(rows.iter().all(|row| row.passed), "{rows:?}");
    assert_eq!(rows[0].against.as_deref(), Some("100ms (400 samples), so the bound is 110ms"));
    let few = Seen { times: vec![histogram(&[100 * MS; 3]), histogram(&[300 * MS; 200])], ..two() };
    let rows = against(&few);
    assert_eq!(rows.iter().map(|row| row.passed).collect::<Vec<_>>(), [false, true]);
    let why = rows[0].why.as_deref().expect("a reason");
    assert_eq!(why, "the baseline has too few samples: 3, and 200 are needed to tell");
}

#[test]
fn no_data_fails_for_every_metric_and_comparison() {
    let metrics =
        ["ttft", "cost", "jobs", "error_rate", "goodput", "in_flight", "attempts_per_job", "nonsense"];
    let nothing = {
        let mut row = counter("unbounded");
        (row.planned, row.jobs, row.attempts, row.attempts_ok, row.answered) = (0, 0, 0, 0, 0);
        let counters = vec![row.clone(), row];
        Seen { times: vec![histogram(&[]), histogram(&[])], counters, cost: vec![] }
    };
    for metric in metrics {
        for comparison in [Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual] {
            for (seen, what) in [(&Seen::default(), "empty"), (&nothing, "zero")] {
                for aggregate in [Total, Rate, Percentile(50.0), Count] {
                    let rows = judged(&plan(), seen, threshold(metric, aggregate, comparison, 0.0));
                    assert!(!rows.is_empty() && rows.iter().all(|r| !r.passed), "{metric} {what}: {rows:?}");
                    assert!(
                        rows.iter().all(|r| r.observed.is_none() && r.why.is_some()),
                        "{metric}: {rows:?}"
                    );
                    let says = |r: &ThresholdRow| r.why.as_deref().is_some_and(|why| why.contains("no data"));
                    assert!(metric == "nonsense" || rows.iter().all(says), "{metric} {what}: {rows:?}");
                }
            }
        }
    }
}

#[test]
fn too_few_samples_fail_and_say_how_many_are_needed() {
    let needing = |n| {
        let mut p99 = threshold("ttft", Percentile(99.0), Less, 1e12);
        p99.min_samples = n;
        judged(&plan(), &two(), p99)
    };
    assert!(needing(200).iter().all(|row| row.passed), "exactly enough");
    assert!(!needing(201)[1].passed, "one too few");
    let rows = needing(300);
    assert!(rows[0].passed && !rows[1].passed);
    let why = rows[1].why.as_deref().expect("a reason");
    assert!(why.contains("200") && why.contains("300"), "{why}");
}

#[test]
fn counts_and_cost_are_summed_over_the_cells() {
    let rows = judged(&plan(), &two(), threshold("jobs", Count, Equal, 2000.0));
    assert_eq!((rows.len(), rows[0].passed, rows[0].target.as_str()), (1, true, ""));
    let rows = judged(&plan(), &two(), threshold("cost", Total, Less, 0.5e12));
    assert_eq!((rows.len(), rows[0].passed), (1, false));
    assert_eq!(rows[0].observed.as_deref(), Some("0.55 USD"));
}

#[test]
fn a_cost_with_an_unpriced_part_or_in_another_currency_is_no_cost() {
    let mut seen = two();
    seen.cost[1] = None;
    assert!(!judged(&plan(), &seen, threshold("cost", Total, Less, 1e12))[0].passed);
    let mut yuan = threshold("cost", Total, Less, 1e12);
    yuan.text = "cost: total < 1 CNY".into();
    let rows = judged(&plan(), &two(), yuan);
    assert!(!rows[0].passed && rows[0].why.as_deref().is_some_and(|w| w.contains("CNY")), "{rows:?}");
}

#[test]
fn rates_are_shares_or_per_second() {
    let rows = judged(&plan(), &two(), threshold("error_rate", Rate, Less, 0.1));
    assert_eq!((rows[0].passed, rows[0].observed.as_deref()), (false, Some("10.47%")));
    let rows = judged(&plan(), &two(), threshold("attempts", Rate, GreaterEqual, 111.7));
    assert_eq!((rows.len(), rows[0].passed, rows[0].observed.as_deref()), (2, true, Some("111.70/s")));
}

#[test]
fn attempts_per_job_and_the_most_in_flight_are_judged_per_cell() {
    let rows = judged(&plan(), &two(), threshold("attempts_per_job", Total, Less, 1.2));
    assert_eq!((rows.len(), rows[1].passed, rows[1].observed.as_deref()), (2, true, Some("1.117")));
    let rows = judged(&plan(), &two(), threshold("in_flight", Max, LessEqual, 32.0));
    assert_eq!((rows.len(), rows[1].passed, rows[1].observed.as_deref()), (2, true, Some("32")));
}

#[test]
fn a_value_that_is_no_number_never_passes() {
    let mut seen = two();
    seen.counters.iter_mut().for_each(|row| row.throughput_per_s = f64::NAN);
    for comparison in [Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual] {
        for bound in [0.0, f64::NAN] {
            let rows = judged(&plan(), &seen, threshold("throughput", Rate, comparison, bound));
            assert!(rows.iter().all(|row| !row.passed), "{comparison:?} {bound}");
        }
        let rows = judged(&plan(), &seen, threshold("ttft", Avg, comparison, f64::NAN));
        assert!(rows.iter().all(|row| !row.passed), "{comparison:?}");
    }
}

/// The nearest-rank percentile of raw samples.
fn rank(samples: &[u64], percent: f64) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

proptest! {
    /// Beyond the histogram's precision of three figures, a threshold says what the raw samples say.
    #[test]
    fn percentiles_agree_with_raw_samples(
        samples in prop::collection::vec(1_000u64..10_000_000_000, 1..300),
        percent in prop::sample::select(vec![0.0, 10.0, 50.0, 90.0, 95.0, 99.0, 99.9, 100.0]),
        slack in 0.002f64..0.5,
    ) {
        let exact = rank(&samples, percent) as f64;
        let seen = Seen { times: vec![histogram(&samples), histogram(&samples)], ..Seen::default() };
        for (bound, kept) in [(exact * (1.0 + slack), true), (exact * (1.0 - slack), false)] {
            let rows = judged(&plan(), &seen, threshold("ttft", Percentile(percent), Less, bound));
            prop_assert!(rows.iter().all(|row| row.passed == kept), "{percent} of {exact}: {rows:?}");
            let rows = judged(&plan(), &seen, threshold("ttft", Percentile(percent), Greater, bound));
            prop_assert!(rows.iter().all(|row| row.passed != kept), "{percent} of {exact}: {rows:?}");
        }
    }
}
