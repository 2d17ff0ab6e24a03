//! Joins the client's attempts with the ledger's entries.

use super::latency::Warmups;
use crate::history::{AttemptRow, Evidence, LedgerRow};
use crate::plan::Cell;

/// One attempt as both sides saw it.
#[derive(Debug, Clone, Copy)]
pub(super) struct JoinedAttempt<'a> {
    pub(super) client: &'a AttemptRow,
    pub(super) ledger: &'a LedgerRow,
}

/// Every attempt that stands exactly once on both sides, at the target of its cell; warm-ups left out.
/// An attempt that stands twice on either side cannot be told apart and is not compared.
pub(super) fn pairs<'a>(cells: &[Cell], evidence: &'a Evidence) -> Vec<JoinedAttempt<'a>> {
    let mut pairs = Vec::with_capacity(evidence.attempts.len().min(evidence.ledger.len()));
    let mut warmups = Warmups::new(&evidence.jobs);
    let groups = evidence.ledger.chunk_by(|a, b| (&a.job, a.attempt) == (&b.job, b.attempt));
    // Jobs of other clients are sorted behind all of deadheat's own.
    let mut ledger = groups.map_while(|group| group[0].job.own().map(|job| ((job, group[0].attempt), group)));
    let mut theirs = ledger.next();
    for ours in evidence.attempts.chunk_by(|a, b| (a.job, a.n) == (b.job, b.n)) {
        let key = (ours[0].job, ours[0].n);
        while theirs.is_some_and(|(their_key, _)| their_key < key) {
            theirs = ledger.next();
        }
        let Some((their_key, group)) = theirs else { break };
        let ([client], [entry], true) = (ours, group, their_key == key) else { continue };
        let target = cells.get(usize::from(client.job.cell)).map(|cell| cell.target);
        if target == Some(usize::from(entry.target)) && !warmups.has(client.job) {
            pairs.push(JoinedAttempt { client, ledger: entry });
        }
    }
    pairs
}
