//! How true the measurement is: the client's stamps against the ledger's, and the load against the plan.

use super::pairs::{JoinedAttempt, pairs};
use super::{Gaps, samples_needed};
use crate::history::{AttemptRow, Backlog, Evidence, JobId, LedgerEnd, NotIssued};
use crate::plan::{ClockKind, Place, Plan};
use crate::summary::{BehindRow, Fidelity, FidelityRow};
use std::collections::BTreeMap;

/// Nanoseconds in a second.
const NS_PER_S: f64 = 1e9;
/// A writer is behind if a batch waited longer than lines wait by design until they are handed to the file.
const BEHIND_NS: u64 = 500_000_000;

/// Compares and folds.
///
/// Differences are signed, exact (not from a histogram) and taken at the upper tail: a client that stamps
/// late has a large 99th percentile. `service` is compared for answers and errors that both sides saw to
/// their end; `itl` gap by gap, for attempts with equally many gaps on both sides, of a sample if there are
/// more than four million.
pub(super) fn fidelity(plan: &Plan, evidence: &Evidence, gaps: &Gaps) -> Fidelity {
    let pairs = pairs(&plan.cells(), evidence);
    let (itl_attempts, itl) = gaps.client.sample.differences_ns(&gaps.ledger.sample);
    let ttft: Vec<i64> = pairs.iter().filter_map(ttft_error_ns).collect();
    let service: Vec<i64> = pairs.iter().filter_map(service_error_ns).collect();
    let errors = vec![
        error_row("ttft", ttft.len() as u64, ttft),
        error_row("itl", itl_attempts, itl),
        error_row("service", service.len() as u64, service),
    ];
    let open = evidence.cells.iter().filter(|cell| cell.offered_per_1000_s.is_some());
    let open_cells: Vec<u16> = open.map(|cell| cell.cell).collect();
    let busiest_ppm = evidence.cells.iter().map(|cell| cell.cpu_busiest_ppm).max().unwrap_or(0);
    let cpu_ns = evidence.cells.iter().map(|cell| cell.cpu_ns).fold(0, u64::saturating_add);
    Fidelity {
        errors,
        joined: pairs.len() as u64,
        achieved: achieved(evidence),
        lag_p99_ms: exact_percentile(&lateness_ns(evidence, &open_cells), 0.99).map(|ns| ns as f64 / 1e6),
        cpu_busiest: busiest_ppm as f64 / 1e6,
        cpu_s: cpu_ns as f64 / NS_PER_S,
        single_burst_streams: single_bursts(plan, evidence, gaps),
        behind: Vec::new(),
    }
}

/// The writers of evidence that fell behind. Virtual time has none: there the run waits for the disk.
#[must_use]
pub fn writers_behind(plan: &Plan, backlogs: &BTreeMap<&'static str, Backlog>) -> Vec<BehindRow> {
    let behind = backlogs.iter().filter(|(_, backlog)| backlog.longest_ns >= BEHIND_NS);
    let row = |(file, backlog): (&&str, &Backlog)| BehindRow {
        file: (*file).to_owned(),
        batches_max: backlog.batches_max,
        longest_ms: backlog.longest_ns as f64 / 1e6,
    };
    behind.filter(|_| plan.clock == ClockKind::Real).map(row).collect()
}

/// How late the engine itself began the jobs of open profiles, sorted. What a strategy waits for on purpose
/// (a permit) is lag of the attempt, but no fault of the generator.
fn lateness_ns(evidence: &Evidence, cells: &[u16]) -> Vec<i64> {
    let jobs = evidence.jobs.iter().filter(|job| !job.warmup && cells.contains(&job.job.cell));
    let mut late: Vec<i64> = jobs.map(|job| difference(job.begun_ns, job.due_ns).max(0)).collect();
    late.sort_unstable();
    late
}

fn ttft_error_ns(pair: &JoinedAttempt<'_>) -> Option<i64> {
    let client = difference(pair.client.first_content_ns?, pair.client.sent_ns?);
    Some(client.saturating_sub(difference(pair.ledger.first_content_ns?, pair.ledger.arrived_ns)))
}

/// Only where both sides saw the same end: a cut or a timeout is noticed at different times by right.
fn service_error_ns(pair: &JoinedAttempt<'_>) -> Option<i64> {
    let ended = matches!(pair.ledger.end, LedgerEnd::Whole | LedgerEnd::Refused);
    let sent = pair.client.sent_ns.filter(|_| ended && pair.client.status.is_some())?;
    let client = difference(pair.client.done_ns, sent);
    Some(client.saturating_sub(difference(pair.ledger.ended_ns, pair.ledger.arrived_ns)))
}

