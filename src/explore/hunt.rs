//! The hunt: calibrate, run what is planned, and make a finding of every rule that breaks.

use super::calm::{Undisturbed, thought};
use super::cause::{cause, involved};
use super::family::Family;
use super::finding::Found;
use super::lives::RequestRecords;
use super::order;
use super::plan::{Planner, perturbed};
use super::runner::Runner;
use super::seen::HuntRecord;
use super::shrink::{Candidate, Oracle, shrink};
use super::subject::{Subject, Trial};
use super::terms::{HuntConfig, Terms};
use crate::schedule::{Fallback, Schedule};
use crate::summary::{ExploredRow, Invariant};
use std::time::Duration;

/// The share of the budget in which the client's own steps are left alone, in percent.
const UNPERTURBED: u32 = 65;
/// The share of the time that is left that one finding may be shrunk for, in percent.
const SHRINKING: u32 = 35;
/// The share that it may be shown again for, and the share that it may be shown for without its schedule.
const SHOWING: u32 = 20;

/// What a hunt came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// The broken rules, each with its smallest schedule, in the order in which they were found.
    pub findings: Vec<Found>,
    /// What was explored of how much.
    pub explored: ExploredRow,
    /// How long it took until the first finding was seen, not yet shrunk.
    pub first_after: Option<Duration>,
}

/// Hunts for schedules under which the subject breaks a rule. `now` is a clock that does not go back; it is
/// asked only where the budget is a time, and for [`Report::first_after`].
///
/// # Errors
/// What kept the first run from happening. Whatever happens later ends the hunt, and the report says so.
pub fn explore(
    subject: &mut dyn Subject,
    config: &HuntConfig,
    now: &dyn Fn() -> Duration,
) -> Result<Report, String> {
    let begun = now();
    let mut hunt = Hunt {
        config,
        runner: Runner::new(subject, now, config.budget),
        findings: Vec::new(),
        seen: HuntRecord::default(),
        first_at: None,
    };
    let (calm, terms) = hunt.calibrate()?;
    let share = if config.perturb.is_some() { UNPERTURBED } else { 100 };
    let left = hunt.runner.left().map(|left| left * u64::from(share) / 100);
    let mut planner = Planner::new(&calm, &terms, left);
    hunt.seen.plan(planner.families());
    hunt.pass(share, &mut planner, &calm);
    if let Some(perturb) = config.perturb.filter(|_| config.perturb_anyway || hunt.findings.is_empty()) {
        hunt.pass(100, &mut perturbed(&terms, perturb), &calm);
    }
    hunt.pass(100, &mut planner, &calm);
    let Hunt { runner, findings, seen, first_at, .. } = hunt;
    let mut explored = seen.explored(config, &calm, &terms);
    (explored.schedules, explored.runs, explored.stopped) = (runner.schedules, runner.runs, runner.stopped);
    Ok(Report { findings, explored, first_after: first_at.map(|at| at.saturating_sub(begun)) })
}

/// A hunt while it goes on.
struct Hunt<'a> {
    config: &'a HuntConfig,
    runner: Runner<'a>,
    findings: Vec<Found>,
    seen: HuntRecord,
    first_at: Option<Duration>,
}

