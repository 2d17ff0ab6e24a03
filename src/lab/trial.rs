//! Judges one run of a hunt.

use crate::explore::{Entry, Line, Trial};
use crate::history::{Claim, Event, Evidence, JobKey, LedgerEntry, Meta, Outcome};
use crate::invariants;
use crate::plan::Plan;
use crate::schedule::Trace;
use std::time::Duration;

/// The evidence of one run of one cell.
pub(super) struct Record<'a> {
    pub(super) events: &'a [Event],
    pub(super) entries: &'a [LedgerEntry],
    pub(super) claims: Vec<Claim>,
    pub(super) meta: Meta,
    pub(super) trace: Trace,
}

/// Judges the run, which took `elapsed`.
pub(super) fn judged(plan: &Plan, left: Record<'_>, elapsed: Duration) -> Trial {
    let Record { events, entries, claims, meta, trace } = left;
    let targets: Vec<String> = plan.targets.iter().map(|target| target.name.clone()).collect();
    let evidence = Evidence::in_memory(events, entries, claims, meta, &targets);
    Trial {
        trace,
        verdicts: invariants::judge(plan, &evidence),
        books: books(events, entries),
        timeout: Some(plan.timeouts.first_byte.min(plan.timeouts.total)),
        elapsed,
        killed: None,
        in_vain: false,
    }
}

/// What client and provider recorded, in the order of time.
fn books(events: &[Event], entries: &[LedgerEntry]) -> Vec<Line> {
    let mut lines: Vec<Line> = entries.iter().map(Line::from).collect();
    lines.extend(events.iter().filter_map(client_line));
    lines.sort_by_key(|line| line.at);
    lines
}

fn client_line(event: &Event) -> Option<Line> {
    let (at_ns, job, text) = match event {
        Event::Attempt(a) if a.outcome != Outcome::Ok => {
            let why = a.error.map_or("failed", |class| class.name());
            (a.done_ns, a.job, format!("#{} {why}", a.n))
        }
        Event::Job(job) => {
            let result = match job.outcome {
                Outcome::Ok => "result: ok",
                Outcome::Failed => "result: failed",
                Outcome::Unknown => "result: in doubt",
            };
            (job.done_ns, job.job, result.to_owned())
        }
        Event::Attempt(_) | Event::CellEnd(_) => return None,
    };
    Some(Line { at: Duration::from_nanos(at_ns), job: JobKey::Own(job), entry: Entry::Client(text) })
}
