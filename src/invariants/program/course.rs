//! `progress` and `cancel-propagates` for a program: whether it comes to an end, and whether its end is one.

use crate::clock::ns;
use crate::history::{JobKey, LedgerRow, ProgramRun, ProgramRunEnd};
use crate::invariants::retries::nothing_seen;
use crate::invariants::tally::{Ruling, Tally, count, time};
use crate::invariants::view::CellView;

/// How long an attempt may outlive its program, in nanoseconds: the system closes what an ended process
/// leaves open.
const GRACE_NS: u64 = 250_000_000;

/// Jobs named by a witness at the most.
const NAMED: usize = 8;

/// The program ends before its time is up, and is never longer without any attempt in flight than the
/// deadline, but for waits that the provider asked for, while it has attempts still to make.
pub(super) fn progress(view: &CellView<'_>, conduct: &ProgramRun) -> Ruling {
    // What the undisturbed program does is no violation.
    let limit_ns = ns(view.plan.declared.progress).max(conduct.silence_ns.saturating_mul(2));
    let mut rows: Vec<&LedgerRow> = view.ledger.iter().collect();
    rows.sort_unstable_by_key(|row| (row.arrived_ns, row.seq));
    let mut tally = Tally::new();
    tally.relevant = rows.len() as u64;
    let mut busy_ns = rows.first().map_or(0, |row| row.arrived_ns);
    for row in &rows {
        if row.arrived_ns > busy_ns.saturating_add(limit_ns) {
            let text = format!(
                "nothing was in flight for {} from {} on, though attempts were still to be made: {} came at \
                 {}; \
                 something should happen within {}",
                time(row.arrived_ns - busy_ns),
                time(busy_ns),
                row.job,
                time(row.arrived_ns),
                time(limit_ns),
            );
            tally.violation(busy_ns, (vec![row.job.clone()], text));
        }
        let asked_ns = row.retry_after_ms.unwrap_or(0).saturating_mul(1_000_000);
        busy_ns = busy_ns.max(row.ended_ns.saturating_add(asked_ns));
    }
    if conduct.end == ProgramRunEnd::Stopped {
        match stuck(&rows, conduct) {
            Ok(witness) => {
                tally.relevant = tally.relevant.max(1);
                tally.violation(witness.0, witness.1);
            }
            Err(why) if tally.violations == 0 => return Ruling::unknown(why),
            Err(_) => {}
        }
    }
    if conduct.end == ProgramRunEnd::Interrupted {
        return Ruling::unknown("the audit was interrupted before the program had ended");
    }
    tally.ruling(|witness| witness, || nothing_seen(view))
}

/// When a program that had to be stopped was stuck, which jobs were in flight then, and the sentence on it.
///
/// # Errors
/// Why it may only have been slow: something was done to its requests, and it went on for at least half of
/// its time.
fn stuck(rows: &[&LedgerRow], conduct: &ProgramRun) -> Result<(u64, (Vec<JobKey>, String)), String> {
    let at_ns = conduct.ended_ns;
    let stamps = rows.iter().flat_map(|row| [row.arrived_ns, row.ended_ns]).filter(|stamp| *stamp < at_ns);
    let last_ns = stamps.max().unwrap_or(0);
    let (last, stopped) = (time(last_ns), time(at_ns));
    // How long it takes is not known: then it is stuck if it does not even compute.
    let sign_ns = if conduct.limit_known { last_ns } else { last_ns.max(conduct.busy_ns) };
    let may_be_slow = !conduct.limit_known || !conduct.disturbed.is_empty();
    if may_be_slow && at_ns.saturating_sub(sign_ns) < at_ns / 2 {
        return Err(format!(
            "the program did not end by itself, but was still at work at {}, and it was stopped at \
             {stopped}: give it \
             more time with --timeout",
            time(sign_ns)
        ));
    }
    let open: Vec<JobKey> = open_at(rows, at_ns).map(|row| row.job.clone()).take(NAMED).collect();
    let count = count(open_at(rows, at_ns).count() as u64, "attempt");
    let advice = if conduct.limit_known { "" } else { " (if it only waits so long, say --timeout)" };
    let text = format!(
        "the program did not end by itself: nothing happened from {last} on, with {count} open, until it \
         was stopped \
         at {stopped}{advice}"
    );
    Ok((last_ns, (open, text)))
}

fn open_at<'a>(rows: &'a [&'a LedgerRow], at_ns: u64) -> impl Iterator<Item = &'a LedgerRow> {
    rows.iter().copied().filter(move |row| row.arrived_ns < at_ns && row.ended_ns >= at_ns)
}

/// Whatever was in flight when the program had ended is closed within [`GRACE_NS`], and nothing begins after
/// that.
pub(super) fn cancel_propagates(view: &CellView<'_>, conduct: &ProgramRun) -> Ruling {
    if !conduct.ended_itself() {
        return Ruling::unknown("the program did not end by itself");
    }
    let free_ns = conduct.ended_ns.saturating_add(GRACE_NS);
    let mut tally = Tally::new();
    for row in view.ledger.iter().filter(|row| row.ended_ns > conduct.ended_ns) {
        tally.relevant += 1;
        if row.arrived_ns > free_ns || row.ended_ns > free_ns {
            tally.violation(row.arrived_ns, row);
        }
    }
    let words = |row: &LedgerRow| {
        let text = if row.arrived_ns > conduct.ended_ns {
            format!(
                "attempt {} of {} came {} after the program had ended: a process that it started goes on \
                 without it",
                row.attempt,
                row.job,
                time(row.arrived_ns - conduct.ended_ns)
            )
        } else {
            format!(
                "attempt {} of {} was open for {} after the program had ended: a process that it started \
                 goes on \
                 without it",
                row.attempt,
                row.job,
                time(row.ended_ns - conduct.ended_ns)
            )
        };
        (vec![row.job.clone()], text)
    };
    tally.ruling(words, || match view.ledger {
        [] => nothing_seen(view),
        _ => Ruling::not_applicable("no attempt outlived the program; when it gave one up only it knows"),
    })
}
