//! From a run's jobs to a month: a mean, the interval that sampling leaves, and what it hangs on.

use super::waste::of_cell;
use crate::history::{AttemptRow, Evidence, JobId, LedgerRow};
use crate::plan::{Cell, Place, Plan};
use crate::prices::{Amount, Card, Component, Meter, PaymentTerms, PriceError};
use crate::seed;
use rand::Rng;

/// Fewest jobs that a month is projected from: costs are heavy-tailed, and of fewer the tail is not seen.
pub const LEAST_JOBS: usize = 100;

/// Most resamples, and most draws over all of them.
const RESAMPLES: usize = 2000;
const DRAWS: usize = 200_000_000;

/// What one job used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobUse {
    /// Cost of its first attempt, in 10⁻²⁴ of the currency.
    pub first: i128,
    /// Cost of all further attempts.
    pub later: i128,
    /// What would be saved if every prompt token had been read from a cache; 0 where the price has no rate
    /// for that.
    pub cached: i128,
}

/// Why nothing was projected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// Too few jobs.
    #[error("{0} jobs are too few to project from, {LEAST_JOBS} are needed: costs are heavy-tailed")]
    TooFew(usize),
    /// Tokens that could not be priced.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// No usage was reported.
    #[error("no usage was reported, so there is nothing to project")]
    Unreported,
}

/// A month, and how sure it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// Jobs that it rests on.
    pub sample: usize,
    /// Mean cost of a job.
    pub per_job: Amount,
    /// The month, with what is paid whatever is used.
    pub month: Amount,
    /// Lower end of the 95 % interval: sampling error only, no drift of traffic or prices.
    pub low: Amount,
    /// Upper end.
    pub high: Amount,
    /// Resamples that the interval rests on.
    pub resamples: usize,
    /// What a month costs if something were different.
    pub if_else: Vec<(String, Amount)>,
    /// What could not be varied, and why.
    pub unknown: Vec<String>,
}

/// What each job of a cell used by a card: by the ledger, or without one by what the client was told.
/// `start_utc_s` is when the run is taken to have begun: prices have days and hours, so a month is as full of
/// peaks as the run was.
///
/// # Errors
/// If tokens cannot be priced, or a target without a ledger reported none.
pub fn job_uses(
    plan: &Plan,
    cell: Cell,
    evidence: &Evidence,
    card: &Card,
    start_utc_s: u64,
) -> Result<Vec<JobUse>, ProjectError> {
    let mut uses: Vec<JobUse> = Vec::new();
    let mut at: Option<JobId> = None;
    let mut meter = Meter::new(card);
    let caches = card.rates.own(Component::CachedRead).is_some();
    let mut add = |job: JobId, first: bool, (prompt, completion): (u64, u64), stamp_ns: u64| {
        if at != Some(job) {
            at = Some(job);
            uses.push(JobUse::default());
        }
        let counts = card.request(prompt, completion);
        let seconds = start_utc_s.saturating_add(stamp_ns / 1_000_000_000);
        let at_utc_s = i64::try_from(seconds).unwrap_or(i64::MAX);
        let cost = meter.cost(&counts, at_utc_s)?.yocto;
        let Some(held) = uses.last_mut() else { return Ok(()) };
        let sum = if first { &mut held.first } else { &mut held.later };
        *sum = sum.checked_add(cost).ok_or(PriceError::TooMuch)?;
        if caches {
            let cached = counts.with(Component::Input, 0).with(Component::CachedRead, prompt);
            let saved = cost - meter.cost(&cached, at_utc_s)?.yocto;
            held.cached = held.cached.checked_add(saved).ok_or(PriceError::TooMuch)?;
        }
        Ok::<(), PriceError>(())
    };
    if matches!(plan.targets[cell.target].place, Place::Mock(_)) {
        let own = |row: &LedgerRow| row.job.own();
        for row in of_cell(&evidence.ledger, own, cell.index) {
            let tokens = (row.billed_prompt_tokens, row.billed_completion_tokens);
            if let Some(job) = own(row) {
                add(job, row.attempt <= 1, tokens, row.arrived_ns)?;
            }
        }
        return Ok(uses);
    }
    let rows = of_cell(&evidence.attempts, |row: &AttemptRow| Some(row.job), cell.index);
    if rows.iter().all(|row| row.prompt_tokens.is_none() && row.completion_tokens.is_none()) {
        return Err(ProjectError::Unreported);
    }
    for row in rows {
        let tokens = (row.prompt_tokens.unwrap_or(0), row.completion_tokens.unwrap_or(0));
        add(row.job, row.n <= 1, tokens, row.sent_ns.unwrap_or(row.due_ns))?;
    }
    Ok(uses)
}

/// What stands around the price of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceContext<'a> {
    /// What is paid each month, and the credit that expires.
    pub terms: &'a PaymentTerms,
    /// Whether a rate of exchange has a part in the price.
    pub fx: bool,
}