/// `until - from`, saturating, signed.
fn difference(until: u64, from: u64) -> i64 {
    i64::try_from(until).unwrap_or(i64::MAX).saturating_sub(i64::try_from(from).unwrap_or(i64::MAX))
}

fn error_row(metric: &str, count: u64, mut errors_ns: Vec<i64>) -> FidelityRow {
    errors_ns.sort_unstable();
    let at = |q| exact_percentile(&errors_ns, q).map(|ns| ns as f64 / 1e6);
    FidelityRow { metric: metric.to_owned(), count, p50_ms: at(0.5), p99_ms: at(0.99), p999_ms: at(0.999) }
}

/// The nearest-rank percentile of sorted values; `None` below [`samples_needed`].
fn exact_percentile(sorted: &[i64], q: f64) -> Option<i64> {
    let count = sorted.len();
    let rank = (q * count as f64).ceil() as usize;
    let enough = count as u64 >= samples_needed(q);
    sorted.get(rank.clamp(1, count.max(1)) - 1).copied().filter(|_| enough)
}

/// Achieved over offered load of the open profiles: jobs begun over jobs planned, and less if the last of
/// them began late, for then the same jobs took longer. Jobs held back by Ctrl-C or a budget were not
/// offered.
fn achieved(evidence: &Evidence) -> Option<f64> {
    let (mut begun, mut offered) = (0.0, 0.0);
    for cell in &evidence.cells {
        let Some(per_s) = cell.offered_per_1000_s.map(|n| n as f64 / 1000.0).filter(|n| *n > 0.0) else {
            continue;
        };
        let held_back: u64 = [NotIssued::Interrupted, NotIssued::OverBudget]
            .iter()
            .filter_map(|reason| cell.not_issued.get(reason))
            .sum();
        let wanted = cell.planned.saturating_sub(held_back) as f64;
        let jobs = evidence.jobs.iter().filter(|job| job.job.cell == cell.cell);
        let last =
            jobs.max_by_key(|job| job.due_ns).map_or(0, |job| difference(job.begun_ns, job.due_ns).max(0));
        begun += cell.issued as f64;
        offered += wanted + per_s * last as f64 / NS_PER_S;
    }
    (offered > 0.0).then(|| begun / offered)
}

/// Streams of which the client got all content at once, although the built-in provider spread it, or,
/// without a ledger, although the provider reported at least as many tokens as there were chunks.
fn single_bursts(plan: &Plan, evidence: &Evidence, gaps: &Gaps) -> u64 {
    let cells = plan.cells();
    let has_ledger = |job: JobId| {
        let target = cells.get(usize::from(job.cell)).and_then(|cell| plan.targets.get(cell.target));
        target.is_some_and(|target| matches!(target.place, Place::Mock(_)))
    };
    let held_back = |(job, n): (JobId, u32)| {
        if has_ledger(job) {
            return gaps.ledger.bursts.binary_search(&(job, n)).is_err();
        }
        let at = evidence.attempts.partition_point(|row| (row.job, row.n) < (job, n));
        let attempt: Option<&AttemptRow> = evidence.attempts.get(at);
        attempt.is_some_and(|row| row.completion_tokens.is_none_or(|tokens| tokens >= u64::from(row.chunks)))
    };
    gaps.client.bursts.iter().filter(|attempt| held_back(**attempt)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn at_least_the_share_asked_for_is_at_or_below(
            mut values in proptest::collection::vec(-1000i64..1000, 3000..3100),
            q in proptest::sample::select(vec![0.5, 0.99, 0.999]),
        ) {
            values.sort_unstable();
            let value = exact_percentile(&values, q).unwrap();
            let at_or_below = values.iter().filter(|v| **v <= value).count() as f64;
            let below = values.iter().filter(|v| **v < value).count() as f64;
            prop_assert!(at_or_below >= q * values.len() as f64);
            prop_assert!(below < q * values.len() as f64);
        }
    }

    #[test]
    fn too_few_values_give_no_percentile() {
        assert_eq!(exact_percentile(&[], 0.5), None);
        assert_eq!(exact_percentile(&[0; 299], 0.99), None);
        assert_eq!(exact_percentile(&[-3, 7], 0.5), Some(-3));
    }
}
