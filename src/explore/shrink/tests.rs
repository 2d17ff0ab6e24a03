use super::*;
use crate::faults::{FaultKind, Status};
use crate::history::JobId;
use crate::schedule::{Hold, Strike};
use proptest::prelude::*;
use xxhash_rust::xxh64::xxh64;

const ALL: u64 = 40;
const MOST: u32 = 1_000_000;

fn key(job: u64) -> RequestKey {
    RequestKey::new(JobKey::Own(JobId { cell: 0, index: job }), 1)
}

fn start(holds: &[u64], faults: &[u64], fallback: Fallback) -> Candidate {
    let hold = |job: &u64| Hold { request: key(*job), until: Until::After(Duration::from_secs(3)) };
    let strike = |job: &u64| Strike { request: key(*job), kind: FaultKind::from(Status { code: 500 }) };
    let schedule = Schedule {
        holds: holds.iter().map(hold).collect(),
        faults: faults.iter().map(strike).collect(),
        fallback,
        ..Schedule::default()
    };
    Candidate { schedule, jobs: None }
}

fn held(candidate: &Candidate) -> Vec<&RequestKey> {
    candidate.schedule.holds.iter().map(|hold| &hold.request).collect()
}

fn struck(candidate: &Candidate) -> Vec<&RequestKey> {
    candidate.schedule.faults.iter().map(|strike| &strike.request).collect()
}

fn small(from: Candidate, mut breaks: impl FnMut(&Candidate) -> bool) -> Candidate {
    shrink(from, ALL, &mut Oracle::new(MOST, &mut breaks))
}

proptest! {
    /// What is needed is kept, and nothing else.
    #[test]
    fn only_what_is_needed_is_left(
        all in proptest::collection::btree_set(0..ALL, 1..20),
        needed in proptest::collection::vec(any::<bool>(), 20),
        jobs in 1..=ALL,
        random: bool,
    ) {
        let all: Vec<u64> = all.into_iter().collect();
        let wanted: Vec<u64> = all.iter().zip(&needed).filter(|(_, n)| **n).map(|(job, _)| *job).collect();
        let keys: Vec<RequestKey> = wanted.iter().map(|job| key(*job)).collect();
        let fallback = if random { Fallback::Random } else { Fallback::Respond };
        let result = small(start(&all, &all, fallback), |candidate| {
            let has = |list: &[&RequestKey]| keys.iter().all(|key| list.contains(&key));
            has(&held(candidate)) && has(&struck(candidate)) && candidate.jobs.unwrap_or(ALL) >= jobs
        });
        prop_assert_eq!(held(&result), keys.iter().collect::<Vec<_>>());
        prop_assert_eq!(struck(&result), keys.iter().collect::<Vec<_>>());
        let least = wanted.last().map_or(1, |last| last + 1).max(jobs);
        prop_assert_eq!(result.jobs.unwrap_or(ALL), least);
        prop_assert_eq!(result.schedule.fallback, Fallback::Respond);
    }

    /// Whatever the subject is like, the result still breaks, and no hold or fault of it can be left out.
    #[test]
    fn the_result_breaks_and_is_minimal(
        holds in proptest::collection::btree_set(0..ALL, 0..14),
        faults in proptest::collection::btree_set(0..ALL, 0..8),
        seed: u64,
        one_in in 1..6_u64,
    ) {
        let (holds, faults): (Vec<u64>, Vec<u64>) = (holds.into_iter().collect(),
            faults.into_iter().collect());
        let from = start(&holds, &faults, Fallback::Burst);
        let breaks = |candidate: &Candidate| {
            let all: Vec<String> = held(candidate).iter().chain(&struck(candidate)).map(|k|
                k.to_string()).collect();
            let name = format!("{all:?} {}", candidate.schedule.holds.len());
            *candidate == from || xxh64(name.as_bytes(), seed).is_multiple_of(one_in)
        };
        let result = small(from.clone(), breaks);
        prop_assert!(breaks(&result));
        for n in 0..result.schedule.holds.len() {
            let mut less = result.clone();
            less.schedule.holds.remove(n);
            prop_assert!(!breaks(&less), "hold {} of {:?}", n, result);
        }
        for n in 0..result.schedule.faults.len() {
            let mut less = result.clone();
            less.schedule.faults.remove(n);
            prop_assert!(!breaks(&less), "fault {} of {:?}", n, result);
        }
    }
}

/// An outage of six attempts of every job, of which two jobs are enough: few questions, not one for each
/// fault.
#[test]
fn what_is_done_to_all_is_tried_with_few_first() {
    let all: Vec<u64> = (0..ALL).collect();
    let mut asked = 0;
    let mut breaks = |candidate: &Candidate| {
        asked += 1;
        struck(candidate).contains(&&key(0)) && struck(candidate).contains(&&key(1))
    };
    let result = shrink(start(&[], &all, Fallback::Respond), ALL, &mut Oracle::new(MOST, &mut breaks));
    assert_eq!((struck(&result).len(), result.jobs), (2, Some(2)));
    assert!(asked < 20, "{asked}");
}

/// Jobs in between that play no part are no reason to keep the last.
#[test]
fn each_job_becomes_the_lowest_that_will_do() {
    // Only jobs of one class of three will do, and not the first of them for both.
    let result = small(start(&[19, 31], &[], Fallback::Respond), |candidate| {
        let index = |key: &&RequestKey| key.job.own().map_or(0, |id| id.index);
        let held: Vec<u64> = held(candidate).iter().map(index).collect();
        held.len() == 2 && held.iter().all(|index| index % 3 == 1)
    });
    let named: BTreeSet<&RequestKey> = held(&result).into_iter().collect();
    assert_eq!((named, result.jobs), ([&key(1), &key(4)].into(), Some(5)));
}

#[test]
fn alike_jobs_are_renamed_to_the_first_ones() {
    let result = small(start(&[7, 17, 23, 31], &[], Fallback::Respond), |candidate| {
        held(candidate).len() >= 2 && candidate.jobs.unwrap_or(ALL) >= 2
    });
    assert_eq!(held(&result), [&key(0), &key(1)]);
    assert_eq!(result.jobs, Some(2));
}

#[test]
fn a_hold_becomes_little_longer_than_it_must_be() {
    let must = Duration::from_millis(1010);
    let result = small(start(&[0], &[], Fallback::Respond), |candidate| {
        let long = |hold: &Hold| matches!(hold.until, Until::After(time) if time > must);
        candidate.schedule.holds.iter().any(long)
    });
    let Until::After(time) = result.schedule.holds[0].until else { panic!("{result:?}") };
    assert!(time > must && time < must * 3 / 2, "{time:?}");
    assert_eq!(time.subsec_micros() % 1000, 0, "{time:?}: readable");
}

#[test]
fn a_budget_is_kept_and_what_was_reached_is_the_result() {
    for most in 0..60 {
        let mut asked = 0;
        let mut breaks = |candidate: &Candidate| {
            asked += 1;
            held(candidate).contains(&&key(5))
        };
        let from = start(&(0..30).collect::<Vec<_>>(), &[], Fallback::Respond);
        let result = shrink(from, ALL, &mut Oracle::new(most, &mut breaks));
        assert!(held(&result).contains(&&key(5)));
        assert!(asked <= most, "{asked} of {most}");
    }
}

#[test]
fn once_out_of_two_is_not_enough() {
    let mut turn = 0;
    let result = small(start(&[1, 2], &[], Fallback::Respond), |_| {
        turn += 1;
        turn % 2 == 1
    });
    assert_eq!(held(&result).len(), 2);
}