/// A month of `jobs_per_month`, from the jobs of a run, with what is paid whatever is used.
///
/// # Errors
/// With fewer than [`LEAST_JOBS`] jobs, or sums beyond what can be counted.
pub fn project(
    uses: &[JobUse],
    card: &Card,
    jobs_per_month: u64,
    seed: u64,
    around: &PriceContext<'_>,
) -> Result<Projection, ProjectError> {
    if uses.len() < LEAST_JOBS {
        return Err(ProjectError::TooFew(uses.len()));
    }
    let many = u64::try_from(uses.len()).unwrap_or(u64::MAX);
    let money = |units| Amount::of(units, card.currency).ok_or(PriceError::TooMuch);
    let (fixed, prepaid) = (money(around.terms.fixed_per_month)?, money(around.terms.prepaid_per_month)?);
    let month = |sum: i128| -> Result<Amount, ProjectError> {
        let scaled = sum.checked_mul(i128::from(jobs_per_month)).ok_or(PriceError::TooMuch)?;
        let used = Amount { yocto: scaled, currency: card.currency }.per(many).ok_or(PriceError::TooMuch)?;
        let used = Amount { yocto: used.yocto.max(prepaid.yocto), ..used };
        Ok(used.plus(fixed).ok_or(PriceError::TooMuch)?)
    };
    let total = |of: fn(&JobUse) -> i128| -> Result<i128, ProjectError> {
        let sum = uses.iter().map(of).try_fold(0i128, i128::checked_add);
        Ok(sum.ok_or(PriceError::TooMuch)?)
    };
    let (first, later) = (total(|job| job.first)?, total(|job| job.later)?);
    let all = first.checked_add(later).ok_or(PriceError::TooMuch)?;
    let (low, high, resamples) = interval(uses, seed);
    let per_job = Amount { yocto: all, currency: card.currency }.per(many).ok_or(PriceError::TooMuch)?;
    let mut projection = Projection {
        sample: uses.len(),
        per_job,
        month: month(all)?,
        low: month(low)?,
        high: month(high)?,
        resamples,
        if_else: Vec::new(),
        unknown: Vec::new(),
    };
    if later == 0 {
        projection.unknown.push("retry rate: this run has no further attempt that was billed".to_owned());
    } else {
        for (name, num, den) in
            [("no retries", 0, 1), ("half the retries", 1, 2), ("twice the retries", 2, 1)]
        {
            let retries = later.checked_mul(num).ok_or(PriceError::TooMuch)? / den;
            projection.if_else.push((name.to_owned(), month(first + retries)?));
        }
    }
    cache(&mut projection, uses, card, all, &month)?;
    if around.fx {
        for (name, percent) in [("exchange rate 10 % lower", 90), ("exchange rate 10 % higher", 110)] {
            let other = all.checked_mul(percent).ok_or(PriceError::TooMuch)? / 100;
            projection.if_else.push((name.to_owned(), month(other)?));
        }
    } else {
        projection.unknown.push("exchange rate: none has a part in this price".to_owned());
    }
    Ok(projection)
}

/// What caching would change: the same prompt tokens, a part of them at the rate of cached reads.
fn cache(
    projection: &mut Projection,
    uses: &[JobUse],
    card: &Card,
    all: i128,
    month: &dyn Fn(i128) -> Result<Amount, ProjectError>,
) -> Result<(), ProjectError> {
    if card.rates.own(Component::CachedRead).is_none() {
        projection.unknown.push("cache-hit rate: the price has no rate for cached reads".to_owned());
        return Ok(());
    }
    let saved = uses.iter().map(|job| job.cached).try_fold(0i128, i128::checked_add);
    let saved = saved.ok_or(PriceError::TooMuch)?;
    for percent in [25, 50, 90] {
        let part = saved.checked_mul(percent).ok_or(PriceError::TooMuch)? / 100;
        let name = format!("{percent} % of prompt tokens read from a cache");
        projection.if_else.push((name, month(all - part)?));
    }
    Ok(())
}

/// The 95 % interval of the sum over as many jobs, by bootstrap over jobs; seeded, so that it can be had
/// again.
fn interval(uses: &[JobUse], seed: u64) -> (i128, i128, usize) {
    let resamples = (DRAWS / uses.len()).clamp(200, RESAMPLES);
    let mut rng = seed::stream(seed, "cost/bootstrap", 0);
    let mut sums: Vec<i128> = (0..resamples)
        .map(|_| {
            let draw = |_| {
                let job = uses[rng.random_range(0..uses.len())];
                job.first.saturating_add(job.later)
            };
            (0..uses.len()).map(draw).fold(0i128, i128::saturating_add)
        })
        .collect();
    sums.sort_unstable();
    let at = |share: f64| sums[((sums.len() as f64 * share) as usize).min(sums.len() - 1)];
    (at(0.025), at(0.975), resamples)
}
