//! Runs a subject and counts; knows when a hunt is over.

use super::subject::{Subject, Trial};
use super::terms::HuntBudget;
use crate::schedule::Schedule;
use std::time::Duration;

/// The share of a time in which schedules may begin, in percent.
const BEGIN: u32 = 92;

/// Runs, counted.
pub(super) struct Runner<'a> {
    subject: &'a mut dyn Subject,
    now: &'a dyn Fn() -> Duration,
    begun: Duration,
    budget: HuntBudget,
    /// Until when whatever is done now may go on.
    until: Duration,
    pub(super) schedules: u64,
    pub(super) runs: u64,
    /// What kept a run from happening. Nothing is run after that.
    pub(super) stopped: Option<String>,
}

impl<'a> Runner<'a> {
    pub(super) fn new(
        subject: &'a mut dyn Subject,
        now: &'a dyn Fn() -> Duration,
        budget: HuntBudget,
    ) -> Self {
        let until = Duration::MAX;
        Self { subject, now, begun: now(), budget, until, schedules: 0, runs: 0, stopped: None }
    }

    /// One run; `None` if it could not happen.
    pub(super) fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Option<Trial> {
        if self.stopped.is_some() {
            return None;
        }
        self.runs += 1;
        match self.subject.run(schedule, jobs) {
            Ok(trial) => Some(trial),
            Err(why) => {
                self.stopped = Some(why);
                None
            }
        }
    }

    /// A run of a new schedule with all jobs.
    pub(super) fn schedule(&mut self, schedule: &Schedule) -> Option<Trial> {
        self.schedules += 1;
        self.run(schedule, None)
    }

    /// Whether no new schedule may begin within this share of the budget, in percent. The end of a time is
    /// kept for what is found last.
    pub(super) fn over(&self, share: u32) -> bool {
        self.stopped.is_some()
            || match self.budget {
                HuntBudget::Schedules(most) => {
                    self.schedules >= most.saturating_mul(u64::from(share)).div_ceil(100)
                }
                HuntBudget::Time(most) => self.elapsed() >= most * share.min(BEGIN) / 100,
            }
    }

    /// Lets what is done next take this share of the time that is left, in percent.
    pub(super) fn allow(&mut self, share: u32) {
        self.until = match self.budget {
            HuntBudget::Schedules(_) => Duration::MAX,
            HuntBudget::Time(most) => {
                let elapsed = self.elapsed();
                elapsed + most.saturating_sub(elapsed) * share / 100
            }
        };
    }

    /// Whether what is done now has had its time.
    pub(super) fn late(&self) -> bool {
        self.stopped.is_some() || self.elapsed() >= self.until
    }

    /// Whether all time is up.
    pub(super) fn past(&self) -> bool {
        self.stopped.is_some() || matches!(self.budget, HuntBudget::Time(most) if self.elapsed() >= most)
    }

    /// About how many schedules are left, by the speed so far.
    pub(super) fn left(&self) -> Option<u64> {
        match self.budget {
            HuntBudget::Schedules(most) => Some(most.saturating_sub(self.schedules)),
            HuntBudget::Time(most) => {
                let (used, left) = (self.elapsed(), most.saturating_sub(self.elapsed()));
                let each = used.as_secs_f64() / self.runs.max(1) as f64;
                (each > 0.0).then(|| (left.as_secs_f64() / each) as u64)
            }
        }
    }

    /// The injected clock.
    pub(super) fn now(&self) -> Duration {
        (self.now)()
    }

    fn elapsed(&self) -> Duration {
        (self.now)().saturating_sub(self.begun)
    }
}
