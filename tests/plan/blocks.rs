//! Blocks put end to end are the uncut load; workers follow their stages.

use crate::plans;

use deadheat::plan::{Arrivals as Spread, Executor, Plan, Stage};
use deadheat::profile::{Load, Piece, RESERVED_JOBS, VusCurve, blocks, planned};
use plans::{constant_rate, open, plan_of};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// What a block's part of a phase says, on the phase's own timeline: jobs, with due times if it has any.
fn unfold(piece: &Piece, elapsed: Duration) -> Vec<(u64, Option<Duration>)> {
    let on_phase = |offset: Duration| offset - piece.start + elapsed;
    match &piece.load {
        Load::Open { arrivals, .. } => arrivals.clone().map(|a| (a.job, Some(on_phase(a.due)))).collect(),
        Load::Vus { jobs, .. } => (0..jobs.count.unwrap_or(0)).map(|k| (jobs.first + k, None)).collect(),
        Load::PerVu { vus, iterations, total_iterations, first_job, .. } => (0..u64::from(*vus))
            .flat_map(|v| iterations.clone().map(move |i| (first_job + v * total_iterations + i, None)))
            .collect(),
        Load::Barrier { size, rounds, first_job } => rounds
            .clone()
            .flat_map(|r| (0..u64::from(*size)).map(move |k| (first_job + r * u64::from(*size) + k, None)))
            .collect(),
    }
}

/// All blocks' parts of one phase, put end to end, and how long they last together.
fn end_to_end(plan: &Plan, phase: usize) -> (Vec<(u64, Option<Duration>)>, Duration) {
    put_together(&blocks(plan), phase)
}

fn put_together(blocks: &[Vec<Piece>], phase: usize) -> (Vec<(u64, Option<Duration>)>, Duration) {
    let (mut all, mut elapsed) = (Vec::new(), Duration::ZERO);
    for block in blocks {
        for piece in block.iter().filter(|p| p.phase == phase) {
            all.extend(unfold(piece, elapsed));
            elapsed += piece.load.end().map_or(Duration::ZERO, |end| end - piece.start);
        }
    }
    if all.iter().all(|(_, due)| due.is_none()) {
        all.sort_unstable();
    }
    (all, elapsed)
}

fn any_executor() -> impl Strategy<Value = Executor> {
    let spread = prop_oneof![Just(Spread::Uniform), Just(Spread::Poisson), Just(Spread::Gamma { cv: 4.0 })];
    let ns = 1..3_000_000_000u64;
    let rate = 0.0..400.0f64;
    let time = || prop::option::of((1..9_000u64).prop_map(Duration::from_millis));
    prop_oneof![
        (rate.clone(), ns.clone(), spread.clone()).prop_map(|(rate, ns, spread)| constant_rate(
            rate,
            Duration::from_nanos(ns),
            spread
        )),
        (rate.clone(), prop::collection::vec((ns, rate), 1..4), spread).prop_map(
            |(start, stages, spread)| {
                let stage = |(ns, target_per_s)| deadheat::plan::RateStage {
                    duration: Duration::from_nanos(ns),
                    target_per_s,
                };
                Executor::RampingArrivalRate {
                    start_rate_per_s: start,
                    stages: stages.into_iter().map(stage).collect(),
                    open: open(spread),
                }
            }
        ),
        (1..9u32, time()).prop_map(|(vus, duration)| Executor::ConstantVus { vus, duration }),
        (1..9u32, 1..200u64, time()).prop_map(|(vus, iterations, max_duration)| Executor::SharedIterations {
            vus,
            iterations,
            max_duration
        }),
        (1..9u32, 1..40u64, time()).prop_map(|(vus, iterations, max_duration)| Executor::PerVuIterations {
            vus,
            iterations,
            max_duration
        }),
        (1..9u32, 1..40u64).prop_map(|(size, rounds)| Executor::Barrier { size, rounds }),
    ]
}

