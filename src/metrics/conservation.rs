//! Whether anything was lost between plan and evidence: checked on every run.

use crate::history::{AttemptRow, CellEnd, Evidence, JobId, JobKey, Outcome};
use crate::plan::Plan;

/// Every way in which the evidence does not add up; empty if it does. Linear time.
///
/// Per cell, planned = issued + not issued, and issued = answered + failed + unknown, where a job counts once
/// however often its client recorded it. Each attempt has an end that fits its outcome, its stamps are in
/// order, and every attempt in the ledger stands in the history too. A strategy that is broken on purpose may
/// lose results: that is for the invariants to say.
#[must_use]
pub fn conservation(plan: &Plan, evidence: &Evidence) -> Vec<String> {
    let cells = plan.cells();
    let may_lose = |cell: u16| {
        cells.get(usize::from(cell)).is_some_and(|cell| plan.strategies[cell.strategy].twin().is_some())
    };
    let mut faults = Vec::new();
    let mut jobs = evidence.jobs.chunk_by(|a, b| a.job.cell == b.job.cell).peekable();
    for end in &evidence.cells {
        while let Some(group) = jobs.next_if(|group| group[0].job.cell < end.cell) {
            faults.push(format!("cell {} has results but no end", group[0].job.cell));
        }
        let group = jobs.next_if(|group| group[0].job.cell == end.cell).unwrap_or_default();
        let results = group.chunk_by(|a, b| a.job == b.job).count() as u64;
        faults.extend(cell_faults(end, results, may_lose(end.cell)));
    }
    faults.extend(jobs.map(|group| format!("cell {} has results but no end", group[0].job.cell)));
    faults.extend(counted(evidence.attempts.iter().filter_map(attempt_fault)));
    faults.extend(counted(lost_attempts(evidence)));
    faults
}

fn cell_faults(end: &CellEnd, results: u64, may_lose: bool) -> Vec<String> {
    let CellEnd { cell, planned, issued, .. } = *end;
    let mut faults = Vec::new();
    let not_issued = end.not_issued.values().fold(0u64, |sum, count| sum.saturating_add(*count));
    if issued.checked_add(not_issued) != Some(planned) {
        faults.push(format!(
            "cell {cell}: {planned} jobs planned, but {issued} issued + {not_issued} not issued"
        ));
    }
    if issued != results && !(may_lose && results < issued) {
        faults.push(format!("cell {cell}: {issued} jobs issued, but {results} answered, failed or unknown"));
    }
    faults
}

fn attempt_fault(row: &AttemptRow) -> Option<String> {
    let fault = |what: &str| Some(format!("{} attempt {} {what}", row.job, row.n));
    if (row.outcome == Outcome::Ok) != row.error.is_none() {
        return fault("ended neither well nor with an error");
    }
    let stamps = [row.sent_ns, row.first_byte_ns, row.first_content_ns, Some(row.done_ns)];
    // What was cancelled before it was sent may have ended before it was due.
    let mut latest = row.sent_ns.map_or(0, |_| row.due_ns);
    for stamp in stamps.into_iter().flatten() {
        if stamp < latest {
            return fault("has stamps out of order (due, sent, first byte, first content, done)");
        }
        latest = stamp;
    }
    None
}

/// Jobs with more attempts in the ledger than in the history.
fn lost_attempts(evidence: &Evidence) -> impl Iterator<Item = String> {
    let mut ours = evidence.attempts.as_slice();
    let groups = evidence.ledger.chunk_by(|a, b| a.job == b.job);
    groups.filter_map(move |group| {
        let JobKey::Own(job) = group[0].job else { return None };
        let seen = attempts_of(&mut ours, job);
        let more = group.len() > seen;
        more.then(|| format!("{job}: {} attempts in the ledger, but {seen} in the history", group.len()))
    })
}

/// Counts the attempts of `job` at the front of what is left, and takes them off.
fn attempts_of(rest: &mut &[AttemptRow], job: JobId) -> usize {
    let before = rest.iter().take_while(|row| row.job < job).count();
    let own = rest[before..].iter().take_while(|row| row.job == job).count();
    *rest = &rest[before + own..];
    own
}

/// The first fault of a kind, and how many more there are.
fn counted(mut faults: impl Iterator<Item = String>) -> Option<String> {
    let first = faults.next()?;
    match faults.count() {
        0 => Some(first),
        more => Some(format!("{first} (and {more} more of this kind)")),
    }
}
