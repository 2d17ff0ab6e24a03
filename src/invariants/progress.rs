//! `progress`: whether something always happened while work was pending.

use super::tally::{Ruling, Tally, count, time};
use super::view::{CellView, JobView};
use crate::clock::ns;
use crate::history::{AttemptRow, CellEnd, JobEnd, JobKey};

/// Jobs named by a witness at the most.
const NAMED: usize = 8;

/// A stretch between two events that is longer than the deadline.
struct Gap {
    from_ns: u64,
    to_ns: u64,
    /// Least due time of work that became pending inside it.
    due_ns: u64,
}

/// While work is pending, the time without any event is at most `declared.progress`.
///
/// Pending is every attempt from its due time to its end, and a job from the end of its last attempt to
/// its result. A wait that was decided on (`Retry-After`, backoff, the profile's next arrival) is not
/// pending: the attempt after it is due at its end. A due time is itself no event, or an open
/// profile would keep a dead client alive. Events are what either end stamped; an answer that is being
/// streamed counts as happening all along when its chunks came, on average, within the deadline.
pub(super) fn progress(view: &CellView<'_>) -> Ruling {
    let limit_ns = ns(view.plan.declared.progress);
    let gaps = gaps(&marks(stamps(view), limit_ns), limit_ns);
    let mut tally = Tally::new();
    tally.relevant = pending(view).count() as u64;
    for gap in silent(view, gaps, limit_ns) {
        let since_ns = gap.from_ns.max(gap.due_ns);
        if gap.to_ns - since_ns > limit_ns {
            tally.violation(since_ns, (since_ns, gap.to_ns));
        }
    }
    if let Some(ruling) =
        view.end.and_then(|end| stuck(view, end, limit_ns)).filter(|_| tally.violations == 0)
    {
        return ruling;
    }
    let words = |(from_ns, to_ns)| {
        let waiting = || pending(view).filter(|(_, due, end)| *due < to_ns && *end >= to_ns);
        let mut jobs: Vec<JobKey> = waiting().map(|(job, ..)| JobKey::Own(job.id)).take(NAMED).collect();
        jobs.dedup();
        let text = format!(
            "nothing happened for {} from {} on, with {} pending; something should within {}",
            time(to_ns - from_ns),
            time(from_ns),
            count(waiting().count() as u64, "attempt"),
            time(limit_ns),
        );
        (jobs, text)
    };
    if tally.violations == 0 && view.end.is_none() {
        return Ruling::unknown("the history does not say that the cell ended");
    }
    tally.ruling(words, || Ruling::unknown("no work was ever pending in this cell"))
}

/// The ruling on a client that was stuck and never came home: its jobs have no end that would bound a gap,
/// so the engine's own watch has the word.
fn stuck(view: &CellView<'_>, end: &CellEnd, limit_ns: u64) -> Option<Ruling> {
    let since_ns = end.stuck_since_ns?;
    let results = view.jobs().filter(|job| !job.results.is_empty()).count() as u64;
    let lost = end.issued.saturating_sub(results);
    let mut tally = Tally::new();
    tally.relevant = end.issued;
    tally.violation(since_ns, ());
    let words = |()| {
        let open = view.jobs().filter(|job| job.results.is_empty()).map(|job| JobKey::Own(job.id));
        let vanished = view.vanished().1.map(JobKey::Own);
        let text = format!(
            "nothing happened from {} on for more than {}, with {} in progress, until it was stopped for it",
            time(since_ns),
            time(limit_ns),
            count(lost, "job"),
        );
        (open.chain(vanished).take(NAMED).collect(), text)
    };
    Some(tally.ruling(words, || Ruling::unknown("no job was issued")))
}

/// Pending work: whose, since when, until when.
fn pending<'a>(view: &CellView<'a>) -> impl Iterator<Item = (JobView<'a>, u64, u64)> {
    view.jobs().flat_map(|job| {
        let attempts = job.attempts.iter().map(move |a| (job, a.due_ns, a.done_ns));
        let last_ns = job.attempts.last().map(|a| a.done_ns);
        let closing = job.results.iter().filter_map(move |result| {
            // A job that was stopped may have been in the middle of a wait.
            let waited = matches!(result.end, JobEnd::Cancelled | JobEnd::OverBudget) && last_ns.is_some();
            (!waited).then(|| (job, last_ns.unwrap_or(result.due_ns), result.done_ns))
        });
        attempts.chain(closing)
    })
}

/// Every moment at which something happened, and the first due time; in no order.
fn stamps(view: &CellView<'_>) -> impl Iterator<Item = u64> + Clone {
    let first_due_ns = pending(view).map(|(_, due_ns, _)| due_ns).min();
    let attempts = view.attempts.iter().flat_map(|a| {
        [a.sent_ns, a.first_byte_ns, a.first_content_ns, Some(a.done_ns)].into_iter().flatten()
    });
    let ledger = view.ledger.iter().flat_map(|row| {
        let stamps = [Some(row.arrived_ns), row.first_byte_ns, row.first_content_ns, Some(row.ended_ns)];
        stamps.into_iter().flatten()
    });
    let results = view.results.iter().map(|result| result.done_ns);
    first_due_ns.into_iter().chain(attempts).chain(ledger).chain(results)
}

