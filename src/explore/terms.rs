//! What a hunt is told, and what calibration makes of it.

use super::calm::Undisturbed;
use crate::faults::{ClientReads, Effect, FaultKind};
use crate::plan::{Nemesis, NemesisKind};
use crate::schedule::{Fallback, Perturb, Schedule, Until};
use crate::units::format_duration;
use std::time::Duration;

/// A hold past a time-out lasts this much longer than it, in percent.
const PAST: u32 = 150;

/// Longest silence that calibration asks for by itself: beyond it a client waits on purpose.
const QUIET_MAX: Duration = Duration::from_millis(250);

/// Shortest silence.
const QUIET_MIN: Duration = Duration::from_micros(100);

/// Shortest patience with a hold that waits for another answer.
const PATIENCE_MIN: Duration = Duration::from_millis(250);

/// How long a hunt goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HuntBudget {
    /// So many schedules. What shrinks and reproduces a finding comes on top.
    Schedules(u64),
    /// So long, with all that is done to a finding. Only a run that has begun goes on.
    Time(Duration),
}

impl Default for HuntBudget {
    fn default() -> Self {
        Self::Time(Duration::from_secs(60))
    }
}

impl HuntBudget {
    /// What one of so many cells may use: schedules are counted for each cell, time is shared.
    #[must_use]
    pub fn for_each_of(self, cells: usize) -> Self {
        match self {
            Self::Schedules(n) => Self::Schedules(n),
            Self::Time(time) => Self::Time(time / u32::try_from(cells).unwrap_or(u32::MAX).max(1)),
        }
    }
}

impl std::fmt::Display for HuntBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Schedules(n) => write!(f, "{n} schedules for each cell"),
            Self::Time(time) => f.write_str(&format_duration(*time)),
        }
    }
}

/// What a hunt is to do.
#[derive(Debug, Clone)]
pub struct HuntConfig {
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// When it ends.
    pub budget: HuntBudget,
    /// How many jobs the subject has.
    pub jobs: u64,
    /// The client's longest time-out, if it is known; what the client announces counts too.
    pub timeout: Option<Duration>,
    /// Further holds worth trying, such as past a lock's lease.
    pub stalls: Vec<Duration>,
    /// Longer holds are not tried, and the report says so.
    pub stall_max: Duration,
    /// Whether the client is known to end in time whatever the provider does, so that a request may stay
    /// without an answer though the client's time-out is not known.
    pub ends_in_time: bool,
    /// Least silence after which an order releases the next answer.
    pub quiet: Duration,
    /// How many attempts the client has in flight at once, if it is declared: one of the depths of lane
    /// orders.
    pub permits: Option<u32>,
    /// The faults that each request meets.
    pub alphabet: Vec<FaultKind>,
    /// What goes wrong around locks in every run, until a finding is shown to need none of it.
    pub nemeses: Vec<Nemesis>,
    /// What else may go wrong around a lock; empty if the client has none.
    pub lock_faults: Vec<NemesisKind>,
    /// How long a lock lasts that is not renewed.
    pub lease: Option<Duration>,
    /// Runs by which a finding is reproduced, and by which it is shown not to happen without its schedule.
    pub reproductions: u32,
    /// Most runs spent on shrinking one finding.
    pub shrink_max: u32,
    /// Ends the hunt after so many findings; `None` goes on to the budget's end.
    pub findings_max: Option<usize>,
    /// What the subject does not show of what it stands for, a sentence each.
    pub left_out: Vec<String>,
    /// What is done to the client's own steps, in the last third of the budget, if the provider's schedules
    /// alone have found nothing until then.
    pub perturb: Option<Perturb>,
    /// Whether that is done even if they have.
    pub perturb_anyway: bool,
    /// Where the subject comes from.
    pub origin: super::Origin,
}

impl HuntConfig {
    /// A hunt with the usual faults, five reproductions and 25 ms of silence.
    #[must_use]
    pub fn new(seed: u64, budget: HuntBudget, jobs: u64) -> Self {
        Self {
            seed,
            budget,
            jobs,
            timeout: None,
            stalls: Vec::new(),
            stall_max: Duration::from_secs(60),
            ends_in_time: false,
            quiet: Duration::from_millis(25),
            permits: None,
            alphabet: alphabet(),
            nemeses: Vec::new(),
            lock_faults: Vec::new(),
            lease: None,
            reproductions: 5,
            shrink_max: 200,
            findings_max: None,
            left_out: Vec::new(),
            perturb: None,
            perturb_anyway: false,
            origin: super::Origin::default(),
        }
    }
}

/// The faults that each request meets in a fault sweep, if the caller names no others.
#[must_use]
pub fn alphabet() -> Vec<FaultKind> {
    FaultKind::tried(ClientReads::Unknown)
}

/// The faults for a client of which it is known whether it reads streams: none that it cannot meet. Those of
/// streams and the others take turns, because a slow client meets few of them.
#[must_use]
pub fn alphabet_for(streams: bool) -> Vec<FaultKind> {
    if !streams {
        return FaultKind::tried(ClientReads::Whole);
    }
    let (of_streams, others): (Vec<FaultKind>, Vec<FaultKind>) =
        FaultKind::tried(ClientReads::Streams).into_iter().partition(FaultKind::is_of_streams);
    let (mut of_streams, mut others) = (of_streams.into_iter(), others.into_iter());
    let mut turns = Vec::new();
    loop {
        let before = turns.len();
        turns.extend(of_streams.next());
        turns.extend(others.next());
        if turns.len() == before {
            return turns;
        }
    }
}

