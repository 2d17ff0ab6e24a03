//! A cell's load, cut into the blocks in which cells are interleaved.

use super::arrivals::ArrivalTimes;
use super::frame::{Cut, Frame};
use super::vus::VusCurve;
use super::{barrier, constant_arrival_rate, constant_vus, open, per_vu_iterations};
use super::{ramping_arrival_rate, ramping_vus, shared_iterations};
use crate::plan::{Executor, Open, Phase, Plan};
use crate::seed;
use std::ops::Range;
use std::time::Duration;

/// Job indexes set aside for a phase that only time ends.
pub const RESERVED_JOBS: u64 = 1_000_000_000;

/// What one phase does in one block. Offsets count from the block's start.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Position in [`Plan::phases`].
    pub phase: usize,
    /// When it starts.
    pub start: Duration,
    /// Jobs due before are warm-up; zero if there is none.
    pub warmup_until: Duration,
    /// How long jobs in progress may go on after its end.
    pub graceful_stop: Duration,
    /// What it does.
    pub load: Load,
}

impl Piece {
    /// Jobs that it wants; `None` if only time decides.
    #[must_use]
    pub fn planned(&self) -> Option<u64> {
        match &self.load {
            Load::Open { arrivals, .. } => Some(arrivals.left()),
            Load::Vus { jobs, .. } => jobs.count,
            Load::PerVu { vus, iterations, .. } => {
                Some(u64::from(*vus) * (iterations.end - iterations.start))
            }
            Load::Barrier { size, rounds, .. } => Some(u64::from(*size) * (rounds.end - rounds.start)),
        }
    }
}

/// The load of one piece. Offsets count from the block's start, job indexes from the cell's first job.
#[derive(Debug, Clone)]
pub enum Load {
    /// Jobs that are due at given moments, whether or not answers come.
    Open {
        /// When.
        arrivals: ArrivalTimes,
        /// What happens when too many are in progress.
        open: Open,
        /// When the piece ends.
        end: Duration,
    },
    /// Workers that take the next job of a shared counter.
    Vus {
        /// How many workers.
        vus: VusCurve,
        /// Which jobs.
        jobs: Jobs,
        /// When no more jobs are begun; `None` is when the jobs are used up.
        end: Option<Duration>,
    },
    /// Workers that each have their own jobs: worker `v`'s iteration `i` is the job
    /// `first_job + v · total_iterations + i`.
    PerVu {
        /// Workers.
        vus: u32,
        /// Each worker's iterations in this block.
        iterations: Range<u64>,
        /// Each worker's iterations in all blocks.
        total_iterations: u64,
        /// The phase's first job.
        first_job: u64,
        /// When no more jobs are begun; `None` is when the jobs are used up.
        end: Option<Duration>,
    },
    /// Groups of jobs released together: the k-th of round `r` is the job `first_job + r · size + k`.
    Barrier {
        /// Jobs per group.
        size: u32,
        /// The groups in this block.
        rounds: Range<u64>,
        /// The phase's first job.
        first_job: u64,
    },
}

impl Load {
    /// When the piece ends, if time ends it.
    #[must_use]
    pub fn end(&self) -> Option<Duration> {
        match self {
            Self::Open { end, .. } => Some(*end),
            Self::Vus { end, .. } | Self::PerVu { end, .. } => *end,
            Self::Barrier { .. } => None,
        }
    }
}

/// Jobs taken one by one from a shared counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jobs {
    /// The first.
    pub first: u64,
    /// How many; `None` is as many as time allows.
    pub count: Option<u64>,
}

/// The load of one cell, cut into `plan.blocks` blocks; the same for every cell, so that cells are
/// compared under the same arrivals.
///
/// A phase bounded by time is cut on its own timeline, one bounded by jobs by its jobs, iterations or
/// rounds. Put end to end, the blocks are exactly the uncut load. A phase's start time is cut too: each
/// block is the whole cell in small. A phase's warm-up is its first part, so it falls in the first
/// blocks only. A phase that has nothing to do in a block has no piece there.
///
/// `workload.jobs` bounds each phase by itself: it is the number of jobs of workers without iterations of
/// their own, and where open arrivals are cut off.
///
/// With `only_block` there is that one alone.
#[must_use]
pub fn blocks(plan: &Plan) -> Vec<Vec<Piece>> {
    let all = cut(plan, plan.blocks);
    match plan.only_block {
        None => all,
        Some(only) => all.into_iter().skip(only.saturating_sub(1) as usize).take(1).collect(),
    }
}

/// The load of one cell in one piece for each phase.
pub(crate) fn whole(plan: &Plan) -> Vec<Piece> {
    cut(plan, 1).swap_remove(0)
}