proptest! {
    #[test]
    fn blocks_end_to_end_are_the_uncut_load(
        executors in prop::collection::vec(any_executor(), 1..4), seed: u64, blocks in 1..9u32,
        jobs in 1..700u64, start_ns in 0..5_000_000_000u64,
    ) {
        let mut whole = plan_of(executors);
        (whole.seed, whole.workload.jobs) = (seed, Some(jobs));
        for phase in &mut whole.phases {
            phase.start_time = Duration::from_nanos(start_ns);
        }
        let cut = Plan { blocks, ..whole.clone() };
        let mut seen = BTreeSet::new();
        for phase in 0..whole.phases.len() {
            let uncut = end_to_end(&whole, phase);
            prop_assert_eq!(&uncut.0, &end_to_end(&cut, phase).0);
            for (job, _) in uncut.0 {
                prop_assert!(seen.insert(job), "job {} in two phases", job);
            }
        }
        prop_assert_eq!(seen.len() as u64, planned(&whole).expect("all phases are counted"));
        prop_assert_eq!(seen.last().map_or(0, |last| last + 1), seen.len() as u64);
    }

    #[test]
    fn blocks_run_one_by_one_are_the_whole(
        executors in prop::collection::vec(any_executor(), 1..4), seed: u64, of in 1..9u32, jobs in 1..700u64,
        warmup_ns in 0..5_000_000_000u64,
    ) {
        let mut whole = plan_of(executors);
        (whole.seed, whole.workload.jobs, whole.blocks) = (seed, Some(jobs), of);
        whole.phases[0].warmup = Duration::from_nanos(warmup_ns);
        let alone = |number| Plan { only_block: Some(number), ..whole.clone() };
        let single: Vec<Vec<Vec<Piece>>> = (1..=of).map(|number| blocks(&alone(number))).collect();
        prop_assert!(single.iter().all(|blocks| blocks.len() == 1));
        let single: Vec<Vec<Piece>> = single.into_iter().flatten().collect();
        for phase in 0..whole.phases.len() {
            prop_assert_eq!(put_together(&single, phase), end_to_end(&whole, phase));
        }
        let warm = |blocks: &[Vec<Piece>]| blocks.iter().flatten().map(|piece|
            piece.warmup_until).collect::<Vec<_>>();
        prop_assert_eq!(warm(&single), warm(&blocks(&whole)));
        let counted: Option<u64> = (1..=of).map(|number| planned(&alone(number))).sum();
        prop_assert_eq!(counted, planned(&whole));
    }

    #[test]
    fn a_ramp_of_workers_changes_when_it_says(
        start in 0..20u32, stages in prop::collection::vec((0..50u64, 0..20u32), 1..5), blocks_n in 1..4u32,
    ) {
        let stages: Vec<_> =
            stages.iter().map(|(ms, target)| Stage { duration: Duration::from_millis(*ms),
                target: *target }).collect();
        let mut plan = plan_of(vec![Executor::RampingVus { start_vus: start, stages: stages.clone() }]);
        (plan.blocks, plan.phases[0].start_time) = (blocks_n, SECOND);
        let mut elapsed = Duration::ZERO;
        for block in blocks(&plan) {
            let Load::Vus { vus, end: Some(end), .. } = &block[0].load else { panic!("no workers") };
            let step = Duration::from_micros(250);
            let mut offset = block[0].start;
            let mut change = vus.next_change(offset);
            let mut before = vus.at(offset);
            while offset < *end {
                let now = vus.at(offset);
                prop_assert_eq!(now, by_hand(start, &stages, offset - block[0].start + elapsed));
                prop_assert!(now <= vus.max());
                while let Some(at) = change.filter(|at| *at <= offset) {
                    prop_assert_ne!(vus.at(at), before);
                    prop_assert_eq!(vus.at(at - Duration::from_nanos(1)), before, "changed before {:?}", at);
                    (before, change) = (vus.at(at), vus.next_change(at));
                }
                prop_assert_eq!(now, before, "changed unannounced before {:?}", offset);
                offset += step;
            }
            elapsed += *end - block[0].start;
        }
    }
}

