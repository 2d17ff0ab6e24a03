//! `lock-exclusive` and `fencing-monotonic`: what was done in the belief of holding a lock.

use super::in_flight::closed_ns;
use super::retries::nothing_seen;
use super::tally::{Ruling, Tally, time};
use super::view::CellView;
use crate::history::{JobId, JobKey, LedgerEnd, LedgerRow};

/// By what holders of a lock are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// By the fencing token: all attempts under one token are one holder's.
    Token(u64),
    /// By the job, where no token was sent.
    Job(JobId),
}

/// An attempt under a lock.
#[derive(Debug, Clone, Copy)]
struct LockUse<'a> {
    lock: u64,
    row: &'a LedgerRow,
    job: JobId,
    holder: Holder,
    closed_ns: u64,
}

/// The attempts that name a lock, by lock and in the order of arrival.
fn held<'a>(view: &CellView<'a>) -> Vec<LockUse<'a>> {
    let of_job = |job: super::view::JobView<'a>| {
        job.ledger.iter().filter_map(move |row| {
            let holder = row.lock_token.map_or(Holder::Job(job.id), Holder::Token);
            Some(LockUse { lock: row.lock?, row, job: job.id, holder, closed_ns: closed_ns(&job, row) })
        })
    };
    let mut held: Vec<LockUse<'_>> = view.jobs().flat_map(of_job).collect();
    held.sort_unstable_by_key(|held| (held.lock, held.row.arrived_ns, held.row.seq));
    held
}

/// Whether the resource did the work: neither refused its token, nor the request before any work.
fn accepted(held: &&LockUse<'_>) -> bool {
    !held.row.fenced && held.row.end != LedgerEnd::Refused
}

/// No two holders of one lock have an attempt open at once. An attempt lasts until either side closed it, as
/// in `in-flight-capped`; what the resource refused was not done under the lock. One holder may do several
/// things.
pub(super) fn lock_exclusive(view: &CellView<'_>) -> Ruling {
    let all = held(view);
    let mut tally = Tally::new();
    for lock in all.chunk_by(|a, b| a.lock == b.lock) {
        // What stays open longest, and the longest of any other holder: one of the two belongs to another
        // holder.
        let (mut longest, mut other): (Option<LockUse<'_>>, Option<LockUse<'_>>) = (None, None);
        for held in lock.iter().filter(accepted) {
            tally.relevant += 1;
            let rival = longest.filter(|l| l.holder != held.holder).or(other);
            if let Some(rival) = rival.filter(|rival| rival.closed_ns > held.row.arrived_ns) {
                tally.violation(held.row.arrived_ns, (rival, *held));
            }
            (longest, other) = ranked(longest, other, *held);
        }
    }
    let words = |(first, second): (LockUse<'_>, LockUse<'_>)| {
        let text = format!(
            "{} and {} were at work under one lock at once, for {} from {} on: attempt {} of the first{} \
             was not over \
             when attempt {} of the second{} came; holders should never overlap",
            first.job,
            second.job,
            time(first.closed_ns.min(second.closed_ns).saturating_sub(second.row.arrived_ns)),
            time(second.row.arrived_ns),
            first.row.attempt,
            token(first.row),
            second.row.attempt,
            token(second.row),
        );
        (vec![JobKey::Own(first.job), JobKey::Own(second.job)], text)
    };
    tally.ruling(words, || nothing_held(view, all.len(), "no attempt under a lock was accepted"))
}

/// Takes `held` into the two that stay open longest, of two holders.
fn ranked<'a>(
    longest: Option<LockUse<'a>>,
    other: Option<LockUse<'a>>,
    held: LockUse<'a>,
) -> (Option<LockUse<'a>>, Option<LockUse<'a>>) {
    let outlasts = |than: Option<LockUse<'_>>| than.is_none_or(|than| held.closed_ns > than.closed_ns);
    match longest {
        Some(first) if first.holder == held.holder => {
            (if outlasts(longest) { Some(held) } else { longest }, other)
        }
        _ if outlasts(longest) => (Some(held), longest),
        _ if outlasts(other) => (longest, Some(held)),
        _ => (longest, other),
    }
}

/// The tokens that the resource accepts under one lock never shrink, in the order of arrival. A stale token
/// that it refused is what fencing is for.
pub(super) fn fencing_monotonic(view: &CellView<'_>) -> Ruling {
    let all = held(view);
    let mut tally = Tally::new();
    for lock in all.chunk_by(|a, b| a.lock == b.lock) {
        let mut newest: Option<(u64, &LockUse<'_>)> = None;
        for held in lock {
            let Some(token) = held.row.lock_token else { continue };
            tally.relevant += u64::from(held.row.fenced || accepted(&held));
            if !accepted(&held) {
                continue;
            }
            match newest {
                Some((known, before)) if known > token => {
                    tally.violation(held.row.arrived_ns, (before, held));
                }
                _ => newest = Some((token, held)),
            }
        }
    }
    let words = |(before, stale): (&LockUse<'_>, &LockUse<'_>)| {
        let text = format!(
            "{} was let in{} {} after {}{}: its lock had been lost, and the resource should have refused it",
            stale.job,
            token(stale.row),
            time(stale.row.arrived_ns.saturating_sub(before.row.arrived_ns)),
            before.job,
            token(before.row),
        );
        (vec![JobKey::Own(stale.job), JobKey::Own(before.job)], text)
    };
    tally.ruling(words, || match all.iter().any(|held| held.row.lock_token.is_some()) {
        false if !all.is_empty() => Ruling::unknown("no attempt under a lock carried a fencing token"),
        _ => nothing_held(view, all.len(), "no attempt with a token was accepted or found stale"),
    })
}

fn token(row: &LedgerRow) -> String {
    row.lock_token.map_or_else(String::new, |token| format!(" with token {token}"))
}

fn nothing_held(view: &CellView<'_>, under_a_lock: usize, otherwise: &str) -> Ruling {
    match (view.ledger, under_a_lock) {
        ([], _) => nothing_seen(view),
        (_, 0) => Ruling::not_applicable("no attempt was made under a lock"),
        _ => Ruling::not_applicable(otherwise),
    }
}
