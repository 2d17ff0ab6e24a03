//! Ranks strategies by what the plan optimises, correct ones before broken ones.

use super::advice::{AdviceInput, wrong_when};
use crate::cost::per_job;
use crate::metrics::samples_needed;
use crate::plan::{Cell, Optimise, Plan};
use crate::summary::{CounterRow, Invariant, StrategyRow, Verdict, VerdictRow};
use crate::units::{Money, format_duration};
use hdrhistogram::Histogram;
use std::cmp::Ordering;
use std::time::Duration;

/// Two scores that differ by less are as good for one run.
const NEAR: f64 = 0.05;

/// A strategy that answers fewer of its jobs than this share of the highest answered share is ranked by
/// response times behind those that answered: a refusal is fast.
const ANSWERS: f64 = 0.95;

/// The judged run, as far as strategies are compared by it. Rows are in the order of [`Plan::cells`].
pub(crate) struct RunResults<'a> {
    /// What was to be run.
    pub(crate) plan: &'a Plan,
    /// Counts with warm-ups.
    pub(crate) counters: &'a [CounterRow],
    /// Counts without.
    pub(crate) measured: &'a [CounterRow],
    /// Verdicts.
    pub(crate) verdicts: &'a [VerdictRow],
    /// The response times of a cell in nanoseconds.
    pub(crate) response: &'a dyn Fn(Cell) -> Option<&'a Histogram<u64>>,
    /// What a cell cost where it is paid.
    pub(crate) cost: &'a dyn Fn(Cell) -> Option<Money>,
    /// Why nothing can be ranked, if that is so.
    pub(crate) doubt: Option<String>,
}

/// The strategies, compared.
pub(crate) struct Ranking {
    /// In the plan's order.
    pub(crate) strategies: Vec<StrategyRow>,
    /// Which to take; `None` of a single one.
    pub(crate) advice: Option<String>,
}

/// The name in scenarios and summaries.
pub(crate) fn optimise_name(optimise: Optimise) -> &'static str {
    match optimise {
        Optimise::Goodput => "goodput",
        Optimise::P99 => "p99",
        Optimise::Cost => "cost",
    }
}

/// Compares and ranks the strategies of a run.
pub(crate) fn rank(results: &RunResults<'_>) -> Ranking {
    let plan = results.plan;
    let sums: Vec<StrategyTotals> =
        (0..plan.strategies.len()).map(|n| StrategyTotals::of(results, n)).collect();
    let mut strategies: Vec<StrategyRow> = sums.iter().map(|sum| sum.row(results)).collect();
    if results.doubt.is_none() {
        set_ranks(plan.optimise, &sums, &mut strategies);
    }
    let semaphore = strategies.iter().find(|row| row.strategy == "semaphore").cloned();
    for ((row, sum), strategy) in strategies.iter_mut().zip(&sums).zip(&plan.strategies) {
        let semaphore = semaphore.as_ref();
        row.wrong_when = wrong_when(&AdviceInput { plan, strategy, counts: &sum.whole, row, semaphore });
    }
    let advice = (strategies.len() > 1).then(|| match &results.doubt {
        Some(doubt) => format!("not ranked: {doubt}"),
        None => advice(plan.optimise, &strategies),
    });
    Ranking { strategies, advice }
}

/// One strategy over all targets.
struct StrategyTotals {
    strategy: usize,
    cells: Vec<Cell>,
    /// Counts with warm-ups.
    whole: CounterRow,
    /// Counts without.
    measured: CounterRow,
    cost: Option<Money>,
    response: Option<Histogram<u64>>,
}

impl StrategyTotals {
    fn of(results: &RunResults<'_>, strategy: usize) -> Self {
        let cells: Vec<Cell> =
            results.plan.cells().into_iter().filter(|cell| cell.strategy == strategy).collect();
        Self {
            strategy,
            whole: added(&cells, results.counters),
            measured: added(&cells, results.measured),
            cost: paid(results, &cells),
            response: merged(results, &cells),
            cells,
        }
    }

