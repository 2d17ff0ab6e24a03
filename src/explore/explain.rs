//! Why it broke, in one sentence: what was done to the client, what that made it do, and what was seen.

use super::lives::{Life, Lives, Over};
use super::shrink::named;
use super::subject::{Entry, Trial};
use super::words;
use crate::history::JobKey;
use crate::plan::NemesisKind;
use crate::schedule::{Hold, RequestKey, Schedule, Strike, Until, Why};
use crate::summary::Invariant;
use std::collections::BTreeSet;
use std::time::Duration;

/// The sentence for a run that broke `invariant` under `schedule`; a lock of the client lasts for `lease`.
pub(super) fn cause(
    schedule: &Schedule,
    trial: &Trial,
    invariant: Invariant,
    lease: Option<Duration>,
) -> String {
    let lives = Lives::of(&trial.trace);
    let witness = witness(trial, invariant);
    let mut doing: Vec<String> = schedule.holds.iter().take(2).map(|hold| held(hold, &lives)).collect();
    if schedule.holds.len() > 2 {
        doing.push(format!("{} more holds", schedule.holds.len() - 2));
    }
    doing.extend(struck(&schedule.faults));
    doing.extend(schedule.nemeses.iter().map(words::nemesis));
    doing.extend(words::order(schedule));
    doing.extend(words::perturbed(schedule));
    doing.extend(
        trial.killed.map(|at| format!("killing the program at {} and starting it again", words::time(at))),
    );
    if doing.is_empty() {
        return format!("no schedule is needed: {witness}");
    }
    let doing = doing.join(" and ");
    match again(schedule, &lives) {
        Some((first, second)) => {
            let (although, seen) = paid(trial, first, second, &witness);
            format!("{doing} makes the client send {}{although}: {seen}", second.request)
        }
        None => {
            let effect = outlived(schedule, &lives, lease).or_else(|| overtaken(schedule, &lives));
            let effect = effect.or_else(|| dropped(schedule, &lives, trial));
            let effect = effect.unwrap_or_else(|| format!("breaks {}", invariant.name()));
            format!("{doing} {effect}: {witness}")
        }
    }
}

/// What the first witness saw.
pub(super) fn witness(trial: &Trial, invariant: Invariant) -> String {
    let row = trial.row(invariant);
    let text = row.and_then(|row| row.witness.as_ref()).map(|witness| witness.text.trim_end_matches('.'));
    text.map_or_else(|| format!("{} is broken", invariant.name()), str::to_owned)
}

/// The jobs of the schedule and of the witness.
pub(super) fn involved(schedule: &Schedule, trial: &Trial, invariant: Invariant) -> Vec<JobKey> {
    let mut jobs: BTreeSet<JobKey> = named(schedule).into_iter().map(|request| request.job.clone()).collect();
    let row = trial.row(invariant).and_then(|row| row.witness.as_ref());
    jobs.extend(row.into_iter().flat_map(|witness| witness.jobs.iter().cloned()));
    jobs.into_iter().collect()
}

fn held(hold: &Hold, lives: &Lives) -> String {
    let request = &hold.request;
    let life = lives.get(request);
    let left = life.and_then(|life| match life.over {
        Some((at, Over::Left)) => Some(at.0.saturating_sub(life.arrived.0)),
        _ => None,
    });
    match (&hold.until, left) {
        (Until::Answered(other), None) => format!("holding {request} until {other} is answered"),
        (_, Some(after)) => {
            format!("holding {request} past the client's time-out (it hung up after {})", words::time(after))
        }
        (Until::After(long), None) => format!("holding {request} for {}", words::time(*long)),
        (Until::Disconnect, None) => format!("holding {request} until the client hangs up"),
    }
}

