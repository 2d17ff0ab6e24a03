//! What a plan would do and cost at the most, before anything is sent.

use crate::clock::ns;
use crate::plan::{BudgetPlan, Cell, Executor, Place, Plan, Target, TokenRange};
use crate::prices::Price;
use crate::profile::{Load, Piece, TimelineStep, planned, planned_in, timeline, whole};
use crate::units::Money;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a plan would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// The scenario's name.
    pub name: String,
    /// The seed of its arrivals.
    pub seed: u64,
    /// Every cell, in the plan's order.
    pub cells: Vec<CellForecast>,
    /// All cells together; they run in turns, so lengths add up.
    pub total: Volume,
    /// The phases of each cell.
    pub phases: Vec<PhaseForecast>,
    /// The time line of each cell, up to 20 stretches; empty if nothing in it is bound to a time.
    pub timeline: Vec<TimelineStep>,
    /// Targets without a price: what they cost is not in any sum.
    pub without_price: Vec<String>,
    /// The budget, if there is one.
    pub budget: Option<BudgetForecast>,
}

/// What one cell would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CellForecast {
    /// The target's name.
    pub target: String,
    /// The strategy's name.
    pub strategy: String,
    /// How much.
    pub volume: Volume,
}

/// Jobs, requests, tokens and money. `None` is a number that only the run will show: one that depends on
/// how fast answers come, or on a price that is not given, or one too large to count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// Jobs, at the most.
    pub jobs: Option<u64>,
    /// Length of the load in nanoseconds, without the graceful stop.
    pub length_ns: Option<u64>,
    /// Requests: one per job, to every job with every attempt allowed.
    pub requests: Option<LeastMost>,
    /// Prompt tokens of that many requests.
    pub prompt_tokens: Option<LeastMost>,
    /// Output tokens of that many requests.
    pub output_tokens: Option<LeastMost>,
    /// The most it can cost where it is paid, per currency: every attempt billed, with most tokens, at the
    /// dearest hour. An upper bound, rounded up at the 12th place. A target without a price adds nothing.
    pub cost_most: Option<Vec<Money>>,
}

/// A range, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LeastMost {
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
}

/// What one phase would do in each cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseForecast {
    /// The executor's name in the file.
    pub executor: &'static str,
    /// Offset of its start from the start of the cell's load, in nanoseconds.
    pub start_ns: u64,
    /// Offset of its end, if time ends it.
    pub end_ns: Option<u64>,
    /// Its jobs, at the most.
    pub jobs: Option<u64>,
    /// Most workers, or most jobs released together; `None` for arrivals.
    pub workers: Option<u32>,
    /// Mean arrivals per second; `None` for workers, whose rate depends on the answers.
    pub arrivals_per_s: Option<f64>,
}

/// A budget beside what the run can need. `Some(true)` fits for certain, `Some(false)` may be reached
/// before the run's end, `None` cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetForecast {
    /// Most money.
    pub max_cost: Option<Money>,
    /// Whether the most it can cost fits.
    pub cost_fits: Option<bool>,
    /// Most requests.
    pub max_requests: Option<u64>,
    /// Whether the most requests fit.
    pub requests_fit: Option<bool>,
    /// Most tokens.
    pub max_tokens: Option<u64>,
    /// Whether the most tokens fit.
    pub tokens_fit: Option<bool>,
}

/// What this plan would do. Pure: it sends nothing and reads no clock.
#[must_use]
pub fn forecast(plan: &Plan) -> Forecast {
    let pieces = whole(plan);
    let jobs = planned(plan);
    let ends = pieces.iter().map(|piece| piece.load.end().map(ns));
    let length_ns = ends.collect::<Option<Vec<_>>>().and_then(|ends| ends.into_iter().max());
    let cell = |cell: &Cell| CellForecast {
        target: plan.targets[cell.target].name.clone(),
        strategy: plan.strategies[cell.strategy].name().to_owned(),
        volume: volume(plan, jobs, length_ns, plan.targets[cell.target].price.as_ref()),
    };
    let cells: Vec<_> = plan.cells().iter().map(cell).collect();
    let total = total(&cells);
    Forecast {
        name: plan.name.clone(),
        seed: plan.seed,
        phases: pieces.iter().map(|piece| phase(plan, piece)).collect(),
        timeline: timeline(&pieces),
        without_price: unpriced(plan).map(|target| target.name.clone()).collect(),
        budget: plan.budget.map(|budget| beside(plan, budget, &total)),
        cells,
        total,
    }
}

