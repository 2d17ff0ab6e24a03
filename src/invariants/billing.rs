//! `billed-once`: what is paid twice.

use super::tally::{Ruling, Tally, count, one, time};
use super::view::{CellView, JobView};
use crate::history::{JobId, LedgerRow};

/// Two bills for the same request of a job.
struct Twice<'a> {
    job: JobId,
    first: &'a LedgerRow,
    second: &'a LedgerRow,
}

/// No request of a job is billed twice. The same request is the same body: a second body is a new
/// question and has its own bill.
///
/// Attempts with different numbers that overlapped within the declared cap were sent side by side on
/// purpose (hedging): that is waste, not a finding. Overlap is judged by what the client knew: an
/// attempt that it sent after it held the end of an earlier billed one is a retry of accepted work.
pub(super) fn billed_once(view: &CellView<'_>) -> Ruling {
    let mut tally = Tally::new();
    // Reused from job to job: nothing is allocated per row.
    let mut bills: Vec<&LedgerRow> = Vec::new();
    for job in view.jobs() {
        bills.clear();
        bills.extend(job.ledger.iter().filter(|row| billed(row) > 0));
        tally.relevant += u64::from(!bills.is_empty());
        if bills.len() < 2 {
            continue;
        }
        bills.sort_unstable_by_key(|row| (row.body_hash, row.arrived_ns, row.seq));
        let may_hedge = job.ledger.len() as u64 <= u64::from(view.plan.retry.max_attempts);
        for same in bills.chunk_by(|a, b| a.body_hash == b.body_hash) {
            judge_bills(&job, same, may_hedge, &mut tally);
        }
    }
    tally.ruling(words, || Ruling::unknown(format!("{} holds no billed attempt of this cell", view.books)))
}

/// `bills` are of one body, in order of arrival.
fn judge_bills<'a>(
    job: &JobView<'a>,
    bills: &[&'a LedgerRow],
    may_hedge: bool,
    tally: &mut Tally<Twice<'a>>,
) {
    let Some((mut first, rest)) = bills.split_first() else { return };
    for second in rest {
        let hedged =
            may_hedge && first.attempt != second.attempt && job.begun_ns(second) < job.known_over_ns(first);
        if !hedged {
            tally.violation(second.arrived_ns, Twice { job: job.id, first, second });
        }
        // The earliest known end decides whether a later attempt is a retry.
        if job.known_over_ns(second) < job.known_over_ns(first) {
            first = second;
        }
    }
}

fn billed(row: &LedgerRow) -> u64 {
    row.billed_prompt_tokens.saturating_add(row.billed_completion_tokens)
}

fn words(Twice { job, first, second }: Twice<'_>) -> (Vec<crate::history::JobKey>, String) {
    let same_key = first.idempotency_key.is_some() && first.idempotency_key == second.idempotency_key;
    // Unless `idempotency` is on the built-in provider only writes keys down, so that the key saves nothing.
    let note =
        if same_key { "; both carried one Idempotency-Key, which this provider does not honour" } else { "" };
    let text = format!(
        "{job} was billed twice for the same request: {} for attempt {} and {} for attempt {}, which arrived \
         {} after the first; it should have been billed once{note}",
        count(billed(first), "token"),
        first.attempt,
        count(billed(second), "token"),
        second.attempt,
        time(second.arrived_ns.saturating_sub(first.arrived_ns)),
    );
    (one(job), text)
}