impl Hunt<'_> {
    fn over(&self, share: u32) -> bool {
        self.runner.over(share) || self.config.findings_max.is_some_and(|most| self.findings.len() >= most)
    }

    /// Runs schedules until this share of the budget is used up, in percent, or until two in a row were to
    /// change what cannot be changed.
    fn pass(
        &mut self,
        share: u32,
        schedules: &mut dyn Iterator<Item = (Family, Schedule)>,
        calm: &Undisturbed,
    ) {
        let mut in_vain = 0;
        while !self.over(share) && in_vain < 2 {
            let Some((family, schedule)) = schedules.next() else { return };
            if self.seen.calibrated(family, &schedule) {
                continue;
            }
            let Some(trial) = self.runner.schedule(&schedule) else { return };
            if schedule.perturb.is_none() {
                self.seen.late(calm.late(&trial.trace));
            }
            in_vain = if trial.in_vain { in_vain + 1 } else { 0 };
            self.judge(family, &schedule, &trial);
        }
    }

    /// Two runs in which everything is answered at once, to see which requests always come, and two in which
    /// answers leave one at a time, to see what brings what.
    fn calibrate(&mut self) -> Result<(Undisturbed, Terms), String> {
        let mut terms = Terms::first(self.config, self.config.timeout, 1, Duration::ZERO);
        let mut free = Vec::new();
        let mut timeout = self.config.timeout;
        for _ in 0..2 {
            let trial = self.calm_run(Family::Calm, &terms.schedule(Fallback::Respond))?;
            timeout = timeout.max(trial.timeout);
            free.push(trial.trace);
        }
        let in_flight = RequestRecords::of(&free[0]).most_in_flight();
        let thought = free.iter().map(thought).max().unwrap_or_default();
        terms = Terms::first(self.config, timeout, in_flight, thought);
        let mut single = Vec::new();
        for fallback in [Fallback::Fifo, Fallback::Reverse] {
            let trial = self.calm_run(Family::Single, &terms.schedule(fallback))?;
            timeout = timeout.max(trial.timeout);
            single.push(trial.trace);
        }
        let calm = Undisturbed::learn(&free.iter().collect::<Vec<_>>(), &single.iter().collect::<Vec<_>>());
        let terms = Terms::calibrated(self.config, &calm, timeout);
        Ok((calm, terms))
    }

    fn calm_run(&mut self, family: Family, schedule: &Schedule) -> Result<Trial, String> {
        let trial = self.runner.schedule(schedule);
        let trial = trial.ok_or_else(|| self.runner.stopped.clone().unwrap_or_default())?;
        self.seen.calibration(family, schedule);
        self.judge(family, schedule, &trial);
        Ok(trial)
    }

    /// Notes a run, and makes a finding of each rule that broke for the first time.
    fn judge(&mut self, family: Family, schedule: &Schedule, trial: &Trial) {
        let broken = trial.broken();
        self.seen.note(family, trial);
        let found_at = self.runner.schedules;
        // Rules that break together mostly break by the same schedule: what is small for one is tried for
        // all.
        let mut small: Option<Candidate> = None;
        for invariant in broken {
            if self.findings.iter().any(|finding| finding.invariant == invariant) {
                self.seen.again(invariant);
                continue;
            }
            self.first_at.get_or_insert_with(|| self.runner.now());
            self.runner.allow(SHRINKING);
            let candidate = self.shrunk(invariant, schedule, trial, small.as_ref());
            let finding = self.confirmed(invariant, family, &candidate, trial, found_at);
            small = Some(candidate);
            self.findings.push(finding);
        }
    }

    fn shrunk(
        &mut self,
        rule: Invariant,
        schedule: &Schedule,
        trial: &Trial,
        small: Option<&Candidate>,
    ) -> Candidate {
        let runner = &mut self.runner;
        let mut breaks = |candidate: &Candidate| {
            let trial = if runner.late() { None } else { runner.run(&candidate.schedule, candidate.jobs) };
            trial.is_some_and(|trial| trial.breaks(rule))
        };
        let mut oracle = Oracle::new(self.config.shrink_max, &mut breaks);
        let mut start = Candidate { schedule: schedule.clone(), jobs: None };
        if let Some(small) = small.filter(|small| oracle.keeps(small)) {
            return shrink(small.clone(), self.config.jobs, &mut oracle);
        }
        if !oracle.keeps(&start) {
            return start;
        }
        let mut held = order::as_holds(schedule, &trial.trace).into_iter();
        let mut held = held.by_ref().map(|schedule| Candidate { schedule, jobs: None });
        if let Some(held) = held.find(|candidate| oracle.keeps(candidate)) {
            start = held;
        }
        shrink(start, self.config.jobs, &mut oracle)
    }

    /// The finding, with how often it can be shown again, and how often it shows without its schedule.
    fn confirmed(
        &mut self,
        invariant: Invariant,
        family: Family,
        candidate: &Candidate,
        first: &Trial,
        schedules_to_find: u64,
    ) -> Found {
        let Candidate { schedule, jobs } = candidate;
        let (reproduced, shown) = self.times(invariant, schedule, *jobs);
        let (holds, faults, nemeses) = (Vec::new(), Vec::new(), Vec::new());
        let fallback = Fallback::Respond;
        let bare = Schedule { holds, faults, nemeses, fallback, perturb: None, ..schedule.clone() };
        let without = if bare == *schedule { reproduced } else { self.times(invariant, &bare, *jobs).0 };
        let trial = shown.unwrap_or_else(|| first.clone());
        Found {
            origin: self.config.origin.clone(),
            invariant,
            cause: cause(schedule, &trial, invariant, self.config.lease),
            jobs: *jobs,
            involved: involved(schedule, &trial, invariant),
            schedule: schedule.clone(),
            reproduced,
            without,
            family,
            schedules_to_find,
            trial,
        }
    }

    /// How often the rule breaks, of how many runs, and the last run in which it did.
    fn times(
        &mut self,
        rule: Invariant,
        schedule: &Schedule,
        jobs: Option<u64>,
    ) -> ([u32; 2], Option<Trial>) {
        let mut times = [0, 0];
        let mut shown = None;
        self.runner.allow(SHOWING);
        for n in 0..self.config.reproductions {
            if self.runner.past() || (n > 0 && self.runner.late()) {
                break;
            }
            let trial = self.runner.run(schedule, jobs);
            // Given up halfway, it says nothing.
            let Some(trial) = trial.filter(|trial| !trial.verdicts.is_empty()) else { break };
            times[1] += 1;
            if trial.breaks(rule) {
                times[0] += 1;
                shown = Some(trial);
            }
        }
        (times, shown)
    }
}
