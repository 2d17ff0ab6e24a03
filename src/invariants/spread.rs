//! `retries-spread`: whether refused jobs come back together.

use super::retries::nothing_seen;
use super::tally::{Ruling, Tally, time};
use super::view::{CellView, JobView};
use crate::history::{JobId, JobKey, LedgerEnd, LedgerRow};

/// Longest time between neighbours of a burst of refusals, in nanoseconds.
const GAP_NS: u64 = 50_000_000;

/// Longest burst, in nanoseconds: within it, refusals have one cause.
const SPAN_NS: u64 = 250_000_000;

/// Fewest retries by which a burst is judged.
const LEAST: usize = 12;

/// Waits this close together are one wave, in nanoseconds, unless a twentieth of the wait is more.
const WINDOW_NS: u64 = 5_000_000;

/// Jobs named by a witness at the most.
const NAMED: usize = 8;

/// A refusal that asked for no wait, and how long its job then waited.
#[derive(Debug, Clone, Copy)]
struct Wait {
    job: JobId,
    refused: u32,
    at_ns: u64,
    wait_ns: u64,
}

/// Retries of different jobs do not come in lockstep waves.
///
/// A burst is a run of refusals, the same attempt of different jobs, with at most [`GAP_NS`] between
/// neighbours and [`SPAN_NS`] in all. Its retries are a wave if nine in ten of the waits lie within one
/// window of [`WINDOW_NS`] or, if that is more, a twentieth of the median wait. The wait is the one that the
/// client decided on (from the end of the refusal to the due time of the next attempt), so neither a queue
/// behind permits nor a busy machine spreads it; without the client's own row, until the next attempt came.
/// Attempts are judged by number, for each doubles the wait of the one before. That a scenario declares such
/// waits does not excuse them.
///
/// Jitter is not accused. If waits are uniform over a range that is `1/p` windows wide, the chance that `k`
/// of `n` lie in one window is at most `n C(n-1, k-1) p^(k-1)`. Full jitter over 50 ms has `p = 0.1`: for 11
/// of 12 that is 132 × 10⁻¹⁰, about one burst in 76 million, and wider ranges and larger bursts are safer.
/// Equal jitter at a wait of 50 ms (`p = 0.2`) comes to one in 74,000. Jitter over less than 20 ms spreads
/// nothing that a provider would notice, and may be taken for a wave.
pub(super) fn retries_spread(view: &CellView<'_>) -> Ruling {
    let mut waits: Vec<Wait> = view.jobs().flat_map(waits).collect();
    waits.sort_unstable_by_key(|wait| (wait.refused, wait.at_ns, wait.job));
    let (mut tally, mut most) = (Tally::new(), 0);
    let mut rest = waits.as_slice();
    while !rest.is_empty() {
        let (burst, behind) = rest.split_at(burst(rest));
        rest = behind;
        most = most.max(burst.len());
        if burst.len() < LEAST {
            continue;
        }
        tally.relevant += 1;
        if let Some((from_ns, to_ns, caught)) = wave(burst) {
            tally.violation(burst[0].at_ns, (burst, from_ns, to_ns, caught));
        }
    }
    let words = |(burst, from_ns, to_ns, caught): (&[Wait], u64, u64, usize)| {
        let text = format!(
            "of {} jobs that were refused within {} of each other at {}, {caught} waited between {} and {}: \
             they \
             come back in one wave; waits should be spread by jitter",
            burst.len(),
            time(burst[burst.len() - 1].at_ns - burst[0].at_ns),
            time(burst[0].at_ns),
            time(from_ns),
            time(to_ns),
        );
        (burst.iter().take(NAMED).map(|wait| JobKey::Own(wait.job)).collect(), text)
    };
    tally.ruling(words, || match (view.ledger, most) {
        ([], _) => nothing_seen(view),
        (_, 0) => Ruling::not_applicable("no job came back after a refusal without a hint"),
        (_, most) => Ruling::not_applicable(format!(
            "never were {LEAST} jobs refused together without a hint and came back: {most} at the most"
        )),
    })
}

/// A job's waits after refusals without a hint.
fn waits<'a>(job: JobView<'a>) -> impl Iterator<Item = Wait> + 'a {
    job.ledger.iter().enumerate().filter_map(move |(at, row)| {
        let bare = row.end == LedgerEnd::Refused && row.retry_after_ms.is_none() && !row.permanent;
        if !bare || !job.was_told(row) {
            return None;
        }
        let at_ns = job.known_over_ns(row);
        let decided_ns = |next: &LedgerRow| job.client(next).map_or(next.arrived_ns, |a| a.due_ns);
        // What was under way when the refusal came is no answer to it.
        let next = job.ledger[at + 1..].iter().find(|next| job.begun_ns(next) >= at_ns)?;
        Some(Wait {
            job: job.id,
            refused: row.attempt,
            at_ns,
            wait_ns: decided_ns(next).saturating_sub(at_ns),
        })
    })
}

/// How many at the front of `waits`, which is not empty, are one burst.
fn burst(waits: &[Wait]) -> usize {
    let first = waits[0];
    let together = |pair: &&[Wait]| {
        let [a, b] = pair else { return false };
        b.refused == first.refused && b.at_ns - a.at_ns <= GAP_NS && b.at_ns - first.at_ns <= SPAN_NS
    };
    1 + waits.windows(2).take_while(together).count()
}

/// The window with most waits, from and to, and how many it holds; if those are nine in ten.
fn wave(burst: &[Wait]) -> Option<(u64, u64, usize)> {
    let mut waits: Vec<u64> = burst.iter().map(|wait| wait.wait_ns).collect();
    waits.sort_unstable();
    let width_ns = WINDOW_NS.max(waits[waits.len() / 2] / 20);
    let needed = (waits.len() * 9).div_ceil(10);
    let windows = waits.windows(needed).filter(|w| w[needed - 1] - w[0] <= width_ns);
    let from_ns = windows.map(|w| w[0]).next()?;
    let caught = waits.iter().filter(|wait| (from_ns..=from_ns.saturating_add(width_ns)).contains(*wait));
    let (count, to_ns) = caught.fold((0, from_ns), |(n, _), wait| (n + 1, *wait));
    Some((from_ns, to_ns, count))
}
