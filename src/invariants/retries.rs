//! Whether retries keep to what was declared and what the provider asked for.

use super::tally::{Ruling, Tally, count, one, time};
use super::view::{CellView, JobView};
use crate::history::LedgerRow;

/// How much earlier than asked an attempt may come, in nanoseconds: the two ends stamp on either side of
/// a socket. The ledger knows the exact wait, whatever form the hint had.
const EARLY_NS: u64 = 5_000_000;

/// Whether an attempt that was begun then was begun after its client knew. At the same moment, of which
/// virtual time has many, only a client can be meant that makes one attempt at a time.
pub(super) fn follows(view: &CellView<'_>, begun_ns: u64, told_ns: u64) -> bool {
    let side_by_side = view.strategy.hedges();
    begun_ns > told_ns || (begun_ns == told_ns && !side_by_side)
}

/// Whether the process that got this answer was killed before that attempt: what it was told is lost with it.
fn forgotten(view: &CellView<'_>, told: &LedgerRow, next: &LedgerRow) -> bool {
    let killed_ns = view.evidence.conduct.as_ref().and_then(|conduct| conduct.killed_ns);
    killed_ns.is_some_and(|at| told.ended_ns <= at && at <= next.arrived_ns)
}

/// No job has more attempts in the ledger than `retry.max_attempts`, for each time that it was given to a
/// process: a client that gets a job out of a queue again does not know what died with another.
pub(super) fn attempts_capped(view: &CellView<'_>) -> Ruling {
    let cap = |job: &JobView<'_>| {
        let deliveries = job.results.iter().map(|result| result.deliveries).max().unwrap_or(1);
        let killed = view.evidence.conduct.as_ref().is_some_and(|conduct| conduct.killed_ns.is_some());
        let deliveries = deliveries.max(1 + u32::from(killed));
        view.plan.retry.max_attempts.saturating_mul(deliveries)
    };
    let mut tally = Tally::new();
    for job in view.jobs().filter(|job| !job.ledger.is_empty()) {
        tally.relevant += 1;
        if job.ledger.len() as u64 > u64::from(cap(&job)) {
            tally.violation(excess_ns(&job, cap(&job) as usize), job);
        }
    }
    let words = |job: JobView<'_>| {
        let made = count(job.ledger.len() as u64, "attempt");
        (one(job.id), format!("{} made {made}; the declared most is {}", job.id, cap(&job)))
    };
    tally.ruling(words, || nothing_seen(view))
}

/// When the first attempt beyond the cap arrived.
fn excess_ns(job: &JobView<'_>, cap: usize) -> u64 {
    let mut arrivals: Vec<u64> = job.ledger.iter().map(|row| row.arrived_ns).collect();
    *arrivals.select_nth_unstable(cap).1
}

/// No attempt comes before the wait that the provider asked for, counted from the end of its answer.
/// Judged whether or not the scenario wants it obeyed: that is the bug it finds. Attempts that were
/// under way when the answer came are not judged by it.
pub(super) fn retry_after_respected(view: &CellView<'_>) -> Ruling {
    let mut tally = Tally::new();
    let mut asked = 0u64;
    for job in view.jobs() {
        for (at, row) in job.ledger.iter().enumerate() {
            let Some(wait_ms) = row.retry_after_ms.filter(|_| job.was_told(row)) else { continue };
            asked += 1;
            let told_ns = job.known_over_ns(row);
            let Some(next) = job.ledger[at + 1..]
                .iter()
                .find(|next| follows(view, job.begun_ns(next), told_ns) && !forgotten(view, row, next))
            else {
                continue;
            };
            tally.relevant += 1;
            let free_ns = row.ended_ns.saturating_add(wait_ms.saturating_mul(1_000_000));
            if next.arrived_ns.saturating_add(EARLY_NS) < free_ns {
                tally.violation(next.arrived_ns, (job.id, row, next, wait_ms));
            }
        }
    }
    let words = |(job, row, next, wait_ms): (_, &LedgerRow, &LedgerRow, u64)| {
        let waited = time(next.arrived_ns.saturating_sub(row.ended_ns));
        let text = format!(
            "{job} came back with attempt {} after {waited}; the answer to attempt {} asked for a wait of {}",
            next.attempt,
            row.attempt,
            time(wait_ms.saturating_mul(1_000_000)),
        );
        (one(job), text)
    };
    tally.ruling(words, || match asked {
        0 if view.ledger.is_empty() => nothing_seen(view),
        0 => Ruling::not_applicable("no answer asked for a wait"),
        n => Ruling::not_applicable(format!(
            "{} asked for a wait, but no attempt followed",
            count(n, "answer")
        )),
    })
}

/// Nothing of the job is sent after the client was told never to come again with it. The refusal of a stale
/// fencing token forbids that token and those before it, not the job: the next lock has a newer one. A
/// request with another body is no repetition: it may be the mended one.
pub(super) fn no_retry_when_permanent(view: &CellView<'_>) -> Ruling {
    let mut tally = Tally::new();
    for job in view.jobs() {
        let told = || job.ledger.iter().filter(|row| row.permanent && job.was_told(row));
        let for_good = told().filter(|row| !row.fenced).min_by_key(|row| job.known_over_ns(row));
        for row in for_good.into_iter().chain(told().filter(|row| row.fenced)) {
            tally.relevant += 1;
            let told_ns = job.known_over_ns(row);
            let newer = |next: &LedgerRow| row.fenced && next.lock_token > row.lock_token;
            let follows = |next: &&LedgerRow| {
                !std::ptr::eq(*next, row)
                    && next.body_hash == row.body_hash
                    && follows(view, job.begun_ns(next), told_ns)
                    && !newer(next)
                    && !forgotten(view, row, next)
            };
            for next in job.ledger.iter().filter(follows) {
                tally.violation(next.arrived_ns, (job.id, row, next));
            }
        }
    }
    let words = |(job, row, next): (_, &LedgerRow, &LedgerRow)| {
        let status = row.status.map_or_else(|| "an error".to_owned(), |status| status.to_string());
        let text = format!(
            "{job} sent attempt {} {} after attempt {} was answered with {status}, which is permanent; \
             nothing should have followed",
            next.attempt,
            time(next.arrived_ns.saturating_sub(row.ended_ns)),
            row.attempt,
        );
        (one(job), text)
    };
    tally.ruling(words, || match view.ledger {
        [] => nothing_seen(view),
        _ => Ruling::not_applicable("no answer forbade a retry"),
    })
}

/// The verdict where the books are empty.
pub(super) fn nothing_seen(view: &CellView<'_>) -> Ruling {
    Ruling::unknown(format!("{} holds no attempt of this cell", view.books))
}