/// All faults, those of a kind together.
fn struck(faults: &[Strike]) -> Vec<String> {
    let mut kinds: Vec<(String, Vec<&RequestKey>)> = Vec::new();
    for strike in faults {
        let kind = strike.kind.words();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, requests)) => requests.push(&strike.request),
            None => kinds.push((kind, vec![&strike.request])),
        }
    }
    let of = |(kind, requests): (String, Vec<&RequestKey>)| match requests.as_slice() {
        [one] => format!("{kind} for {one}"),
        [one, other] => format!("{kind} for {one} and {other}"),
        [one, .., last] => format!("{kind} for {} requests from {one} to {last}", requests.len()),
        [] => kind,
    };
    kinds.into_iter().map(of).collect()
}

/// A request that the schedule touched, and the next one of its job, sent once the first was given up, cut
/// or answered by a fault.
fn again<'a>(schedule: &Schedule, lives: &'a Lives) -> Option<(&'a Life, &'a Life)> {
    let touched = schedule.holds.iter().map(|hold| &hold.request);
    let mut touched = touched.chain(schedule.faults.iter().map(|strike| &strike.request));
    touched.find_map(|request| {
        let first = lives.get(request)?;
        let failed = match first.over? {
            (at, Over::Left | Over::Cut) => at,
            (at, Over::Answered(_)) if first.struck.is_some() => at,
            (..) => return None,
        };
        let mut later = lives.list.iter();
        let second = later.find(|life| life.request.job == request.job && life.arrived > failed)?;
        Some((first, second))
    })
}

/// What the ledger says of both, if it was shown.
fn paid(trial: &Trial, first: &Life, second: &Life, witness: &str) -> (String, String) {
    let billed = |of: &RequestKey| {
        trial.books.iter().any(|line| match &line.entry {
            Entry::Ledger { request, billed, .. } => request == of && *billed > 0,
            Entry::Client(_) => false,
        })
    };
    if !billed(&first.request) {
        return (String::new(), witness.to_owned());
    }
    let although = format!(" although the provider had accepted {}", first.request);
    if billed(&second.request) {
        return (although, format!("both were billed; {witness}"));
    }
    (although, witness.to_owned())
}

/// What the client hung up on that nobody held or struck.
fn dropped(schedule: &Schedule, lives: &Lives, trial: &Trial) -> Option<String> {
    let touched = named(schedule);
    let hung_up = |life: &Life| matches!(life.over, Some(((at, _), Over::Left)) if !trial.died(at));
    let left = |life: &&Life| hung_up(life) && !touched.contains(&&life.request);
    let left: Vec<&Life> = lives.list.iter().filter(left).collect();
    let first = left.first()?;
    Some(match left.len() {
        1 => format!("makes the client hang up on {}", first.request),
        n => format!("makes the client hang up on {n} other requests, {} first", first.request),
    })
}

/// What a hold let pass: a request that came later and was answered earlier, or one that was held for
/// nothing.
fn overtaken(schedule: &Schedule, lives: &Lives) -> Option<String> {
    let passed = schedule.holds.iter().find_map(|hold| {
        let x = lives.get(&hold.request)?;
        let Until::Answered(other) = &hold.until else {
            let left = matches!(x.over, Some((_, Over::Left)));
            return Some(if left { "ends it for good" } else { "changes what happens meanwhile" });
        };
        let y = lives.get(other)?;
        match x.released {
            Some((_, Why::Met)) if y.arrived > x.arrived => {
                Some("lets the one that came later be answered first")
            }
            Some((_, Why::Met)) => None,
            _ => Some("holds it for nothing"),
        }
    });
    passed.map(str::to_owned)
}

/// What lasted longer than a lock: an answer that was held, or a pause.
fn outlived(schedule: &Schedule, lives: &Lives, lease: Option<Duration>) -> Option<String> {
    let lease = lease?;
    let held = schedule.holds.iter().filter_map(|hold| lives.get(&hold.request)?.lasted());
    let paused = schedule.nemeses.iter().filter_map(|nemesis| match nemesis.kind {
        NemesisKind::PauseHolder(long) => Some(long),
        _ => None,
    });
    let longer = held.chain(paused).any(|long| long > lease);
    longer.then(|| format!("outlasts the lock, which is lent for {}", words::time(lease)))
}
