//! Puts the judged parts together into one summary.

use super::threshold::{void_all, void_latency};
use super::{Baseline, ExitInput, Observed, exit_reasons, fidelity_faults, thresholds, validity};
use crate::cost::{BilledTokens, spent};
use crate::history::Meta;
use crate::plan::{Cell, Optimise, Plan};
use crate::ranking::{Ranking, RunResults, optimise_name, rank};
use crate::summary::Exit;
use crate::summary::{
    BudgetRow, CostRow, CounterRow, Fidelity, Host, MetricRow, SUMMARY_VERSION, Summary, Validity, Verdict,
    VerdictRow,
};
use crate::units::Money;
use hdrhistogram::Histogram;

/// Finds the distribution of a time metric of a cell, in nanoseconds.
type Histograms<'a> = dyn Fn(Cell, &str) -> Option<&'a Histogram<u64>> + 'a;

/// What the folds and the judges found in one run's evidence.
pub struct Parts<'a> {
    /// What was to be run.
    pub plan: &'a Plan,
    /// Facts of the run.
    pub meta: &'a Meta,
    /// The machine of the run.
    pub host: Host,
    /// Counts, in the order of [`Plan::cells`].
    pub counters: Vec<CounterRow>,
    /// The same without warm-ups: what thresholds are asked of.
    pub measured: Vec<CounterRow>,
    /// Distributions.
    pub metrics: Vec<MetricRow>,
    /// The distributions themselves, for thresholds at any percentile.
    pub histogram: Box<Histograms<'a>>,
    /// How true the measurement is.
    pub fidelity: Fidelity,
    /// What is missing from the evidence, a sentence each: a run that was killed leaves cut files. Nothing
    /// is judged then.
    pub gaps: Vec<String>,
    /// Each way in which planned, issued and ended jobs do not add up; empty unless deadheat is at fault.
    pub conservation: Vec<String>,
    /// Verdicts.
    pub verdicts: Vec<VerdictRow>,
    /// Charged tokens, in the order of [`Plan::cells`]: [`crate::cost::billed()`].
    pub billed: Vec<Option<BilledTokens>>,
    /// What it cost: [`crate::cost::run_cost`].
    pub cost: Vec<CostRow>,
    /// What was spent of the budget: [`crate::cost::budget_rows`].
    pub budget: Vec<BudgetRow>,
    /// What thresholds that name a baseline are held against.
    pub baseline: Option<Baseline>,
}

impl Observed for Parts<'_> {
    fn histogram(&self, cell: Cell, metric: &str) -> Option<&Histogram<u64>> {
        (self.histogram)(cell, metric)
    }

    fn counter(&self, cell: Cell) -> Option<&CounterRow> {
        self.measured.get(usize::from(cell.index))
    }

    fn cost(&self, cell: Cell) -> Option<Money> {
        let billed = self.billed.get(usize::from(cell.index)).copied().flatten();
        // Warm-ups were paid for.
        spent(&self.cost, self.counters.get(usize::from(cell.index))?, billed)
    }
}

