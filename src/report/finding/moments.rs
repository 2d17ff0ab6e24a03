//! What happened, moment by moment, for the picture of a finding: the same story that the table tells in
//! lines.

use crate::clock::ns;
use crate::explore::{Entry, Line, Trial};
use crate::history::JobKey;
use crate::schedule::{Fallback, RequestKey, Schedule, TraceEvent, TraceStep, Until, Why};
use crate::summary::{Invariant, Moment, What};
use crate::units::format_duration;
use std::collections::BTreeSet;

/// Most jobs of a picture.
const JOBS: usize = 6;

/// Most moments of a picture; a longer story is told by its beginning and by where it breaks.
const MOMENTS: usize = 160;

/// The story of a run that broke `invariant`, sorted by time.
pub(super) fn moments(
    schedule: &Schedule,
    trial: &Trial,
    invariant: Invariant,
    involved: &[JobKey],
) -> Vec<Moment> {
    let jobs = shown(trial, involved);
    let steps = trial.trace.steps.iter().filter(|step| jobs.contains(&step.request.job));
    let mut moments: Vec<Moment> = steps.flat_map(|step| at_the_gate(schedule, trial, step)).collect();
    let books = trial.books.iter().filter(|line| jobs.contains(&line.job));
    moments.extend(books.map(written));
    moments.sort_by_key(|moment| (moment.at_ns, moment.what));
    moments.truncate(MOMENTS);
    let witness = trial.row(invariant).and_then(|row| row.witness.as_ref());
    if let (Some(witness), Some(job)) = (witness, jobs.first()) {
        let (job, text) = (witness.jobs.first().unwrap_or(job).clone(), witness.text.clone());
        moments.push(Moment { at_ns: witness.at_ns, job, attempt: 0, repeat: 0, what: What::Broken, text });
    }
    moments
}

/// The jobs of the picture: those involved, or the first that came.
fn shown(trial: &Trial, involved: &[JobKey]) -> BTreeSet<JobKey> {
    let came: BTreeSet<&JobKey> = trial.trace.steps.iter().map(|step| &step.request.job).collect();
    let jobs: BTreeSet<JobKey> =
        involved.iter().filter(|job| came.contains(job)).take(JOBS).cloned().collect();
    if jobs.is_empty() { came.into_iter().take(JOBS).cloned().collect() } else { jobs }
}

fn moment(step: &TraceStep, what: What, text: String) -> Moment {
    let RequestKey { job, attempt, repeat } = step.request.clone();
    Moment { at_ns: ns(step.at), job, attempt, repeat, what, text }
}

fn at_the_gate(schedule: &Schedule, trial: &Trial, step: &TraceStep) -> Vec<Moment> {
    let one = |what, text: &str| vec![moment(step, what, text.to_owned())];
    match step.event {
        TraceEvent::Arrived => {
            let mut both = one(What::Arrived, "");
            both.extend(held(schedule, &step.request).map(|text| moment(step, What::Held, text)));
            both
        }
        TraceEvent::Struck { fault } => one(What::Struck, fault),
        TraceEvent::Released { why } => match why {
            Why::Free | Why::Disconnected | Why::Closed => Vec::new(),
            Why::Met => one(What::Released, "let go"),
            Why::Picked => one(What::Released, ""),
            Why::TimeUp => one(What::Released, "let go in the end"),
            Why::Infeasible => one(What::Released, "let go, unmet"),
        },
        TraceEvent::Answered { status } => {
            one(What::Answered, &status.map_or_else(|| "no status".to_owned(), |status| status.to_string()))
        }
        TraceEvent::Left if trial.died(step.at) => one(What::Left, "killed"),
        TraceEvent::Left => one(What::Left, "client gave up"),
        TraceEvent::Cut => one(What::Cut, "cut by provider"),
    }
}

/// What the schedule waits for before it lets the request's answer go; `None` if nothing holds it.
fn held(schedule: &Schedule, request: &RequestKey) -> Option<String> {
    match schedule.holds.iter().find(|hold| hold.request == *request).map(|hold| &hold.until) {
        Some(Until::Answered(other)) => Some(format!("held until {other}")),
        Some(Until::After(time)) => Some(format!("held {}", format_duration(*time))),
        Some(Until::Disconnect) => Some("held until the client hangs up".to_owned()),
        None => (schedule.fallback != Fallback::Respond).then(String::new),
    }
}

fn written(line: &Line) -> Moment {
    let at_ns = ns(line.at);
    match &line.entry {
        Entry::Client(text) => {
            let (job, text) = (line.job.clone(), text.clone());
            Moment { at_ns, job, attempt: 0, repeat: 0, what: What::Client, text }
        }
        Entry::Ledger { request, billed, .. } => {
            let RequestKey { job, attempt, repeat } = request.clone();
            let text = if *billed > 0 { format!("+{billed} tokens") } else { String::new() };
            Moment { at_ns, job, attempt, repeat, what: What::Booked, text }
        }
    }
}