    fn row(&self, results: &RunResults<'_>) -> StrategyRow {
        let plan = &results.plan.strategies[self.strategy];
        let per_good = self.cost.and_then(|cost| per_job(cost, self.whole.good));
        let response = |q| self.response.as_ref().and_then(|times| percentile_ms(times, q));
        let goodput_per_s = share(self.measured.good * 1000, self.measured.elapsed_ms).unwrap_or(0.0);
        let response_p99_ms = response(0.99);
        let score = match results.plan.optimise {
            Optimise::Goodput => (self.measured.jobs > 0).then_some(goodput_per_s),
            Optimise::P99 => response_p99_ms,
            Optimise::Cost => per_good.map(|each| each.pico as f64 / 1e12),
        };
        StrategyRow {
            strategy: plan.name().to_owned(),
            broken_on_purpose: plan.twin().map(str::to_owned),
            processes: plan.processes(),
            breaks: self.breaks(results),
            rank: None,
            recommended: false,
            score,
            goodput_per_s,
            response_p50_ms: response(0.5),
            response_p99_ms,
            in_flight_max: self.measured.in_flight_max,
            attempts_per_job: share(self.measured.attempts, self.measured.jobs),
            waste: self.whole.waste_tokens.zip(self.whole.tokens.billed).and_then(|(w, all)| share(w, all)),
            cost_per_good_job: per_good.map(|each| each.to_string()),
            wrong_when: String::new(),
        }
    }

    /// The invariants broken at any target, in the order of reports.
    fn breaks(&self, results: &RunResults<'_>) -> Vec<Invariant> {
        let plan = results.plan;
        let own = |target: &str, strategy: &str| {
            let names = |cell: &Cell| {
                plan.targets[cell.target].name == target && plan.strategies[cell.strategy].name() == strategy
            };
            self.cells.iter().any(names)
        };
        let broken = |invariant: &Invariant| {
            let of = |row: &&VerdictRow| row.invariant == *invariant && own(&row.target, &row.strategy);
            results.verdicts.iter().filter(of).any(|row| row.verdict == Verdict::Broken)
        };
        Invariant::ALL.into_iter().filter(broken).collect()
    }

    fn answered_share(&self) -> f64 {
        share(self.measured.answered, self.measured.planned).unwrap_or(0.0)
    }
}

/// The counts that can be added up; what is most in flight is the most at any target.
fn added(cells: &[Cell], rows: &[CounterRow]) -> CounterRow {
    let mut sum = CounterRow::default();
    for row in cells.iter().filter_map(|cell| rows.get(usize::from(cell.index))) {
        sum.planned = sum.planned.saturating_add(row.planned);
        sum.jobs = sum.jobs.saturating_add(row.jobs);
        sum.answered = sum.answered.saturating_add(row.answered);
        sum.good = sum.good.saturating_add(row.good);
        sum.attempts = sum.attempts.saturating_add(row.attempts);
        sum.elapsed_ms = sum.elapsed_ms.saturating_add(row.elapsed_ms);
        sum.in_flight_max = sum.in_flight_max.max(row.in_flight_max);
        sum.tokens.billed = plus(sum.tokens.billed, row.tokens.billed);
        sum.waste_tokens = plus(sum.waste_tokens, row.waste_tokens);
        for (class, n) in &row.errors {
            let so_far = sum.errors.entry(class.clone()).or_default();
            *so_far = so_far.saturating_add(*n);
        }
    }
    sum
}

fn plus(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (some, None) | (None, some) => some,
    }
}

/// What all cells cost; a sum that leaves one out would understate, and currencies do not add up.
fn paid(results: &RunResults<'_>, cells: &[Cell]) -> Option<Money> {
    let mut sum: Option<Money> = None;
    for cell in cells {
        let cost = (results.cost)(*cell)?;
        sum = match sum {
            None => Some(cost),
            Some(so_far) if so_far.currency != cost.currency => return None,
            Some(so_far) => Some(Money { pico: so_far.pico.saturating_add(cost.pico), ..so_far }),
        };
    }
    sum
}

