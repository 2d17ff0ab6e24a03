//! `in-flight-capped`: how many attempts were open at once.

use super::retries::nothing_seen;
use super::tally::{Ruling, Tally, count, time};
use super::view::{CellView, JobView};
use crate::history::{JobKey, LedgerRow};

/// How much sooner than the ledger has it an attempt is taken to end, in nanoseconds, where the client's
/// own end of it is not known: a provider learns late that a client has gone.
const GRACE_NS: u64 = 2_000_000;

/// The same for an external program, which shares its machine with the provider and writes nothing down: a
/// client that has the last byte may have sent its next request before the provider has stamped that it is
/// done.
const PROGRAM_GRACE_NS: u64 = 25_000_000;

/// Jobs named by a witness at the most.
const NAMED: usize = 8;

/// Attempts in flight never exceed the declared concurrency, nor what the strategy itself promises. Cells are
/// never loaded at the same moment, so each is judged alone.
///
/// An attempt lasts from its arrival until either side closed it. Both lie inside the time for which the
/// client held its permit, so a client that keeps to its cap is never blamed for the network.
pub(super) fn in_flight_capped(view: &CellView<'_>) -> Ruling {
    let Some((cap, source)) = declared_cap(view) else {
        return Ruling::unknown("nothing declares a cap: declare [declared] concurrency = N");
    };
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for (start, end, _) in spans(view) {
        starts.push(start);
        ends.push(end);
    }
    starts.sort_unstable();
    ends.sort_unstable();
    let mut tally = Tally::new();
    let (mut closed, mut peak) = (0, (0, 0));
    for (opened, start) in (1usize..).zip(&starts) {
        // An end and a start at the same moment do not overlap.
        closed += ends[closed..].iter().take_while(|end| *end <= start).count();
        let in_flight = (opened - closed) as u64;
        tally.relevant += 1;
        peak = peak.max((in_flight, *start));
        if in_flight > u64::from(cap) {
            tally.violation(*start, (*start, in_flight));
        }
    }
    let words = |(at_ns, in_flight)| {
        let text = format!(
            "{} in flight at {}, the most {} at {}; {source} allows {cap}",
            count(in_flight, "attempt"),
            time(at_ns),
            peak.0,
            time(peak.1),
        );
        (open_at(view, at_ns), text)
    };
    tally.ruling(words, || nothing_seen(view))
}

/// The lower of what is declared and what the strategy's own parameter promises, and which one it is.
fn declared_cap(view: &CellView<'_>) -> Option<(u32, &'static str)> {
    let declared = view.plan.declared.concurrency.map(|n| (n, "the declared concurrency"));
    let promised = view.strategy.cap().map(|cap| (cap, "the strategy"));
    declared.into_iter().chain(promised).min_by_key(|(cap, _)| *cap)
}

/// Start, end and row of each attempt that was open for any time.
fn spans<'a>(view: &CellView<'a>) -> impl Iterator<Item = (u64, u64, &'a LedgerRow)> {
    let grace_ns = if view.evidence.conduct.is_some() { PROGRAM_GRACE_NS } else { 0 };
    let closed = move |job: &JobView<'_>, row: &LedgerRow| match grace_ns {
        0 => closed_ns(job, row),
        // However short it was, it was seen.
        grace_ns => closed_ns(job, row).saturating_sub(grace_ns).max(row.arrived_ns + 1),
    };
    view.jobs()
        .flat_map(move |job| job.ledger.iter().map(move |row| (row.arrived_ns, closed(&job, row), row)))
        .filter(|(start, end, _)| end > start)
}

pub(super) fn closed_ns(job: &JobView<'_>, row: &LedgerRow) -> u64 {
    match job.client(row) {
        Some(client) => row.ended_ns.min(client.done_ns),
        None => row.ended_ns.saturating_sub(GRACE_NS),
    }
}

/// Jobs with an attempt open at that moment: first the one whose arrival made it too many.
fn open_at(view: &CellView<'_>, at_ns: u64) -> Vec<JobKey> {
    let open = || spans(view).filter(move |(start, end, _)| *start <= at_ns && at_ns < *end);
    let newest = open().filter(|(start, ..)| *start == at_ns);
    let others = open().filter(|(start, ..)| *start != at_ns);
    newest.chain(others).take(NAMED).map(|(.., row)| row.job.clone()).collect()
}
