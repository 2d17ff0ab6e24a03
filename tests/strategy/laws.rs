//! Laws of the shared structs that need no interleaving: order and division do not matter, and the bucket
//! admits what another implementation of its algorithm admits.

use deadheat::shared::{RateBucket, Results, Totals};
use governor::clock::FakeRelativeClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

/// Prompt and completion tokens of a request.
type Usage = (u64, u64);

fn sum(requests: &[Usage]) -> (u64, u64, u64) {
    let of = |field: fn(&Usage) -> u64| requests.iter().map(field).sum();
    (requests.len() as u64, of(|usage| usage.0), of(|usage| usage.1))
}

fn shared_out<T: Clone>(items: &[T], hands: &[usize], parts: usize) -> Vec<Vec<T>> {
    let mut shares = vec![Vec::new(); parts];
    for (at, item) in items.iter().enumerate() {
        shares[hands[at % hands.len()] % parts].push(item.clone());
    }
    shares
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Processes keep totals each of their own, threads of a process share one.
    #[test]
    fn totals_are_the_same_in_any_order_over_any_number_of_threads_and_processes(
        requests in vec((0_u64..10_000, 0_u64..10_000), 0..200),
        order in any::<prop::sample::Index>(),
        hands in vec(0_usize..12, 1..50),
        processes in 1_usize..4,
        threads in 1_usize..4,
    ) {
        let mut turned = requests.clone();
        turned.reverse();
        turned.rotate_left(order.index(requests.len().max(1)).min(requests.len()));
        let mut all = (0, 0, 0);
        for process in shared_out(&turned, &hands, processes) {
            let totals = Totals::default();
            std::thread::scope(|scope| {
                for share in shared_out(&process, &hands, threads) {
                    let totals = &totals;
                    scope.spawn(move || share.iter().for_each(|(prompt, completion)| {
                        totals.add(*prompt, *completion);
                    }));
                }
            });
            let (requests, prompt, completion) = totals.read();
            all = (all.0 + requests, all.1 + prompt, all.2 + completion);
        }
        prop_assert_eq!(all, sum(&requests));
    }

    /// One result of each job is filed, whichever came first; none is lost and none invented.
    #[test]
    fn each_job_has_one_result_in_every_order(
        answers in vec(0_u32..20, 0..100),
        hands in vec(0_usize..4, 1..20),
        threads in 1_usize..4,
    ) {
        let answers: Vec<(u32, usize)> = answers.into_iter().enumerate().map(|(n, job)| (job, n)).collect();
        let results = Results::new();
        let jobs: BTreeMap<u32, usize> = answers.iter().copied().collect();
        prop_assert!(jobs.keys().all(|job| results.open(*job)));
        let firsts: BTreeMap<u32, usize> = std::thread::scope(|scope| {
            let filers: Vec<_> = shared_out(&answers, &hands, threads)
                .into_iter()
                .map(|share| {
                    let results = &results;
                    let file = move |(job, n): &(u32, usize)| results.put(job, *n);
                    scope.spawn(move || share.into_iter().filter(file).collect::<Vec<_>>())
                })
                .collect();
            let firsts: Vec<_> = filers.into_iter().flat_map(|filer|
                filer.join().expect("a thread")).collect();
            let jobs = firsts.iter().copied().collect::<BTreeMap<_, _>>();
            assert_eq!(jobs.len(), firsts.len(), "two results of one job stand");
            jobs
        });
        prop_assert!(firsts.keys().eq(jobs.keys()));
        prop_assert_eq!(results.len(), firsts.len());
        for (job, n) in firsts {
            prop_assert_eq!(results.take(&job), Some(n));
        }
        prop_assert!(results.is_empty());
    }

    /// The answers of a job in any order and with repeats: the first in that order stands.
    #[test]
    fn filing_again_changes_nothing(answers in vec((0_u32..5, any::<u16>()), 0..40)) {
        let (once, twice) = (Results::new(), Results::new());
        for (job, answer) in &answers {
            prop_assert_eq!(once.open(*job), twice.open(*job));
            let first = once.put(job, *answer);
            prop_assert_eq!(twice.put(job, *answer), first);
            prop_assert!(!twice.put(job, answer.wrapping_add(1)));
        }
        for (job, _) in answers {
            prop_assert_eq!(once.take(&job), twice.take(&job));
        }
    }

    /// The bucket against `governor`, on arrivals at any moments: both admit the same ones, and name the
    /// same moment to those that they refuse.
    #[test]
    fn the_bucket_admits_what_governor_admits(
        interval_us in 1_u64..100_000,
        burst in 1_u32..20,
        gaps in vec(0_u64..3_000, 1..200),
    ) {
        let (bucket, clock, limiter) = pair(interval_us, burst);
        let mut now = Duration::ZERO;
        for gap in gaps {
            let gap = Duration::from_micros(interval_us) * u32::try_from(gap).expect("a small gap") / 1000;
            now += gap;
            clock.advance(gap);
            let theirs = limiter.check().map_err(|refused| Duration::from(refused.earliest_possible()));
            prop_assert_eq!(bucket.try_take(now), theirs);
        }
    }

    /// Who reserves is admitted at the moment it is given, by a bucket that others have not emptied
    /// meanwhile, and not a nanosecond before.
    #[test]
    fn a_reserved_moment_is_the_first_that_governor_admits(
        interval_us in 1_u64..100_000,
        burst in 1_u32..20,
        gaps in vec(0_u64..3_000, 1..200),
    ) {
        let (bucket, clock, limiter) = pair(interval_us, burst);
        let (mut now, mut theirs) = (Duration::ZERO, Duration::ZERO);
        for gap in gaps {
            now += Duration::from_micros(interval_us) * u32::try_from(gap).expect("a small gap") / 1000;
            let slot = bucket.reserve(now);
            prop_assert!(slot >= now && slot >= theirs, "slots are given in order");
            let hair = Duration::from_nanos(1);
            if slot > now && slot - hair > theirs {
                clock.advance(slot - hair - theirs);
                theirs = slot - hair;
                prop_assert!(limiter.check().is_err(), "{slot:?} is later than it need be");
            }
            clock.advance(slot - theirs);
            theirs = slot;
            prop_assert!(limiter.check().is_ok(), "{slot:?} is too early");
        }
    }
}

type Governed = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<Nanos>>;

fn pair(interval_us: u64, burst: u32) -> (RateBucket, FakeRelativeClock, Governed) {
    let bucket = RateBucket::new(1e6 / interval_us as f64, burst);
    let quota = Quota::with_period(Duration::from_micros(interval_us))
        .expect("an interval above zero")
        .allow_burst(NonZeroU32::new(burst).expect("a burst above zero"));
    let clock = FakeRelativeClock::default();
    let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
    (bucket, clock, limiter)
}
