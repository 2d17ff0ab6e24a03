//! Jobs of which the client was told another usage than the ledger billed.

use super::till::Till;
use super::waste::of_cell;
use crate::history::{AttemptRow, Evidence, JobId, LedgerRow};
use crate::plan::Cell;
use crate::summary::DisagreeRow;

/// Jobs that are listed one by one.
const LISTED: usize = 10;

/// How many jobs the client believes to have cost something else than the ledger billed, and the dearest of
/// them.
pub(super) fn disagreeing(till: &mut Till<'_>, cell: Cell, evidence: &Evidence) -> (u64, Vec<DisagreeRow>) {
    let attempts = of_cell(&evidence.attempts, |row: &AttemptRow| Some(row.job), cell.index);
    let own = |row: &LedgerRow| row.job.own();
    let ledger = of_cell(&evidence.ledger, own, cell.index);
    let theirs = attempts.chunk_by(|a, b| a.job == b.job).map(|group| {
        let told = group.iter().map(told);
        (group[0].job, told.fold(Used::default(), Used::plus))
    });
    let billed = ledger.chunk_by(|a, b| a.job == b.job).filter_map(|group| {
        let charged = group.iter().map(charged);
        Some((own(&group[0])?, charged.fold(Used::default(), Used::plus)))
    });
    let mut jobs: Vec<(JobId, i128, i128)> = Vec::new();
    let mut many = 0;
    for (job, client, billed) in joined(theirs, billed) {
        if client != billed {
            many += 1;
            let groups =
                (of_job(attempts, |row| row.job, job), of_job(ledger, |row| own(row).unwrap_or(job), job));
            let client = groups.0.iter().map(|row| till.told(row)).fold(0, i128::saturating_add);
            let billed = groups.1.iter().map(|row| till.charged(row)).fold(0, i128::saturating_add);
            jobs.push((job, client, billed));
            if jobs.len() > 64 * LISTED {
                dearest(&mut jobs);
            }
        }
    }
    dearest(&mut jobs);
    let row = |(job, client, billed): (JobId, i128, i128)| DisagreeRow {
        job: job.to_string(),
        client: till.list_amount(client).decimal(),
        billed: till.list_amount(billed).decimal(),
    };
    (many, jobs.into_iter().map(row).collect())
}

/// Prompt and completion tokens of one job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Used(u64, u64);

impl Used {
    fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0), self.1.saturating_add(other.1))
    }
}

fn told(row: &AttemptRow) -> Used {
    Used(row.prompt_tokens.unwrap_or(0), row.completion_tokens.unwrap_or(0))
}

fn charged(row: &LedgerRow) -> Used {
    Used(row.billed_prompt_tokens, row.billed_completion_tokens)
}

/// The rows of one job, which are sorted by it.
fn of_job<T>(rows: &[T], key: impl Fn(&T) -> JobId, job: JobId) -> &[T] {
    let start = rows.partition_point(|row| key(row) < job);
    let end = rows.partition_point(|row| key(row) <= job);
    &rows[start..end]
}

/// Those that differ most in cost, the most first; among equals the first job.
fn dearest(jobs: &mut Vec<(JobId, i128, i128)>) {
    jobs.sort_by_key(|(job, client, billed)| (std::cmp::Reverse(client.saturating_sub(*billed).abs()), *job));
    jobs.truncate(LISTED);
}

/// Two lists in order of job as one; what stands in one only is nothing in the other.
fn joined(
    ours: impl Iterator<Item = (JobId, Used)>,
    theirs: impl Iterator<Item = (JobId, Used)>,
) -> impl Iterator<Item = (JobId, Used, Used)> {
    let (mut ours, mut theirs) = (ours.peekable(), theirs.peekable());
    std::iter::from_fn(move || {
        let first = match (ours.peek(), theirs.peek()) {
            (Some(a), Some(b)) => a.0.min(b.0),
            (Some(a), None) => a.0,
            (None, Some(b)) => b.0,
            (None, None) => return None,
        };
        let client = ours.next_if(|(job, _)| *job == first).map_or(Used::default(), |(_, used)| used);
        let billed = theirs.next_if(|(job, _)| *job == first).map_or(Used::default(), |(_, used)| used);
        Some((first, client, billed))
    })
}
