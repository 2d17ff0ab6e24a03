//! The unit of a pair: a whole run, or a short block of it where an endpoint is measured that no run starts
//! anew.

use super::arm::Arm;
use crate::plan::{Place, Plan};
use crate::profile::{self, Piece};
use std::time::Duration;

/// Fewest jobs of a block: below it a quantile of one says little.
const JOBS_MIN: u64 = 100;

/// As many as a scenario may have.
const BLOCKS_MAX: u32 = 1000;

/// Shortest block of a load that has no number of jobs.
const LENGTH_MIN: Duration = Duration::from_secs(10);

/// Which part of the arms' load a pair makes.
///
/// An endpoint that a run does not start goes through ups and downs of its own, which all requests of a long
/// run share. Many short blocks, each beside its counterpart, see more of them at the same cost than few long
/// ones.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Blocks {
    of: u32,
    /// Those in which something is measured, and not only warmed up; empty if a pair is made of whole runs.
    measured: Vec<u32>,
}

impl Blocks {
    /// Of this many pairs between these arms. Whole runs if both start what they measure, or if one of them
    /// is a command: it alone knows what its runs are made of.
    pub(in crate::cli) fn of(arms: [&Arm; 2], pairs: u64) -> Self {
        let plans: Option<Vec<Plan>> = arms.iter().map(|arm| arm.plan()).collect();
        let Some(plans) = plans.filter(|plans| plans.iter().any(is_elsewhere)) else {
            return Self::default();
        };
        let most = plans.iter().map(cut_into).min().unwrap_or(1);
        let of = u32::try_from(pairs).unwrap_or(u32::MAX).min(most).min(BLOCKS_MAX);
        let measures = |number: &u32| plans.iter().all(|plan| is_measured(plan, of, *number));
        let measured: Vec<u32> = (1..=of).filter(measures).collect();
        if of < 2 || measured.is_empty() { Self::default() } else { Self { of, measured } }
    }

    /// The block of this pair, counted from 1, and how many there are; `None` for a whole run.
    pub(in crate::cli) fn of_pair(&self, number: u64) -> Option<(u32, u32)> {
        let turn = number.saturating_sub(1).checked_rem(self.measured.len() as u64)?;
        let block = self.measured.get(usize::try_from(turn).ok()?)?;
        Some((*block, self.of))
    }
}

fn is_elsewhere(plan: &Plan) -> bool {
    plan.targets.iter().any(|target| matches!(target.place, Place::Url { .. }))
}

/// Into how many blocks a load may be cut at the most.
fn cut_into(plan: &Plan) -> u32 {
    let parts = match profile::planned(plan) {
        Some(jobs) => jobs / JOBS_MIN,
        None => length(plan).map_or(1, |length| (length.as_nanos() / LENGTH_MIN.as_nanos()) as u64),
    };
    u32::try_from(parts).unwrap_or(u32::MAX).max(1)
}

fn length(plan: &Plan) -> Option<Duration> {
    let whole = profile::blocks(&Plan { blocks: 1, only_block: None, ..plan.clone() });
    whole.iter().flatten().map(|piece| piece.load.end()).max().flatten()
}

fn is_measured(plan: &Plan, of: u32, number: u32) -> bool {
    let part = profile::blocks(&Plan { blocks: of, only_block: Some(number), ..plan.clone() });
    let measures = |piece: &Piece| piece.load.end().is_none_or(|end| piece.warmup_until < end);
    part.iter().flatten().any(measures)
}