/// The summary of a run: thresholds, validity, cost and exit code on top of what was found.
#[must_use]
pub fn assemble(mut parts: Parts<'_>) -> Summary {
    let baseline = parts.baseline.as_ref().map(|baseline| baseline as &dyn Observed);
    let mut rows = thresholds(parts.plan, &parts, baseline);
    let faults = fidelity_faults(parts.plan, &parts.fidelity);
    if !faults.is_empty() {
        void_latency(parts.plan, &mut rows);
    }
    if !parts.gaps.is_empty() {
        void_all(&mut rows);
        doubt(&mut parts);
    }
    let ranking = ranked(&parts, faults.first().map(String::as_str));
    let reasons = exit_reasons(&ExitInput {
        strategies: &ranking.strategies,
        meta: parts.meta,
        counters: &parts.counters,
        metrics: &parts.metrics,
        verdicts: &parts.verdicts,
        thresholds: &rows,
        fidelity_faults: &faults,
        gaps: &parts.gaps,
        conservation: &parts.conservation,
    });
    let exits: Vec<Exit> = reasons.iter().map(|(exit, _)| *exit).collect();
    let Parts { plan, meta, .. } = parts;
    let mut summary = empty(plan, meta, parts.host);
    summary.exit_code = Exit::most_important(&exits).code();
    summary.exit_reasons = reasons.into_iter().map(|(_, text)| text).collect();
    summary.valid = validity(plan, &parts.fidelity, &parts.gaps, &parts.conservation);
    summary.counters = parts.counters;
    summary.metrics = parts.metrics;
    summary.verdicts = parts.verdicts;
    summary.fidelity = parts.fidelity;
    summary.cost = parts.cost;
    summary.budget = parts.budget;
    summary.thresholds = rows;
    optimise_name(plan.optimise).clone_into(&mut summary.optimise);
    summary.strategies = ranking.strategies;
    summary.advice = ranking.advice;
    summary
}

/// The summary of a run of which nothing has been judged yet.
pub(super) fn empty(plan: &Plan, meta: &Meta, host: Host) -> Summary {
    Summary {
        version: SUMMARY_VERSION,
        deadheat: env!("CARGO_PKG_VERSION").to_owned(),
        name: plan.name.clone(),
        seed: plan.seed,
        plan_hash: plan.hash.clone(),
        clock: plan.clock.name().to_owned(),
        started_utc: started(meta.started_utc_s),
        elapsed_ms: meta.elapsed_ns / 1_000_000,
        exit_code: Exit::Pass.code(),
        exit_reasons: Vec::new(),
        valid: Validity { holds: true, why: Vec::new() },
        interrupted: meta.interrupted,
        counters: Vec::new(),
        metrics: Vec::new(),
        verdicts: Vec::new(),
        findings: Vec::new(),
        explored: Vec::new(),
        fidelity: Fidelity::default(),
        cost: Vec::new(),
        budget: Vec::new(),
        thresholds: Vec::new(),
        optimise: String::new(),
        strategies: Vec::new(),
        advice: None,
        host,
    }
}

/// The strategies side by side. `slow` is a way in which the generator was slow, which voids times and rates.
fn ranked(parts: &Parts<'_>, slow: Option<&str>) -> Ranking {
    let slow = slow.filter(|_| parts.plan.optimise != Optimise::Cost);
    let doubt = if !parts.gaps.is_empty() {
        Some("the evidence is not whole".to_owned())
    } else if !parts.conservation.is_empty() {
        Some("deadheat lost count of its jobs".to_owned())
    } else if parts.meta.interrupted {
        Some("the run was interrupted".to_owned())
    } else {
        slow.map(|slow| format!("the load was invalid: {slow}"))
    };
    rank(&RunResults {
        plan: parts.plan,
        counters: &parts.counters,
        measured: &parts.measured,
        verdicts: &parts.verdicts,
        response: &|cell| parts.histogram(cell, "response"),
        cost: &|cell| parts.cost(cell),
        doubt,
    })
}

/// Makes every verdict unknown where the evidence is not whole: what is missing would look lost, unbilled or
/// unanswered.
fn doubt(parts: &mut Parts<'_>) {
    let why = format!("the evidence is not whole: {}", parts.gaps.join("; "));
    for row in &mut parts.verdicts {
        row.verdict = Verdict::Unknown;
        row.why = Some(why.clone());
        (row.violations, row.witness) = (0, None);
    }
    parts.conservation.clear();
}

/// When the run began; a run that was broken off does not say.
fn started(utc_s: u64) -> String {
    if utc_s == 0 { "unknown".to_owned() } else { utc(utc_s) }
}

/// RFC 3339, UTC. A second beyond the year 9999 is printed as a number, never guessed at.
pub(super) fn utc(seconds: u64) -> String {
    let stamp = i64::try_from(seconds).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    stamp.map_or_else(|| seconds.to_string(), |stamp| stamp.to_string())
}
