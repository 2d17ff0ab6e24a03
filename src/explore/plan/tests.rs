use super::*;
use crate::explore::terms::{HuntBudget, HuntConfig};
use crate::history::{JobId, JobKey};
use crate::schedule::{RequestKey, Until};
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

/// Chains of requests: `calm(&[3, 2])` is one job that sends three, one after the other, and one that sends
/// two.
fn calm(chains: &[u32]) -> Undisturbed {
    let mut calm = Undisturbed::default();
    for (job, long) in (0..).zip(chains) {
        let first = calm.requests.len();
        for attempt in 1..=*long {
            let at = calm.requests.len();
            calm.requests.push(RequestKey::new(JobKey::Own(JobId { cell: 0, index: job }), attempt));
            let before: BTreeSet<usize> = (first..at).collect();
            calm.depth.push(before.len());
            calm.cause.push(before.last().copied());
            calm.before.push(before);
            calm.lane.push(usize::try_from(job).unwrap());
        }
    }
    for x in 0..calm.requests.len() {
        for y in (0..calm.requests.len()).filter(|y| calm.depth[*y] == calm.depth[x] && *y != x) {
            calm.near.insert((x, y));
        }
    }
    calm
}

fn terms(calm: &Undisturbed, seed: u64) -> Terms {
    let config = HuntConfig { permits: Some(8), ..HuntConfig::new(seed, HuntBudget::Schedules(1), 1) };
    Terms::calibrated(&config, calm, Some(Duration::from_secs(1)))
}

fn planned(calm: &Undisturbed, seed: u64, total: Option<u64>, most: usize) -> Vec<(Family, Schedule)> {
    Planner::new(calm, &terms(calm, seed), total).take(most).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Every sweep is whole, nothing comes twice, and one seed plans one hunt.
    #[test]
    fn sweeps_are_whole_and_nothing_comes_twice(
        chains in proptest::collection::vec(1..4_u32, 1..6), seed in 0..1000_u64,
    ) {
        let calm = calm(&chains);
        let terms = terms(&calm, seed);
        let k = calm.requests.len() as u64;
        let rows = Planner::new(&calm, &terms, None).families();
        let of = |family: Family| rows.iter().find(|row| row.family == family.name()).unwrap().clone();
        let pair = of(Family::Pair);
        prop_assert_eq!(pair.of.unwrap() + pair.infeasible + pair.vacuous, k * (k - 1));
        prop_assert_eq!(of(Family::HoldOne).of, Some(2 * k));
        prop_assert_eq!(of(Family::Fault).of, Some(k * terms.alphabet.len() as u64));

        let sweeps: u64 = rows.iter().filter_map(|row| row.of).sum();
        let all = planned(&calm, seed, None, usize::try_from(sweeps).unwrap() + 100);
        for row in &rows {
            let came = all.iter().filter(|(family, _)| family.name() == row.family).count() as u64;
            prop_assert!(row.of.map_or(came == 50, |of| came == of), "{:?}: {}", row, came);
        }
        let texts: HashSet<String> = all.iter().map(|(_, schedule)| schedule.to_toml()).collect();
        prop_assert_eq!(texts.len(), all.len());
        prop_assert_eq!(&all, &planned(&calm, seed, None, all.len()));
    }

    /// No hold waits for what its own request brings.
    #[test]
    fn no_pair_waits_for_what_it_holds_back(chains in proptest::collection::vec(1..5_u32, 1..6)) {
        let calm = calm(&chains);
        let index = |key: &RequestKey| calm.requests.iter().position(|known| known == key).unwrap();
        for (_, schedule) in planned(&calm, 1, None, 2000).iter().filter(|(family,
            _)| *family == Family::Pair) {
            let Until::Answered(other) = &schedule.holds[0].until else { panic!("{schedule:?}") };
            prop_assert!(!calm.before[index(other)].contains(&index(&schedule.holds[0].request)));
        }
    }

    /// A small budget has some of every class, and leaves a part to random orders.
    #[test]
    fn a_small_budget_is_shared(total in 200..2000_u64, seed in 0..50_u64) {
        let calm = calm(&[3; 20]);
        let all = planned(&calm, seed, Some(total), usize::try_from(total).unwrap());
        let count = |of: Family| all.iter().filter(|(family, _)| *family == of).count() as u64;
        prop_assert!(count(Family::Random) + count(Family::Lanes) >= (total - 100) / 5);
        prop_assert!(count(Family::Wave) >= 6);
        let struck = all.iter().filter(|(family, _)| *family == Family::Fault);
        let kinds: HashSet<String> = struck.map(|(_, schedule)| format!("{:?}",
            schedule.faults[0].kind)).collect();
        prop_assert_eq!(kinds.len(), crate::explore::alphabet().len());
    }
}

#[test]
fn the_nearest_pairs_come_first_and_one_of_each_class_before_the_rest() {
    let calm = calm(&[2; 10]);
    let all = planned(&calm, 3, None, 600);
    let families: Vec<Family> = all.iter().map(|(family, _)| *family).collect();
    let at = |of: Family| families.iter().position(|family| *family == of).unwrap();
    assert!(at(Family::Burst) < at(Family::Reverse) && at(Family::Reverse) < at(Family::Barrier));
    // Some of every kind, however early the budget ends.
    assert_eq!(families[..5], [Family::HoldOne, Family::Pair, Family::Burst, Family::Fault, Family::Wave]);
    let first = &all[1].1.holds[0];
    assert_eq!(first.request.to_string(), "job:0000#1");
    assert_eq!(first.until, Until::Answered("job:0001#1".parse().unwrap()));
}

#[test]
fn lanes_of_every_depth_take_turns_with_random_orders() {
    let calm = calm(&[1, 1]);
    let all = planned(&calm, 1, Some(0), 200);
    let lanes = all.iter().filter_map(|(_, schedule)| match schedule.fallback {
        Fallback::Lanes { depth } => Some(depth),
        _ => None,
    });
    assert_eq!(lanes.collect::<BTreeSet<u32>>(), [2, 3, 4, 8].into());
}

#[test]
fn a_hunt_over_nothing_still_ends() {
    let calm = Undisturbed::default();
    let all = planned(&calm, 1, None, 10);
    assert!(all.iter().all(|(family, _)| [Family::Random, Family::Lanes].contains(family)));
}