fn volume(plan: &Plan, jobs: Option<u64>, length_ns: Option<u64>, price: Option<&Price>) -> Volume {
    let attempts = u64::from(plan.retry.max_attempts.max(1));
    let requests = jobs.and_then(|jobs| Some(LeastMost { least: jobs, most: jobs.checked_mul(attempts)? }));
    let tokens = |range: TokenRange| {
        let LeastMost { least, most } = requests?;
        Some(LeastMost {
            least: least.checked_mul(range.min.into())?,
            most: most.checked_mul(range.max.into())?,
        })
    };
    let (prompt_tokens, output_tokens) =
        (tokens(plan.workload.prompt_tokens), tokens(plan.workload.output_tokens));
    let cost_most = match price {
        None => Some(Vec::new()),
        Some(price) => requests.zip(prompt_tokens).zip(output_tokens).and_then(|((r, p), o)| {
            let most = price.most_of(r.most, p.most, o.most).ok()?;
            Some(vec![most.money_up()])
        }),
    };
    Volume { jobs, length_ns, requests, prompt_tokens, output_tokens, cost_most }
}

fn total(cells: &[CellForecast]) -> Volume {
    let sum = |part: fn(&Volume) -> Option<u64>| {
        cells.iter().try_fold(0u64, |sum, cell| sum.checked_add(part(&cell.volume)?))
    };
    let range = |part: fn(&Volume) -> Option<LeastMost>| {
        cells.iter().try_fold(LeastMost { least: 0, most: 0 }, |sum, cell| {
            let part = part(&cell.volume)?;
            Some(LeastMost {
                least: sum.least.checked_add(part.least)?,
                most: sum.most.checked_add(part.most)?,
            })
        })
    };
    Volume {
        jobs: sum(|v| v.jobs),
        length_ns: sum(|v| v.length_ns),
        requests: range(|v| v.requests),
        prompt_tokens: range(|v| v.prompt_tokens),
        output_tokens: range(|v| v.output_tokens),
        cost_most: total_cost(cells),
    }
}

fn total_cost(cells: &[CellForecast]) -> Option<Vec<Money>> {
    let mut sums = BTreeMap::new();
    for cell in cells {
        for money in cell.volume.cost_most.as_ref()? {
            let sum = sums.entry(money.currency).or_insert(0i128);
            *sum = sum.checked_add(money.pico)?;
        }
    }
    Some(sums.into_iter().map(|(currency, pico)| Money { pico, currency }).collect())
}

fn unpriced(plan: &Plan) -> impl Iterator<Item = &Target> {
    plan.targets.iter().filter(|target| target.price.is_none())
}

/// A built-in target without a price is free; any other makes the cost unknown, as does a currency that
/// is not the budget's.
fn beside(plan: &Plan, budget: BudgetPlan, total: &Volume) -> BudgetForecast {
    let known = !unpriced(plan).any(|target| matches!(target.place, Place::Url { .. }));
    let cost_fits = |cap: Money| {
        let sums = total.cost_most.as_ref().filter(|_| known)?;
        let comparable = sums.iter().all(|sum| sum.currency == cap.currency);
        comparable.then(|| sums.iter().all(|sum| sum.pico <= cap.pico))
    };
    let tokens_most =
        total.prompt_tokens.zip(total.output_tokens).and_then(|(p, o)| p.most.checked_add(o.most));
    let fits = |most: Option<u64>, cap: Option<u64>| Some(most? <= cap?);
    BudgetForecast {
        max_cost: budget.max_cost,
        cost_fits: budget.max_cost.and_then(cost_fits),
        max_requests: budget.max_requests,
        requests_fit: fits(total.requests.map(|r| r.most), budget.max_requests),
        max_tokens: budget.max_tokens,
        tokens_fit: fits(tokens_most, budget.max_tokens),
    }
}

fn phase(plan: &Plan, piece: &Piece) -> PhaseForecast {
    let phase = &plan.phases[piece.phase];
    let (workers, arrivals_per_s) = match &piece.load {
        Load::Open { arrivals, .. } => (None, Some(arrivals.offered_per_s())),
        Load::Vus { vus, .. } => (Some(vus.max()), None),
        Load::PerVu { vus, .. } => (Some(*vus), None),
        Load::Barrier { size, .. } => (Some(*size), None),
    };
    PhaseForecast {
        executor: name(&phase.executor),
        start_ns: ns(piece.start),
        end_ns: piece.load.end().map(ns),
        jobs: planned_in(plan, piece.phase, phase),
        workers,
        arrivals_per_s,
    }
}

fn name(executor: &Executor) -> &'static str {
    match executor {
        Executor::ConstantVus { .. } => "constant-vus",
        Executor::RampingVus { .. } => "ramping-vus",
        Executor::SharedIterations { .. } => "shared-iterations",
        Executor::PerVuIterations { .. } => "per-vu-iterations",
        Executor::ConstantArrivalRate { .. } => "constant-arrival-rate",
        Executor::RampingArrivalRate { .. } => "ramping-arrival-rate",
        Executor::Barrier { .. } => "barrier",
    }
}