/// The cell's load in this many blocks.
fn cut(plan: &Plan, blocks: u32) -> Vec<Vec<Piece>> {
    let blocks = blocks.max(1);
    let mut result = vec![Vec::new(); blocks as usize];
    let mut first_job = 0u64;
    for (index, phase) in plan.phases.iter().enumerate() {
        let frame = Frame { blocks, start_time: phase.start_time, first_job, jobs: plan.workload.jobs };
        for (block, piece) in result.iter_mut().zip(pieces(plan.seed, index, phase, frame)) {
            block.extend(piece);
        }
        if index + 1 < plan.phases.len() {
            let taken = planned_in(plan, index, phase).unwrap_or(RESERVED_JOBS);
            first_job = first_job.saturating_add(taken);
        }
    }
    result
}

/// Jobs per cell, at the most; `None` if only time ends a phase of workers.
#[must_use]
pub fn planned(plan: &Plan) -> Option<u64> {
    if plan.only_block.is_some() {
        return blocks(plan).iter().flatten().map(Piece::planned).sum();
    }
    let mut phases = plan.phases.iter().enumerate();
    phases.try_fold(0u64, |sum, (index, phase)| Some(sum.saturating_add(planned_in(plan, index, phase)?)))
}

/// Jobs of one phase, at the most.
pub(crate) fn planned_in(plan: &Plan, index: usize, phase: &Phase) -> Option<u64> {
    let whole = Frame { blocks: 1, start_time: Duration::ZERO, first_job: 0, jobs: plan.workload.jobs };
    match &phase.executor {
        Executor::ConstantVus { .. } | Executor::RampingVus { .. } => plan.workload.jobs,
        Executor::SharedIterations { iterations, .. } => Some(*iterations),
        Executor::PerVuIterations { vus, iterations, .. } => Some(iterations.saturating_mul((*vus).into())),
        Executor::Barrier { size, rounds } => Some(rounds.saturating_mul((*size).into())),
        Executor::ConstantArrivalRate { rate_per_s, duration, open } => {
            let curve = constant_arrival_rate::curve(*rate_per_s, *duration);
            Some(open::arrivals(curve, open, whole, random(plan.seed, index)).left())
        }
        Executor::RampingArrivalRate { start_rate_per_s, stages, open } => {
            let curve = ramping_arrival_rate::curve(*start_rate_per_s, stages);
            Some(open::arrivals(curve, open, whole, random(plan.seed, index)).left())
        }
    }
}

/// A phase's own random stream: the same in every cell.
fn random(seed: u64, phase: usize) -> rand_chacha::ChaCha8Rng {
    seed::stream(seed, "profile", phase as u64)
}

fn loads(seed: u64, index: usize, executor: &Executor, frame: Frame) -> Vec<Option<Load>> {
    match executor {
        Executor::ConstantVus { vus, duration } => constant_vus::loads(*vus, *duration, frame),
        Executor::RampingVus { start_vus, stages } => ramping_vus::loads(*start_vus, stages, frame),
        Executor::SharedIterations { vus, iterations, max_duration } => {
            shared_iterations::loads(*vus, *iterations, *max_duration, frame)
        }
        Executor::PerVuIterations { vus, iterations, max_duration } => {
            per_vu_iterations::loads(*vus, *iterations, *max_duration, frame)
        }
        Executor::Barrier { size, rounds } => barrier::loads(*size, *rounds, frame),
        Executor::ConstantArrivalRate { rate_per_s, duration, open } => {
            let curve = constant_arrival_rate::curve(*rate_per_s, *duration);
            open::loads(curve, open, frame, random(seed, index))
        }
        Executor::RampingArrivalRate { start_rate_per_s, stages, open } => {
            let curve = ramping_arrival_rate::curve(*start_rate_per_s, stages);
            open::loads(curve, open, frame, random(seed, index))
        }
    }
}

/// One phase's piece in each block.
fn pieces(seed: u64, index: usize, phase: &Phase, frame: Frame) -> Vec<Option<Piece>> {
    let mut warmup_left = phase.warmup;
    let loads = loads(seed, index, &phase.executor, frame);
    let piece = |(load, cut): (Option<Load>, Cut)| {
        let load = load?;
        let end = load.end().unwrap_or(Duration::MAX);
        let warmup = warmup_left.min(end.saturating_sub(cut.start));
        warmup_left -= warmup;
        let warmup_until = if warmup.is_zero() { warmup } else { cut.start.saturating_add(warmup) };
        let graceful_stop = phase.graceful_stop;
        Some(Piece { phase: index, start: cut.start, warmup_until, graceful_stop, load })
    };
    loads.into_iter().zip(frame.cuts()).map(piece).collect()
}
