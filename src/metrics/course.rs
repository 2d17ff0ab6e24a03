//! What happened over the time of a run, in a bounded number of steps.

use super::scene::scenes;
use crate::history::{AttemptRow, ErrorClass, Evidence};
use crate::plan::Plan;
use crate::summary::{CellCourse, Course, VerdictRow};

/// Steps of a run: as many points as a picture of usual width can show apart.
const STEPS: u64 = 120;

/// Shortest step: below it, counts per step are noise.
const STEP_NS_MIN: u64 = 5_000_000;

/// Folds evidence into pictures. `verdicts` say which rules broke.
#[must_use]
pub fn course(plan: &Plan, evidence: &Evidence, verdicts: &[VerdictRow]) -> Course {
    let last_ns = evidence.attempts.iter().map(|attempt| attempt.done_ns).max().unwrap_or(0);
    let jobs_ns = evidence.jobs.iter().map(|job| job.done_ns).max().unwrap_or(0);
    let length_ns = last_ns.max(jobs_ns).max(1);
    let step_ns = length_ns.div_ceil(STEPS).max(STEP_NS_MIN);
    let steps = usize::try_from(length_ns / step_ns + 1).unwrap_or(1);
    let mut ruler = Steps { step_ns, steps, cells: Vec::new(), ttfts: Vec::new() };
    for cell in plan.cells() {
        let (target, strategy) = (&plan.targets[cell.target].name, plan.strategies[cell.strategy].name());
        ruler.cells.push(ruler.empty(target, strategy));
        ruler.ttfts.push(vec![Vec::new(); steps]);
    }
    ruler.jobs(evidence);
    ruler.attempts(&evidence.attempts);
    ruler.in_flight(&evidence.attempts);
    ruler.times();
    Course { step_ns, steps, cells: ruler.cells, scenes: scenes(plan, evidence, verdicts) }
}

/// What happens to an attempt at a moment, in the order in which what falls on one moment is counted: back to
/// back is one at a time, also for an attempt that is over as it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    Ends,
    Flashes,
    Begins,
}

/// The steps, and what was counted in each.
struct Steps {
    step_ns: u64,
    steps: usize,
    cells: Vec<CellCourse>,
    /// Per cell and step.
    ttfts: Vec<Vec<Vec<u64>>>,
}

impl Steps {
    fn empty(&self, target: &str, strategy: &str) -> CellCourse {
        let zeros = || vec![0; self.steps];
        CellCourse {
            target: target.to_owned(),
            strategy: strategy.to_owned(),
            due: zeros(),
            begun: zeros(),
            answered: zeros(),
            in_flight: zeros(),
            ttft_p50_ns: vec![None; self.steps],
            ttft_max_ns: vec![None; self.steps],
            errors: zeros(),
            limited: zeros(),
        }
    }

    fn at(&self, at_ns: u64) -> usize {
        usize::try_from(at_ns / self.step_ns).unwrap_or(usize::MAX).min(self.steps - 1)
    }

    fn jobs(&mut self, evidence: &Evidence) {
        for job in super::latency::first_results(&evidence.jobs) {
            let (due, begun, done) = (self.at(job.due_ns), self.at(job.begun_ns), self.at(job.done_ns));
            let Some(cell) = self.cells.get_mut(usize::from(job.job.cell)) else { continue };
            cell.due[due] += 1;
            cell.begun[begun] += 1;
            cell.answered[done] += u64::from(job.end == crate::history::JobEnd::Answered);
        }
    }

    fn attempts(&mut self, attempts: &[AttemptRow]) {
        for attempt in attempts {
            let (at, cell) = (self.at(attempt.done_ns), usize::from(attempt.job.cell));
            let Some(counts) = self.cells.get_mut(cell) else { continue };
            match attempt.error {
                None => {}
                Some(ErrorClass::RateLimited | ErrorClass::QuotaExhausted) => counts.limited[at] += 1,
                Some(_) => counts.errors[at] += 1,
            }
            if let (Some(sent), Some(first)) = (attempt.sent_ns, attempt.first_content_ns) {
                let at = self.at(first);
                self.ttfts[cell][at].push(first.saturating_sub(sent));
            }
        }
    }

    /// The most at once in each step, what came over from the step before included.
    fn in_flight(&mut self, attempts: &[AttemptRow]) {
        let mut edges: Vec<(u64, Edge, u16)> = Vec::with_capacity(attempts.len() * 2);
        for attempt in attempts {
            let (cell, done) = (attempt.job.cell, attempt.done_ns);
            match attempt.sent_ns {
                Some(sent) if sent < done => {
                    edges.extend([(sent, Edge::Begins, cell), (done, Edge::Ends, cell)]);
                }
                Some(sent) => edges.push((sent, Edge::Flashes, cell)),
                None => {}
            }
        }
        edges.sort_unstable();
        let mut open = vec![0u64; self.cells.len()];
        let mut step = 0;
        for (at_ns, edge, cell) in edges {
            let at = self.at(at_ns);
            while step < at {
                step += 1;
                for (cell, open) in self.cells.iter_mut().zip(&open) {
                    cell.in_flight[step] = *open;
                }
            }
            let cell = usize::from(cell);
            let Some(now) = open.get_mut(cell) else { continue };
            let seen = match edge {
                Edge::Ends => now.saturating_sub(1),
                Edge::Flashes | Edge::Begins => *now + 1,
            };
            if edge != Edge::Flashes {
                *now = seen;
            }
            let most = &mut self.cells[cell].in_flight[at];
            *most = (*most).max(seen);
        }
    }

    fn times(&mut self) {
        for (cell, steps) in self.cells.iter_mut().zip(&mut self.ttfts) {
            for (at, ttfts) in steps.iter_mut().enumerate() {
                ttfts.sort_unstable();
                cell.ttft_p50_ns[at] = ttfts.get(ttfts.len().saturating_sub(1) / 2).copied();
                cell.ttft_max_ns[at] = ttfts.last().copied();
            }
        }
    }
}
