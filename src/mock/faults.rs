//! Which fault strikes which attempt.

use crate::faults::{FaultKind, FaultRule, FaultWhen};
use crate::history::JobKey;
use crate::seed;
use rand::Rng;

/// The name by which a ledger entry records a fault: its key in the scenario file.
#[must_use]
pub fn fault_name(kind: &FaultKind) -> &'static str {
    kind.name()
}

/// The first rule that strikes attempt `attempt` of the job with this index, if any. The cell is left out,
/// so that strategies that are compared meet the same faults.
pub(super) fn strike(
    rules: &[FaultRule],
    name: &str,
    run_seed: u64,
    index: u64,
    attempt: u32,
) -> Option<FaultKind> {
    let here = |rule: &FaultRule| rule.target.as_deref().is_none_or(|target| target == name);
    let mut numbered = (0u64..).zip(rules).filter(|(_, rule)| here(rule));
    let hit = numbered.find(|(number, rule)| strikes(&rule.when, *number, run_seed, index, attempt));
    hit.map(|(_, rule)| rule.kind.clone())
}

fn strikes(when: &FaultWhen, rule: u64, run_seed: u64, index: u64, attempt: u32) -> bool {
    let attempts = when.attempts.as_deref().unwrap_or(&[1]);
    attempts.contains(&attempt)
        && when.every.is_none_or(|every| every > 0 && index % every == every - 1)
        && when.jobs.as_ref().is_none_or(|jobs| jobs.contains(&index))
        && when.probability.is_none_or(|p| {
            let key = index.wrapping_mul(0x1_0001).wrapping_add(u64::from(attempt)) ^ (rule << 56);
            seed::stream(run_seed, "mock.fault", key).random::<f64>() < p
        })
}

/// The index by which faults know a job: its own, else the ordinal of its first arrival.
pub(super) fn index(job: &JobKey, ordinal: u64) -> u64 {
    job.own().map_or(ordinal, |id| id.index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{NeverAnswers, QuotaExhausted};

    fn rule(when: FaultWhen) -> FaultRule {
        FaultRule { kind: FaultKind::from(NeverAnswers {}), when, target: None }
    }

    fn struck(when: FaultWhen, attempt: u32) -> Vec<u64> {
        let rules = [rule(when)];
        (0..40).filter(|i| strike(&rules, "mock", 1, *i, attempt).is_some()).collect()
    }

    #[test]
    fn every_condition_counts_and_the_first_attempt_is_meant_by_default() {
        let every = FaultWhen { every: Some(10), ..FaultWhen::default() };
        assert_eq!(struck(every.clone(), 1), [9, 19, 29, 39]);
        assert!(struck(every.clone(), 2).is_empty());
        let both = FaultWhen { jobs: Some(vec![3, 19]), attempts: Some(vec![2]), ..every };
        assert_eq!(struck(both.clone(), 2), [19]);
        assert!(struck(both, 1).is_empty());
    }

    #[test]
    fn chance_is_drawn_from_the_seed_and_the_pair() {
        let half =
            || FaultWhen { probability: Some(0.5), attempts: Some(vec![1, 2]), ..FaultWhen::default() };
        let first = struck(half(), 1);
        assert!((8..=32).contains(&first.len()), "{first:?}");
        assert_eq!(first, struck(half(), 1));
        assert_ne!(first, struck(half(), 2));
    }

    #[test]
    fn the_first_match_wins_and_other_targets_are_left_alone() {
        let mut rules = [rule(FaultWhen::default()), rule(FaultWhen::default())];
        rules[0].kind = FaultKind::from(QuotaExhausted {});
        assert_eq!(strike(&rules, "mock", 1, 0, 1), Some(FaultKind::from(QuotaExhausted {})));
        rules[0].target = Some("other".to_owned());
        assert_eq!(strike(&rules, "mock", 1, 0, 1), Some(FaultKind::from(NeverAnswers {})));
    }
}
