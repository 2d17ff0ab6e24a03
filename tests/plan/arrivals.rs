//! The open executors: totals, order, rate, seeds, drift.

use crate::plans;

use deadheat::plan::{Arrivals as Spread, Executor, RateStage};
use deadheat::profile::{ArrivalTime, ArrivalTimes, Load, blocks, planned};
use plans::{constant_rate, open, plan_of};
use proptest::prelude::*;
use std::time::Duration;

fn arrivals_of(executor: Executor, seed: u64, jobs: Option<u64>) -> ArrivalTimes {
    let mut plan = plan_of(vec![executor]);
    (plan.seed, plan.workload.jobs) = (seed, jobs);
    match blocks(&plan).remove(0).remove(0).load {
        Load::Open { arrivals, .. } => arrivals,
        other => panic!("not open: {other:?}"),
    }
}

fn dues_ns(arrivals: impl Iterator<Item = ArrivalTime>) -> Vec<u64> {
    arrivals.map(|a| a.due.as_nanos() as u64).collect()
}

fn seconds(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

fn any_spread() -> impl Strategy<Value = Spread> {
    prop_oneof![
        Just(Spread::Uniform),
        Just(Spread::Poisson),
        (0.05..30.0f64).prop_map(|cv| Spread::Gamma { cv })
    ]
}

fn ramping_rate(start_rate_per_s: f64, stages: Vec<RateStage>, spread: Spread) -> Executor {
    Executor::RampingArrivalRate { start_rate_per_s, stages, open: open(spread) }
}

fn stage(duration_s: f64, target_per_s: f64) -> RateStage {
    RateStage { duration: seconds(duration_s), target_per_s }
}

#[test]
fn ten_million_uniform_arrivals_do_not_drift() {
    for (rate, count) in [(333.3, 10_000_001), (200.0, 200_001), (0.7, 200_001), (1e6, 200_001)] {
        let arrivals = arrivals_of(constant_rate(rate, seconds(1.5e7 / rate), Spread::Uniform), 1, None);
        for (k, arrival) in arrivals.take(count).enumerate().step_by(9_999) {
            let exact_ns = (k as f64 / rate) * 1e9;
            let error_ns = arrival.due.as_nanos() as f64 - exact_ns;
            // Half a nanosecond for rounding, the rest for the error of this test's own division.
            assert!(error_ns.abs() <= 0.5 + exact_ns * 3e-16, "{rate}/s, arrival {k}: {error_ns} ns off");
        }
    }
}

#[test]
fn whole_rates_give_the_times_a_person_would_write_down() {
    let dues = dues_ns(arrivals_of(constant_rate(3.0, seconds(1.0), Spread::Uniform), 1, None));
    assert_eq!(dues, [0, 333_333_333, 666_666_667]);
    let dues = dues_ns(arrivals_of(constant_rate(0.1, seconds(100.0), Spread::Uniform), 1, None));
    assert_eq!(dues, (0..10).map(|k| k * 10_000_000_000).collect::<Vec<_>>());
}

#[test]
fn a_ramp_up_from_zero_and_a_ramp_down_to_zero_mirror_each_other() {
    // Rate 0 to 20/s in 10 s: 100 arrivals, the k-th at sqrt(k) seconds.
    let up = dues_ns(arrivals_of(ramping_rate(0.0, vec![stage(10.0, 20.0)], Spread::Uniform), 1, None));
    assert_eq!(up.len(), 100);
    for (k, due) in up.iter().enumerate() {
        assert!((*due as f64 - (k as f64).sqrt() * 1e9).abs() <= 1.0, "arrival {k} at {due}");
    }
    // 20/s to 0: the k-th at 10 − sqrt(100 − k) seconds, right up to the last one.
    let down = dues_ns(arrivals_of(ramping_rate(20.0, vec![stage(10.0, 0.0)], Spread::Uniform), 1, None));
    assert_eq!(down.len(), 100);
    for (k, due) in down.iter().enumerate() {
        assert!(
            (*due as f64 - (10.0 - (100.0 - k as f64).sqrt()) * 1e9).abs() <= 1.0,
            "arrival {k} at {due}"
        );
    }
}

#[test]
fn the_last_arrival_of_a_ramp_to_zero_is_not_lost_in_rounding() {
    // One million arrivals and 625·2^-40 of one: the last is due when that little is left. Solved from the
    // ramp's start, nothing but rounding error would be left of it, some 40 µs.
    let (rate, length_s) = (100.0 + 2f64.powi(-44), 20_000.0);
    let mut arrivals = arrivals_of(ramping_rate(rate, vec![stage(length_s, 0.0)], Spread::Uniform), 1, None);
    let last = arrivals.nth(1_000_000).expect("the last arrival");
    let before_end_s = (2.0 * length_s * 625.0 * 2f64.powi(-40) / rate).sqrt();
    let error_s = (seconds(length_s) - last.due).as_secs_f64() - before_end_s;
    assert!(error_s.abs() < 1e-9, "{error_s} s off");
    assert_eq!(arrivals.next(), None);
}

#[test]
fn silence_and_jumps_between_stages() {
    let stages = vec![stage(10.0, 0.0), stage(0.0, 2.0), stage(2.0, 2.0), stage(0.0, 0.0), stage(5.0, 0.0)];
    let dues = dues_ns(arrivals_of(ramping_rate(0.0, stages, Spread::Uniform), 1, None));
    assert_eq!(dues, [10_000_000_000, 10_500_000_000, 11_000_000_000, 11_500_000_000]);
}

#[test]
fn jobs_cut_arrivals_off_and_the_load_ends_there() {
    let mut plan = plan_of(vec![constant_rate(10.0, seconds(3600.0), Spread::Uniform)]);
    (plan.workload.jobs, plan.blocks) = (Some(40), 4);
    assert_eq!(planned(&plan), Some(40));
    for block in blocks(&plan) {
        let Load::Open { arrivals, end, .. } = &block[0].load else { panic!("not open") };
        assert_eq!((arrivals.clone().count(), *end), (10, seconds(1.0)), "blocks must share the jobs evenly");
        assert!((arrivals.offered_per_s() - 10.0).abs() < 1e-9);
    }
}

#[test]
fn random_arrivals_keep_their_rate_in_every_window() {
    for spread in [Spread::Poisson, Spread::Gamma { cv: 0.3 }, Spread::Gamma { cv: 3.0 }] {
        let cv = match spread {
            Spread::Gamma { cv } => cv,
            _ => 1.0,
        };
        for seed in 0..5 {
            let dues = dues_ns(arrivals_of(constant_rate(500.0, seconds(100.0), spread), seed, None));
            for window in 0..10 {
                let inside = dues.iter().filter(|due| **due / 10_000_000_000 == window).count() as f64;
                // Counts of a renewal process spread by cv·sqrt(n); 50 windows × 3, so 5 sigmas.
                let band = 5.0 * cv * 5000f64.sqrt() + 5.0 * cv * cv;
                assert!((inside - 5000.0).abs() < band, "{spread:?}, seed {seed}, window {window}: {inside}");
            }
            let gaps: Vec<f64> = dues.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            let seen = variance.sqrt() / mean;
            assert!((seen / cv - 1.0).abs() < 0.1, "{spread:?}, seed {seed}: cv of the gaps is {seen}");
        }
    }
}

#[test]
fn seeds_do_not_lean_to_one_side() {
    for spread in [Spread::Poisson, Spread::Gamma { cv: 0.5 }] {
        let count =
            |seed| arrivals_of(constant_rate(100.0, seconds(10.0), spread), seed, None).count() as f64;
        let mean = (0..400).map(count).sum::<f64>() / 400.0;
        // A mean of 400 counts, each 32 wide at the most.
        assert!((mean - 1000.0).abs() < 5.0 * 32.0 / 20.0, "{spread:?}: {mean} on average");
    }
}

#[test]
fn a_poisson_ramp_follows_its_rate() {
    // 0 to 1000/s in 40 s: a quarter of 20,000 arrivals in the first half.
    let dues = dues_ns(arrivals_of(ramping_rate(0.0, vec![stage(40.0, 1000.0)], Spread::Poisson), 7, None));
    let early = dues.iter().filter(|due| **due < 20_000_000_000).count() as f64;
    assert!((early - 5000.0).abs() < 5.0 * 5000f64.sqrt(), "{early} in the first half");
    assert!((dues.len() as f64 - 20_000.0).abs() < 5.0 * 20_000f64.sqrt(), "{} in all", dues.len());
}

#[test]
fn seeds_decide_and_nothing_else() {
    let dues = |seed, spread| dues_ns(arrivals_of(constant_rate(50.0, seconds(20.0), spread), seed, None));
    for spread in [Spread::Poisson, Spread::Gamma { cv: 2.0 }] {
        assert_eq!(dues(1, spread), dues(1, spread));
        assert_ne!(dues(1, spread), dues(2, spread));
    }
    let twice = vec![constant_rate(50.0, seconds(20.0), Spread::Poisson); 2];
    let phases = blocks(&plan_of(twice)).remove(0);
    let [first, second] = [0, 1].map(|p| match &phases[p].load {
        Load::Open { arrivals, .. } => dues_ns(arrivals.clone()),
        other => panic!("not open: {other:?}"),
    });
    assert_ne!(first, second, "phases must not share a stream");
}

#[test]
fn extreme_rates_neither_panic_nor_leave_the_phase() {
    let hours = seconds(4.0 * 3600.0);
    for rate in [0.0, 1e-300, 1e-6, 1e-3, 1e6, 1e9, 1e300, f64::NAN, f64::INFINITY, -1.0] {
        for spread in
            [Spread::Uniform, Spread::Poisson, Spread::Gamma { cv: 1e9 }, Spread::Gamma { cv: 1e-300 }]
        {
            let shapes = [
                constant_rate(rate, hours, spread),
                ramping_rate(0.0, vec![stage(hours.as_secs_f64(), rate)], spread),
                ramping_rate(rate, vec![stage(hours.as_secs_f64(), 0.0), stage(1.0, rate)], spread),
                ramping_rate(rate, vec![RateStage { duration: Duration::MAX, target_per_s: rate }], spread),
            ];
            for shape in shapes {
                let taken: Vec<_> = arrivals_of(shape.clone(), 3, None).take(2000).collect();
                assert!(taken.windows(2).all(|w| w[0].due <= w[1].due), "{shape:?}");
            }
        }
    }
    let slow = dues_ns(arrivals_of(constant_rate(1e-6, seconds(2.5e6), Spread::Uniform), 1, None));
    assert_eq!(slow, [0, 1_000_000_000_000_000, 2_000_000_000_000_000]);
    assert_eq!(planned(&plan_of(vec![constant_rate(1e6, hours, Spread::Uniform)])), Some(14_400_000_000));
}

proptest! {
    #[test]
    fn uniform_totals_are_the_integral_rounded_up(
        rate in 0.01..5000.0f64, to in 0.0..5000.0f64, length_s in 0.01..20.0f64,
    ) {
        let expected = (rate + to) / 2.0 * length_s;
        let shape = ramping_rate(rate, vec![stage(length_s, to)], Spread::Uniform);
        let count = arrivals_of(shape.clone(), 1, None).count() as f64;
        // The stage is a whole number of nanoseconds long.
        let slack = (rate + to) * 1e-9 + 1e-9;
        prop_assert!((expected - slack).ceil() <= count && count <= (expected + slack).ceil());
        prop_assert_eq!(planned(&plan_of(vec![shape])), Some(count as u64));
    }

    #[test]
    fn dues_never_go_back_and_jobs_count_up(
        seed: u64, spread in any_spread(), start in 0.0..2000.0f64,
        stages in prop::collection::vec((0.0..2.0f64, 0.0..2000.0f64), 1..5),
    ) {
        let stages: Vec<_> = stages.into_iter().map(|(d, r)| stage(d, r)).collect();
        let end: Duration = stages.iter().map(|s| s.duration).sum();
        let all: Vec<_> = arrivals_of(ramping_rate(start, stages, spread), seed, None).collect();
        prop_assert!(all.windows(2).all(|w| w[0].due <= w[1].due));
        prop_assert!(all.iter().enumerate().all(|(k, a)| a.job == k as u64 && a.due < end));
    }

    #[test]
    fn stripes_share_the_arrivals_out(seed: u64, spread in any_spread(), threads in 1..7u32) {
        let arrivals = arrivals_of(constant_rate(300.0, seconds(2.0), spread), seed, None);
        let mut striped: Vec<_> = (0..threads).flat_map(|t| arrivals.clone().stripe(t, threads)).collect();
        striped.sort_by_key(|a| a.job);
        prop_assert_eq!(striped, arrivals.collect::<Vec<_>>());
    }

    #[test]
    fn any_open_profile_is_what_the_open_settings_say(max in any::<Option<u32>>()) {
        let executor = Executor::ConstantArrivalRate {
            rate_per_s: 1.0,
            duration: seconds(1.0),
            open: deadheat::plan::Open { max_in_flight: max, ..open(Spread::Uniform) },
        };
        match blocks(&plan_of(vec![executor])).remove(0).remove(0).load {
            Load::Open { open, .. } => prop_assert_eq!(open.max_in_flight, max),
            other => panic!("not open: {other:?}"),
        }
    }
}
