//! deadheat's own strategies in virtual time as what is hunted: one cell of a plan, again and again.

use super::cut::Cut;
use super::memory::run_in_memory;
use super::trial::{Left, judged};
use crate::clock::Clock;
use crate::explore::{Budget, Config, Subject, Trial};
use crate::plan::{Cell, Dist, Plan};
use crate::schedule::Schedule;
use std::time::Duration;

/// Virtual time costs nothing to wait for.
const STALL_MAX: Duration = Duration::from_secs(24 * 3600);
/// Silence after which an order releases the next answer: a tick of virtual time.
const QUIET: Duration = Duration::from_millis(1);

/// One cell of a plan, in virtual time. The provider answers at once: what it takes is the schedule's to say.
#[derive(Debug, Clone)]
pub struct VirtualCell(Cut);

impl VirtualCell {
    /// The cell alone, with no more than the first [`JOBS_MAX`](super::JOBS_MAX) of the plan's jobs.
    #[must_use]
    pub fn new(plan: &Plan, cell: Cell) -> Self {
        Self(Cut::new(plan, cell))
    }

    /// The same with answers that take such times, as a client meets them that nobody schedules.
    #[must_use]
    pub fn answering(plan: &Plan, cell: Cell, ttft: Dist) -> Self {
        Self(Cut::answering(plan, cell, ttft))
    }

    /// How it is hunted: with silences of one tick, as virtual time costs nothing.
    #[must_use]
    pub fn config(&self, budget: Budget) -> Config {
        Config { quiet: QUIET, stall_max: STALL_MAX, ..self.0.config(budget) }
    }
}

impl Subject for VirtualCell {
    fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String> {
        let clock = Clock::start();
        let plan = self.0.under(schedule, jobs);
        let kept = run_in_memory(&plan, Some(schedule)).map_err(|error| error.to_string())?;
        let left = Left {
            events: &kept.events,
            entries: &kept.entries,
            claims: kept.ran.made.claims.clone(),
            meta: kept.ran.meta.clone(),
            trace: kept.ran.traces.first().cloned().unwrap_or_default(),
        };
        Ok(judged(&plan, left, clock.now()))
    }
}
