//! Why it broke: what the schedule made the client do, as facts. A report puts them into words.

use super::lives::{RequestEnd, RequestRecord, RequestRecords};
use super::shrink::named;
use super::subject::{Entry, Trial};
use crate::history::JobKey;
use crate::plan::NemesisKind;
use crate::schedule::{RequestKey, Schedule, Until, Why};
use crate::summary::Invariant;
use std::collections::BTreeSet;
use std::time::Duration;

/// What a schedule made the client do, and what broke by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// For each hold of the schedule: after how long the client hung up, if it did.
    pub hung_up_after: Vec<Option<Duration>>,
    /// What the schedule led to.
    pub effect: Consequence,
    /// What the first violation looked like, in one sentence without a full stop.
    pub witness: String,
}

/// What a schedule led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// The client sent `second` after the attempt `first` of the same job had failed.
    SentAgain {
        /// The attempt that was given up, cut, or answered by a fault.
        first: RequestKey,
        /// The next attempt of its job.
        second: RequestKey,
        /// Whether the ledger billed each of the two.
        billed: [bool; 2],
    },
    /// An answer that was held, or a pause, lasted longer than the lock, whose lease is this long.
    OutlastsLock(Duration),
    /// The client hung up on a request that was held, and did not send it again.
    EndsRequest,
    /// A request was held for a time, and something else happened meanwhile.
    HeldMeanwhile,
    /// A request that came later was answered first.
    LaterAnsweredFirst,
    /// A hold could not be met.
    HeldForNothing,
    /// The client hung up on requests that the schedule does not name.
    HungUpOnOthers {
        /// The first of them.
        first: RequestKey,
        /// How many.
        count: usize,
    },
    /// Nothing of these.
    Breaks,
}

/// The cause in a run that broke `invariant` under `schedule`; a lock of the client lasts for `lease`.
pub(super) fn cause(
    schedule: &Schedule,
    trial: &Trial,
    invariant: Invariant,
    lease: Option<Duration>,
) -> Cause {
    let lives = RequestRecords::of(&trial.trace);
    let effect = sent_again(schedule, &lives, trial)
        .or_else(|| outlasted(schedule, &lives, lease))
        .or_else(|| overtaken(schedule, &lives))
        .or_else(|| hung_up_on_others(schedule, &lives, trial));
    Cause {
        hung_up_after: schedule.holds.iter().map(|hold| lives.get(&hold.request)?.hung_up_after()).collect(),
        effect: effect.unwrap_or(Consequence::Breaks),
        witness: witness(trial, invariant),
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

/// A request that the schedule names, and the next one of its job, sent once the first was given up, cut
/// or answered by a fault.
fn sent_again(schedule: &Schedule, lives: &RequestRecords, trial: &Trial) -> Option<Consequence> {
    let touched = schedule.holds.iter().map(|hold| &hold.request);
    let mut touched = touched.chain(schedule.faults.iter().map(|strike| &strike.request));
    let (first, second) = touched.find_map(|request| {
        let first = lives.get(request)?;
        let failed = match first.over? {
            (at, RequestEnd::Left | RequestEnd::Cut) => at,
            (at, RequestEnd::Answered(_)) if first.struck.is_some() => at,
            (..) => return None,
        };
        let mut later = lives.list.iter();
        let second = later.find(|life| life.request.job == request.job && life.arrived > failed)?;
        Some((first.request.clone(), second.request.clone()))
    })?;
    let billed = [&first, &second].map(|request| is_billed(trial, request));
    Some(Consequence::SentAgain { first, second, billed })
}

fn is_billed(trial: &Trial, of: &RequestKey) -> bool {
    trial.books.iter().any(|line| match &line.entry {
        Entry::Ledger { request, billed, .. } => request == of && *billed > 0,
        Entry::Client(_) => false,
    })
}

/// What the client hung up on although the schedule does not name it.
fn hung_up_on_others(schedule: &Schedule, lives: &RequestRecords, trial: &Trial) -> Option<Consequence> {
    let named = named(schedule);
    let hung_up =
        |life: &RequestRecord| matches!(life.over, Some(((at, _), RequestEnd::Left)) if !trial.died(at));
    let left = |life: &&RequestRecord| hung_up(life) && !named.contains(&&life.request);
    let left: Vec<&RequestRecord> = lives.list.iter().filter(left).collect();
    let first = left.first()?.request.clone();
    Some(Consequence::HungUpOnOthers { first, count: left.len() })
}

/// What the first hold that changed something led to.
fn overtaken(schedule: &Schedule, lives: &RequestRecords) -> Option<Consequence> {
    schedule.holds.iter().find_map(|hold| {
        let held = lives.get(&hold.request)?;
        let Until::Answered(other) = &hold.until else {
            let left = held.hung_up_after().is_some();
            return Some(if left { Consequence::EndsRequest } else { Consequence::HeldMeanwhile });
        };
        let other = lives.get(other)?;
        match held.released {
            Some((_, Why::Met)) if other.arrived > held.arrived => Some(Consequence::LaterAnsweredFirst),
            Some((_, Why::Met)) => None,
            _ => Some(Consequence::HeldForNothing),
        }
    })
}

/// What lasted longer than a lock: an answer that was held, or a pause.
fn outlasted(schedule: &Schedule, lives: &RequestRecords, lease: Option<Duration>) -> Option<Consequence> {
    let lease = lease?;
    let held = schedule.holds.iter().filter_map(|hold| lives.get(&hold.request)?.lasted());
    let paused = schedule.nemeses.iter().filter_map(|nemesis| match nemesis.kind {
        NemesisKind::PauseHolder(long) => Some(long),
        _ => None,
    });
    held.chain(paused).any(|long| long > lease).then_some(Consequence::OutlastsLock(lease))
}