/// The times and alphabets of a hunt's schedules.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) seed: u64,
    pub(super) quiet: Duration,
    pub(super) patience: Duration,
    pub(super) stalls: Vec<Until>,
    pub(super) alphabet: Vec<FaultKind>,
    pub(super) nemeses: Vec<Nemesis>,
    pub(super) lock_faults: Vec<NemesisKind>,
    /// Longer than a lock lasts.
    pub(super) past_lease: Option<Duration>,
    pub(super) depths: Vec<u32>,
    /// What could not be asked for, a sentence each.
    pub(super) left_out: Vec<String>,
}

impl Terms {
    /// The terms of calibration, when nothing is known yet but how many requests were in flight, and about
    /// how long the client thinks.
    pub(super) fn first(
        config: &HuntConfig,
        timeout: Option<Duration>,
        in_flight: usize,
        thought: Duration,
    ) -> Self {
        let shares = u32::try_from(in_flight.max(1)).unwrap_or(u32::MAX).saturating_mul(4);
        // One at a time, the last of those in flight waits for all others: not so long that it gives up.
        let quiet = config.quiet.max(thought.saturating_mul(2).min(QUIET_MAX));
        let quiet = timeout.map_or(quiet, |timeout| quiet.min(timeout / shares));
        Self {
            seed: config.seed,
            quiet: quiet.max(QUIET_MIN),
            patience: config.quiet.saturating_mul(20).max(PATIENCE_MIN),
            stalls: Vec::new(),
            alphabet: config.alphabet.clone(),
            nemeses: config.nemeses.clone(),
            lock_faults: config.lock_faults.clone(),
            past_lease: config.lease.map(|lease| lease * PAST / 100).filter(|time| *time <= config.stall_max),
            depths: depths(config.permits),
            left_out: config.left_out.clone(),
        }
    }

    /// The terms of the hunt.
    pub(super) fn calibrated(config: &HuntConfig, calm: &Undisturbed, timeout: Option<Duration>) -> Self {
        let thought = calm.think_p99.saturating_mul(2).min(QUIET_MAX);
        let patience = calm.lasted.saturating_mul(2).max(PATIENCE_MIN).max(config.quiet * 4);
        let quiet = config.quiet.max(thought);
        // An order is no stall: the last of those in flight is not to wait past the time-out. What then comes
        // late is counted.
        let shares = u32::try_from(calm.in_flight.max(1)).unwrap_or(u32::MAX).saturating_mul(2);
        let quiet = timeout.map_or(quiet, |timeout| quiet.min(timeout / shares));
        let mut terms = Self {
            quiet: quiet.max(QUIET_MIN),
            patience: timeout.map_or(patience, |timeout| patience.min(timeout * 4 / 5)),
            ..Self::first(config, timeout, 1, Duration::ZERO)
        };
        let mut stalls: Vec<Duration> = timeout.map(|timeout| timeout * PAST / 100).into_iter().collect();
        stalls.extend(&config.stalls);
        if stalls.is_empty() {
            // The client's time-out is not known. Long beside anything that it did undisturbed.
            stalls.push(calm.service.saturating_mul(10).clamp(Duration::from_secs(2), config.stall_max));
            terms.left_out.push(
                "the client's time-out is not known: holds may have been too short to reach it".to_owned(),
            );
        }
        for stall in stalls {
            let until = Until::After(stall);
            if stall > config.stall_max {
                let (stall, most) = (format_duration(stall), format_duration(config.stall_max));
                terms.left_out.push(format!("holds of {stall}: longer than the {most} that a hold may last"));
            } else if !terms.stalls.contains(&until) {
                terms.stalls.push(until);
            }
        }
        if timeout.is_some_and(|timeout| timeout <= config.stall_max) {
            terms.stalls.push(Until::Disconnect);
        } else if !config.ends_in_time && terms.alphabet.iter().any(is_silence) {
            terms.alphabet.retain(|kind| !is_silence(kind));
            terms
                .left_out
                .push("requests that are never answered: the client's time-out is not known".to_owned());
        }
        terms
    }

    /// A schedule in these terms that asks for nothing yet.
    pub(super) fn schedule(&self, fallback: Fallback) -> Schedule {
        Schedule {
            seed: self.seed,
            holds: Vec::new(),
            faults: Vec::new(),
            nemeses: self.nemeses.clone(),
            fallback,
            quiet: self.quiet,
            patience: self.patience,
            perturb: None,
        }
    }
}

/// Whether a request that meets this fault is never answered.
fn is_silence(kind: &FaultKind) -> bool {
    kind.effect() == Effect::Silence
}

/// 2, 3, 4 and the client's own concurrency: a pool of N permits that stops itself needs N changes.
fn depths(permits: Option<u32>) -> Vec<u32> {
    let mut depths = vec![2, 3, 4];
    depths.extend(permits.filter(|n| *n > 4));
    depths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_s_faults_come_early_where_there_are_streams() {
        let names = |kinds: &[FaultKind]| kinds.iter().map(FaultKind::name).collect::<Vec<_>>();
        let streams = names(&alphabet_for(true));
        assert_eq!(streams[..4], ["duplicate-usage", "rate-limit", "cut-stream", "rate-limit"]);
        assert_eq!(streams.len(), FaultKind::all().len(), "all, each once");
        let whole = names(&alphabet_for(false));
        assert_eq!(
            whole[..5],
            ["rate-limit", "rate-limit", "rate-limit", "never-answers", "quota-exhausted"]
        );
        assert!(!whole.contains(&"duplicate-usage") && whole.contains(&"cut-stream"));
        let unknown = names(&alphabet());
        assert_eq!((unknown[0], unknown[unknown.len() - 1]), ("rate-limit", "never-answers"));
        assert_eq!(unknown.len() + 1, FaultKind::all().len(), "all but duplicate-event");
    }
}
