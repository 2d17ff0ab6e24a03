//! `billed-once`: what is paid twice.

use super::retries::follows;
use super::tally::{Ruling, Tally, count, one, time};
use super::view::{CellView, JobView};
use crate::history::{JobKey, LedgerRow};
use crate::plan::Place;

/// How long a program may take to keep an answer, in nanoseconds.
const KEEPING_NS: u64 = 250_000_000;

/// Two bills for the same request of a job, or for one question.
struct Twice<'a> {
    first: Bill<'a>,
    second: Bill<'a>,
}

/// A billed attempt beside its job's books.
#[derive(Clone, Copy)]
struct Bill<'a> {
    job: JobView<'a>,
    row: &'a LedgerRow,
}

/// No request of a job is billed twice. The same request is the same body: a second body is a new question
/// and has its own bill. Where the jobs of one question share an answer, no question is billed twice.
///
/// Attempts of one job with different numbers that overlapped within the declared cap were sent side by side
/// on purpose (hedging): that is waste, not a finding. Overlap is judged by what the client knew: an attempt
/// that it sent after it held the end of an earlier billed one is a retry of accepted work. Two jobs have no
/// such excuse for one question.
pub(super) fn billed_once(view: &CellView<'_>) -> Ruling {
    let mut tally = Tally::new();
    // Reused from question to question: nothing is allocated per row.
    let mut bills: Vec<Bill<'_>> = Vec::new();
    for question in view.questions() {
        bills.clear();
        for job in question {
            let billed = job.ledger.iter().filter(|row| billed(row) > 0);
            bills.extend(billed.map(|row| Bill { job, row }));
        }
        tally.relevant += u64::from(!bills.is_empty());
        if bills.len() < 2 {
            continue;
        }
        bills.sort_unstable_by_key(|Bill { row, .. }| (row.body_hash, row.arrived_ns, row.seq));
        // Every bill but the first may be one too many.
        let mut found = 0;
        for same in bills.chunk_by(|a, b| a.row.body_hash == b.row.body_hash) {
            found += judge_bills(view, same, &mut tally);
        }
        // One question with many bills is looked at as often as it was billed again.
        tally.relevant += u64::saturating_sub(found, 1);
    }
    tally.ruling(
        |twice| words(view, &twice),
        || Ruling::unknown(format!("{} holds no billed attempt of this cell", view.books)),
    )
}

/// `bills` are of one body, in order of arrival. Returns how many are one too many.
fn judge_bills<'a>(view: &CellView<'_>, bills: &[Bill<'a>], tally: &mut Tally<Twice<'a>>) -> u64 {
    let Some((first, rest)) = bills.split_first() else { return 0 };
    let (mut first, mut found) = (*first, 0);
    for second in rest.iter().copied() {
        if !hedged(view, first, second) && !died_with_it(view, first) {
            found += 1;
            tally.violation(second.row.arrived_ns, Twice { first, second });
        }
        // The earliest known end decides whether a later attempt is a retry.
        if second.job.known_over_ns(second.row) < first.job.known_over_ns(first.row) {
            first = second;
        }
    }
    found
}

fn hedged(view: &CellView<'_>, first: Bill<'_>, second: Bill<'_>) -> bool {
    let job = &first.job;
    job.id == second.job.id
        && job.ledger.len() as u64 <= u64::from(view.plan.retry.max_attempts)
        && first.row.attempt != second.row.attempt
        && !follows(view, job.begun_ns(second.row), job.known_over_ns(first.row))
}

/// Whether the program was killed on purpose before it can have kept this answer: the program that is started
/// again has to ask again.
fn died_with_it(view: &CellView<'_>, first: Bill<'_>) -> bool {
    let killed_ns = view.evidence.conduct.as_ref().and_then(|conduct| conduct.killed_ns);
    killed_ns
        .is_some_and(|at| first.row.arrived_ns <= at && first.row.ended_ns.saturating_add(KEEPING_NS) >= at)
}

fn billed(row: &LedgerRow) -> u64 {
    row.billed_prompt_tokens.saturating_add(row.billed_completion_tokens)
}

fn words(view: &CellView<'_>, Twice { first, second }: &Twice<'_>) -> (Vec<JobKey>, String) {
    let (first_tokens, second_tokens) =
        (count(billed(first.row), "token"), count(billed(second.row), "token"));
    let (n, m) = (first.row.attempt, second.row.attempt);
    let later = time(second.row.arrived_ns.saturating_sub(first.row.arrived_ns));
    let (a, b) = (first.job.id, second.job.id);
    if a != b {
        let text = format!(
            "{a} and {b} ask one question, and both were billed for it: {first_tokens} for attempt {n} of \
             {a} and \
             {second_tokens} for attempt {m} of {b}, which arrived {later} after the first; it should have \
             been \
             billed once"
        );
        return (vec![JobKey::Own(a), JobKey::Own(b)], text);
    }
    let key = first.row.idempotency_key;
    let note = match (key.is_some() && key == second.row.idempotency_key, honours_keys(view)) {
        (false, _) => "",
        (true, false) => "; both carried one Idempotency-Key, which this provider does not honour",
        (true, true) => "; both carried one Idempotency-Key, of which this provider had forgotten the answer",
    };
    let text = format!(
        "{a} was billed twice for the same request: {first_tokens} for attempt {n} and {second_tokens} for \
         attempt \
         {m}, which arrived {later} after the first; it should have been billed once{note}",
    );
    (one(a), text)
}

/// Whether the provider answers a repeated `Idempotency-Key` from memory, for nothing. Else it only writes
/// keys down.
fn honours_keys(view: &CellView<'_>) -> bool {
    match &view.plan.targets[view.target].place {
        Place::Mock(mock) => mock.idempotency,
        Place::Url { .. } => false,
    }
}
