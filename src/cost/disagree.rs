//! Jobs of which the client was told another usage than the ledger billed.

use super::run::Till;
use super::waste::of_cell;
use crate::history::{AttemptRow, DisagreeRow, Evidence, JobId, JobKey, LedgerRow};
use crate::scenario::Cell;

/// Jobs that are listed one by one.
const LISTED: usize = 10;

/// How many jobs the client believes to have cost something else than the ledger billed, and the dearest of them.
pub(super) fn disagreeing(till: &Till, cell: Cell, evidence: &Evidence) -> (u64, Vec<DisagreeRow>) {
    let attempts = of_cell(&evidence.attempts, |row: &AttemptRow| Some(row.job), cell.index);
    let own = |row: &LedgerRow| match row.job {
        JobKey::Own(job) => Some(job),
        JobKey::Other(_) => None,
    };
    let ledger = of_cell(&evidence.ledger, own, cell.index);
    let theirs = attempts.chunk_by(|a, b| a.job == b.job).map(|group| {
        let sum =
            |of: fn(&AttemptRow) -> Option<u64>| group.iter().filter_map(of).fold(0, u64::saturating_add);
        (group[0].job, (sum(|row| row.prompt_tokens), sum(|row| row.completion_tokens)))
    });
    let billed = ledger.chunk_by(|a, b| a.job == b.job).filter_map(|group| {
        let sum = |of: fn(&LedgerRow) -> u64| group.iter().map(of).fold(0, u64::saturating_add);
        Some((
            own(&group[0])?,
            (sum(|row| row.billed_prompt_tokens), sum(|row| row.billed_completion_tokens)),
        ))
    });
    let mut jobs: Vec<(JobId, Tokens, Tokens)> = Vec::new();
    let mut many = 0;
    for (job, client, billed) in joined(theirs, billed) {
        if client != billed {
            many += 1;
            jobs.push((job, client, billed));
            if jobs.len() > 64 * LISTED {
                dearest(till, &mut jobs);
            }
        }
    }
    dearest(till, &mut jobs);
    let row = |(job, client, billed): (JobId, Tokens, Tokens)| {
        Some(DisagreeRow {
            job: job.to_string(),
            client: till.cost(client.0, client.1)?.decimal(),
            billed: till.cost(billed.0, billed.1)?.decimal(),
        })
    };
    (many, jobs.into_iter().filter_map(row).collect())
}

/// Prompt and completion tokens.
pub(super) type Tokens = (u64, u64);

/// Those that differ most in cost, the most first; among equals the first job.
fn dearest(till: &Till, jobs: &mut Vec<(JobId, Tokens, Tokens)>) {
    let yocto = |tokens: Tokens| till.cost(tokens.0, tokens.1).map_or(i128::MAX, |sum| sum.yocto);
    jobs.sort_by_key(|(job, client, billed)| {
        (std::cmp::Reverse(yocto(*client).saturating_sub(yocto(*billed)).abs()), *job)
    });
    jobs.truncate(LISTED);
}

/// Two lists in order of job as one; what stands in one only is nothing in the other.
fn joined(
    ours: impl Iterator<Item = (JobId, Tokens)>,
    theirs: impl Iterator<Item = (JobId, Tokens)>,
) -> impl Iterator<Item = (JobId, Tokens, Tokens)> {
    let (mut ours, mut theirs) = (ours.peekable(), theirs.peekable());
    std::iter::from_fn(move || {
        let first = match (ours.peek(), theirs.peek()) {
            (Some(a), Some(b)) => a.0.min(b.0),
            (Some(a), None) => a.0,
            (None, Some(b)) => b.0,
            (None, None) => return None,
        };
        let client = ours.next_if(|(job, _)| *job == first).map_or((0, 0), |(_, tokens)| tokens);
        let billed = theirs.next_if(|(job, _)| *job == first).map_or((0, 0), |(_, tokens)| tokens);
        Some((first, client, billed))
    })
}