fn merged(results: &RunResults<'_>, cells: &[Cell]) -> Option<Histogram<u64>> {
    let mut sum: Option<Histogram<u64>> = None;
    for histogram in cells.iter().filter_map(|cell| (results.response)(*cell)) {
        match &mut sum {
            None => sum = Some(histogram.clone()),
            Some(sum) => sum.add(histogram).ok()?,
        }
    }
    sum
}

fn percentile_ms(times: &Histogram<u64>, q: f64) -> Option<f64> {
    (times.len() >= samples_needed(q)).then(|| times.value_at_quantile(q) as f64 / 1e6)
}

fn share(some: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| some as f64 / all as f64)
}

/// How far behind a row stands before its score is looked at.
fn tier(row: &StrategyRow) -> u8 {
    match (row.breaks.is_empty(), row.broken_on_purpose.is_none()) {
        (true, true) => 0,
        (true, false) => 1,
        (false, _) => 2,
    }
}

fn set_ranks(optimise: Optimise, sums: &[StrategyTotals], rows: &mut [StrategyRow]) {
    let most = sums.iter().map(StrategyTotals::answered_share).fold(0.0, f64::max);
    let short = |n: usize| optimise == Optimise::P99 && sums[n].answered_share() < most * ANSWERS;
    let by_score = |a: f64, b: f64| match optimise {
        Optimise::Goodput => b.total_cmp(&a),
        Optimise::P99 | Optimise::Cost => a.total_cmp(&b),
    };
    let ahead = |a: usize, b: usize| {
        let (x, y) = (&rows[a], &rows[b]);
        let scores = x.score.zip(y.score).map_or(Ordering::Equal, |(a, b)| by_score(a, b));
        tier(x).cmp(&tier(y)).then(short(a).cmp(&short(b))).then(scores)
    };
    let mut order: Vec<usize> = (0..rows.len()).filter(|n| rows[*n].score.is_some()).collect();
    order.sort_by(|a, b| ahead(*a, *b));
    let mut ranks: Vec<(usize, u32)> = Vec::new();
    for (place, n) in (1u32..).zip(order) {
        // Equals share a rank.
        let equal = ranks.last().filter(|(before, _)| ahead(*before, n) == Ordering::Equal);
        ranks.push((n, equal.map_or(place, |(_, rank)| *rank)));
    }
    for (place, (n, rank)) in ranks.into_iter().enumerate() {
        rows[n].rank = Some(rank);
        rows[n].recommended = place == 0 && tier(&rows[n]) == 0;
    }
}

fn advice(optimise: Optimise, rows: &[StrategyRow]) -> String {
    let by = optimise_name(optimise);
    let Some(best) = rows.iter().find(|row| row.recommended) else {
        return if rows.iter().all(|row| row.rank.is_none()) {
            format!("not ranked: no strategy has a figure for {by} (too few samples, or no price)")
        } else {
            format!("none can be recommended for {by} here: each broke an invariant, or is broken on purpose")
        };
    };
    let near = |row: &&StrategyRow| {
        let apart = row.score.zip(best.score).map_or(f64::INFINITY, |(a, b)| (a - b).abs() / b.abs());
        row.strategy != best.strategy && row.rank.is_some() && tier(row) == 0 && apart <= NEAR
    };
    let near: Vec<&str> = rows.iter().filter(near).map(|row| row.strategy.as_str()).collect();
    let near = match near[..] {
        [] => String::new(),
        _ => format!("; within 5% of it, which one run cannot tell apart: {}", near.join(", ")),
    };
    format!("best for {by} here: {} ({}){near}", best.strategy, figure(optimise, best))
}

fn figure(optimise: Optimise, row: &StrategyRow) -> String {
    match optimise {
        Optimise::Goodput => format!("{:.1} good jobs/s", row.goodput_per_s),
        Optimise::P99 => {
            let p99 = Duration::try_from_secs_f64(row.response_p99_ms.unwrap_or(0.0) / 1e3);
            format!("response p99 {}", p99.map_or_else(|_| "unknown".to_owned(), format_duration))
        }
        Optimise::Cost => {
            format!("{} per good job", row.cost_per_good_job.as_deref().unwrap_or("unknown"))
        }
    }
}
