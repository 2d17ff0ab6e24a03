//! A cell in virtual time.

use super::cell_plan::CellPlan;
use super::lock_faults::check_lock_faults;
use super::memory::run_in_memory;
use super::trial::{Record, judged};
use crate::clock::Clock;
use crate::explore::{HuntBudget, HuntConfig, Subject, Trial};
use crate::plan::{Cell, ClockKind, Dist, Plan};
use crate::schedule::Schedule;
use std::time::Duration;

/// The longest hold: waiting in virtual time costs nothing.
const STALL_MAX: Duration = Duration::from_secs(24 * 3600);
/// Silence after which an order releases the next answer: a tick of virtual time.
const QUIET: Duration = Duration::from_millis(1);

/// One cell of a plan, run again and again in virtual time. The provider answers at once: only the schedule
/// delays answers.
#[derive(Debug, Clone)]
pub struct VirtualCell(CellPlan);

impl VirtualCell {
    /// The cell alone, with no more than the first [`JOBS_MAX`](super::JOBS_MAX) of the plan's jobs.
    #[must_use]
    pub fn new(plan: &Plan, cell: Cell) -> Self {
        Self(CellPlan::new(plan, cell))
    }

    /// The same with these times of answers, as in a run without a schedule.
    #[must_use]
    pub fn answering(plan: &Plan, cell: Cell, ttft: Dist) -> Self {
        Self(CellPlan::answering(plan, cell, ttft))
    }

    /// How it is hunted: with silences of one tick, because virtual time costs nothing.
    #[must_use]
    pub fn config(&self, budget: HuntBudget) -> HuntConfig {
        HuntConfig { quiet: QUIET, stall_max: STALL_MAX, ..self.0.config(budget) }
    }
}

impl Subject for VirtualCell {
    fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String> {
        let clock = Clock::start();
        let plan = self.0.under(schedule, jobs);
        check_lock_faults(schedule, &plan.strategies[0], ClockKind::Virtual)?;
        let kept = run_in_memory(&plan, Some(schedule)).map_err(|error| error.to_string())?;
        let left = Record {
            events: &kept.events,
            entries: &kept.entries,
            claims: kept.ran.made.claims.clone(),
            meta: kept.ran.meta.clone(),
            trace: kept.ran.traces.first().cloned().unwrap_or_default(),
        };
        Ok(judged(&plan, left, clock.now()))
    }
}