/// The number of workers, without cleverness: stage by stage.
fn by_hand(start: u32, stages: &[Stage], offset: Duration) -> u32 {
    let (mut from, mut left) = (i128::from(start), offset.as_nanos() as i128);
    for stage in stages {
        let length = stage.duration.as_nanos() as i128;
        let to = i128::from(stage.target);
        if left < length {
            return (from + (to - from) * left / length) as u32;
        }
        (from, left) = (to, left - length);
    }
    from as u32
}

#[test]
fn a_phase_that_follows_another_follows_it_in_every_block() {
    let mut plan = plan_of(vec![constant_rate(10.0, 10 * SECOND, Spread::Uniform); 2]);
    (plan.phases[1].start_time, plan.blocks) = (10 * SECOND, 4);
    for block in blocks(&plan) {
        assert_eq!(block[0].load.end(), Some(block[1].start));
        assert_eq!(block[1].load.end(), Some(5 * SECOND));
    }
}

#[test]
fn an_arrival_on_a_border_opens_the_later_block() {
    let mut plan = plan_of(vec![constant_rate(10.0, 8 * SECOND, Spread::Uniform)]);
    plan.blocks = 4;
    for (b, block) in (0u64..).zip(blocks(&plan)) {
        let Load::Open { arrivals, .. } = &block[0].load else { panic!("not open") };
        let mut arrivals = arrivals.clone();
        assert_eq!(arrivals.next().map(|a| (a.job, a.due)), Some((20 * b, Duration::ZERO)));
        assert_eq!(arrivals.last().map(|a| a.job), Some(20 * b + 19));
    }
}

#[test]
fn warm_up_is_the_first_part_of_the_phase() {
    let mut plan = plan_of(vec![constant_rate(10.0, 8 * SECOND, Spread::Uniform)]);
    (plan.phases[0].warmup, plan.blocks) = (3 * SECOND, 4);
    let until: Vec<_> = blocks(&plan).iter().map(|block| block[0].warmup_until).collect();
    assert_eq!(until, [2 * SECOND, SECOND, Duration::ZERO, Duration::ZERO]);
    let mut plan = plan_of(vec![Executor::SharedIterations { vus: 2, iterations: 100, max_duration: None }]);
    (plan.phases[0].warmup, plan.blocks) = (3 * SECOND, 2);
    let until: Vec<_> = blocks(&plan).iter().map(|block| block[0].warmup_until).collect();
    assert_eq!(until, [3 * SECOND, Duration::ZERO]);
}

#[test]
fn what_only_time_ends_never_shares_a_job_index() {
    let timed = Executor::ConstantVus { vus: 3, duration: Some(10 * SECOND) };
    let mut plan = plan_of(vec![timed, Executor::Barrier { size: 2, rounds: 4 }]);
    plan.blocks = 4;
    assert_eq!(planned(&plan), None);
    for (b, block) in (0u64..).zip(blocks(&plan)) {
        let Load::Vus { jobs, .. } = &block[0].load else { panic!("no workers") };
        assert_eq!((jobs.first, jobs.count), (RESERVED_JOBS * b / 4, None));
        let Load::Barrier { first_job, .. } = &block[1].load else { panic!("no barrier") };
        assert_eq!(*first_job, RESERVED_JOBS);
    }
}

#[test]
fn a_block_without_work_has_no_piece() {
    let mut plan = plan_of(vec![Executor::Barrier { size: 5, rounds: 2 }]);
    plan.blocks = 4;
    let pieces: Vec<_> = blocks(&plan).iter().map(Vec::len).collect();
    assert_eq!(pieces, [0, 1, 0, 1]);
}

#[test]
fn constant_workers_stay() {
    let plan = plan_of(vec![Executor::ConstantVus { vus: 64, duration: Some(SECOND) }]);
    let check =
        |vus: &VusCurve| (vus.at(Duration::ZERO), vus.at(9 * SECOND), vus.max(), vus.next_change(SECOND));
    let Load::Vus { vus, end, .. } = &blocks(&plan)[0][0].load else { panic!("no workers") };
    assert_eq!((check(vus), *end), ((64, 64, 64, None), Some(SECOND)));
}