/// The stamps in order, thinned to the first and last of every half deadline. A silence longer than the
/// deadline spans a whole half at least, so both its ends survive, and no new silence that long appears.
/// Where that would take more room than the stamps deserve, all are kept.
fn marks(stamps: impl Iterator<Item = u64> + Clone, limit_ns: u64) -> Vec<u64> {
    const MOST: u64 = 1 << 20;
    let width_ns = (limit_ns / 2).max(1);
    let (first_ns, last_ns) = stamps.clone().fold((u64::MAX, 0), |(lo, hi), at| (lo.min(at), hi.max(at)));
    let halves = last_ns.saturating_sub(first_ns) / width_ns;
    if halves >= MOST {
        let mut all: Vec<u64> = stamps.collect();
        all.sort_unstable();
        return all;
    }
    let mut ends = vec![(u64::MAX, 0u64); halves as usize + 1];
    stamps.for_each(|at| {
        let (lo, hi) = &mut ends[((at - first_ns) / width_ns) as usize];
        (*lo, *hi) = ((*lo).min(at), (*hi).max(at));
    });
    ends.into_iter().filter(|(lo, hi)| lo <= hi).flat_map(|(lo, hi)| [lo, hi]).collect()
}

fn gaps(marks: &[u64], limit_ns: u64) -> Vec<Gap> {
    let pairs = marks.windows(2).filter(|pair| pair[1] - pair[0] > limit_ns);
    pairs.map(|pair| Gap { from_ns: pair[0], to_ns: pair[1], due_ns: u64::MAX }).collect()
}

/// The gaps in which work was pending and no answer was streaming. Every end of pending work is itself
/// an event, so work that reaches into a gap lasts to its end.
fn silent(view: &CellView<'_>, mut gaps: Vec<Gap>, limit_ns: u64) -> Vec<Gap> {
    if gaps.is_empty() {
        return gaps;
    }
    let (mut covered, mut live) = (vec![0i64; gaps.len() + 1], vec![0i64; gaps.len() + 1]);
    for (_, due_ns, end_ns) in pending(view) {
        let first = gaps.partition_point(|gap| gap.to_ns <= due_ns);
        let last = gaps.partition_point(|gap| gap.to_ns <= end_ns);
        if first < last {
            gaps[first].due_ns = gaps[first].due_ns.min(due_ns);
            covered[first + 1] += 1;
            covered[last] -= 1;
        }
    }
    for (from_ns, to_ns) in view.attempts.iter().filter_map(|a| streaming(a, limit_ns)) {
        let first = gaps.partition_point(|gap| gap.from_ns < from_ns);
        let last = gaps.partition_point(|gap| gap.to_ns <= to_ns);
        if first < last {
            live[first] += 1;
            live[last] -= 1;
        }
    }
    let (mut covers, mut streams) = (0, 0);
    let mut silent = Vec::new();
    for (mut gap, (cover, stream)) in gaps.into_iter().zip(covered.into_iter().zip(live)) {
        covers += cover;
        streams += stream;
        if covers > 0 {
            gap.due_ns = gap.due_ns.min(gap.from_ns);
        }
        if streams == 0 && gap.due_ns < gap.to_ns {
            silent.push(gap);
        }
    }
    silent
}

/// The time in which chunks came often enough to count as events.
fn streaming(a: &AttemptRow, limit_ns: u64) -> Option<(u64, u64)> {
    let from_ns = a.first_content_ns?;
    let gaps = u64::from(a.chunks.checked_sub(1).filter(|gaps| *gaps > 0)?);
    (a.done_ns.saturating_sub(from_ns) / gaps <= limit_ns).then_some((from_ns, a.done_ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn thinning_keeps_every_gap_beyond_the_deadline(
            mut stamps in prop::collection::vec(0u64..100_000, 0..300), limit_ns in 0u64..5_000
        ) {
            let ends = |marks: &[u64]| -> Vec<(u64, u64)> {
                gaps(marks, limit_ns).iter().map(|gap| (gap.from_ns, gap.to_ns)).collect()
            };
            let thinned = ends(&marks(stamps.iter().copied(), limit_ns));
            stamps.sort_unstable();
            prop_assert_eq!(thinned, ends(&stamps));
        }
    }

    #[test]
    fn a_deadline_far_shorter_than_the_run_keeps_every_stamp() {
        assert_eq!(marks([9_000_000_000, 5, 7].into_iter(), 2), [5, 7, 9_000_000_000]);
    }
}
