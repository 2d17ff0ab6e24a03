//! Counts of one cell.

use super::good::{Good, asks, waste_tokens};
use super::in_flight::{most_at_once, open_times};
use super::latency::{Warmups, first_results};
use crate::clock::ns;
use crate::history::Outcome;
use crate::history::{AttemptRow, CellEnd, Evidence, JobRow, LedgerEnd, LedgerRow};
use crate::plan::{Cell, Place, Plan};
use crate::summary::CounterRow;
use crate::summary::TokenCounts;
use std::collections::BTreeMap;

/// The row of one cell. Warm-ups are counted: they were sent and billed.
pub(super) fn counters(plan: &Plan, cell: Cell, evidence: &Evidence) -> CounterRow {
    let rows = CellEvidence::of(cell.index, evidence);
    let results: Vec<&JobRow> = first_results(rows.jobs).collect();
    let asks = &asks(plan, cell);
    let issued = results.len() as u64;
    let elapsed_ns = rows.end.map_or_else(|| seen_ns(rows.attempts), |end| end.elapsed_ns);
    let ledger = matches!(plan.targets[cell.target].place, Place::Mock(_)).then_some(rows.ledger);
    let not_issued = rows.end.iter().flat_map(|end| &end.not_issued);
    let blank = CounterRow {
        target: plan.targets[cell.target].name.clone(),
        strategy: plan.strategies[cell.strategy].name().to_owned(),
        planned: rows.end.map_or(issued, |end| end.planned),
        jobs: rows.end.map_or(issued, |end| end.issued),
        not_issued: not_issued.map(|(why, count)| (why.name().to_owned(), *count)).collect(),
        tokens: by_ledger(ledger),
        in_flight_max: in_flight_max(rows.attempts, ledger),
        waste_tokens: ledger.map(|ledger| waste_tokens(&results, ledger, asks)),
        ..CounterRow::default()
    };
    counted(
        blank,
        &rows.attempts.iter().collect::<Vec<_>>(),
        &results,
        &Good { slo: plan.slo, asks },
        elapsed_ns,
    )
}

/// The same without the jobs of warm-ups and their time, for thresholds. Jobs that were not issued stay, and
/// so does what the ledger says of the whole cell: most in flight, tokens delivered and billed.
pub(super) fn measured(plan: &Plan, cell: Cell, evidence: &Evidence, whole: &CounterRow) -> CounterRow {
    let rows = CellEvidence::of(cell.index, evidence);
    if rows.jobs.iter().all(|job| !job.warmup) {
        return whole.clone();
    }
    let mut warmups = Warmups::new(rows.jobs);
    let attempts: Vec<&AttemptRow> = rows.attempts.iter().filter(|row| !warmups.has(row.job)).collect();
    let all = first_results(rows.jobs).count() as u64;
    let results: Vec<&JobRow> = first_results(rows.jobs).filter(|job| !job.warmup).collect();
    let warm = all - results.len() as u64;
    let begins = plan.phases.iter().map(|phase| phase.start_time.saturating_add(phase.warmup)).min();
    let elapsed_ns = rows.end.map_or(0, |end| end.elapsed_ns).saturating_sub(begins.map_or(0, ns));
    let blank = CounterRow {
        planned: whole.planned.saturating_sub(warm),
        jobs: whole.jobs.saturating_sub(warm),
        ..whole.clone()
    };
    counted(blank, &attempts, &results, &Good { slo: plan.slo, asks: &asks(plan, cell) }, elapsed_ns)
}

/// Fills in what is counted over attempts and results, and what follows from it.
fn counted(
    row: CounterRow,
    attempts: &[&AttemptRow],
    results: &[&JobRow],
    good: &Good<'_>,
    elapsed_ns: u64,
) -> CounterRow {
    let ended = |outcome| results.iter().filter(|job| job.outcome == outcome).count() as u64;
    let (answered, good) = (ended(Outcome::Ok), good.count(results, attempts));
    let client_completion = total(attempts.iter().filter_map(|row| row.completion_tokens));
    let client_prompt = total(attempts.iter().filter_map(|row| row.prompt_tokens));
    CounterRow {
        answered,
        failed: ended(Outcome::Failed),
        unknown: ended(Outcome::Unknown),
        good,
        attempts: attempts.len() as u64,
        attempts_ok: attempts.iter().filter(|a| a.outcome == Outcome::Ok).count() as u64,
        errors: errors(attempts),
        chunks: attempts.iter().map(|a| u64::from(a.chunks)).sum(),
        tokens: TokenCounts { client_prompt, client_completion, ..row.tokens },
        elapsed_ms: elapsed_ns / 1_000_000,
        throughput_per_s: per_s(answered, elapsed_ns),
        goodput_per_s: per_s(good, elapsed_ns),
        tokens_per_s: per_s(client_completion, elapsed_ns),
        ..row
    }
}

/// How long a cell went on, of which the end is lost: from its first due time to its last stamp.
fn seen_ns(attempts: &[AttemptRow]) -> u64 {
    let first_ns = attempts.iter().map(|row| row.due_ns).min().unwrap_or(0);
    attempts.iter().map(|row| row.done_ns).max().map_or(0, |last_ns| last_ns.saturating_sub(first_ns))
}

/// What the evidence holds of one cell; all rows are sorted by job, so each part is one slice.
struct CellEvidence<'a> {
    attempts: &'a [AttemptRow],
    jobs: &'a [JobRow],
    ledger: &'a [LedgerRow],
    end: Option<&'a CellEnd>,
}

impl<'a> CellEvidence<'a> {
    fn of(cell: u16, evidence: &'a Evidence) -> Self {
        let of_ledger = |row: &LedgerRow| row.job.own().map(|job| job.cell);
        // Rows of other clients come last, behind every cell.
        let key = |row: &LedgerRow| of_ledger(row).map_or(u32::MAX, u32::from);
        Self {
            attempts: slice(&evidence.attempts, u32::from(cell), |row| u32::from(row.job.cell)),
            jobs: slice(&evidence.jobs, u32::from(cell), |row| u32::from(row.job.cell)),
            ledger: slice(&evidence.ledger, u32::from(cell), key),
            end: evidence.cells.iter().find(|end| end.cell == cell),
        }
    }
}

fn slice<T>(rows: &[T], cell: u32, cell_of: impl Fn(&T) -> u32) -> &[T] {
    let start = rows.partition_point(|row| cell_of(row) < cell);
    let end = rows.partition_point(|row| cell_of(row) <= cell);
    &rows[start..end]
}

fn errors(attempts: &[&AttemptRow]) -> BTreeMap<String, u64> {
    let mut errors = BTreeMap::new();
    for class in attempts.iter().filter_map(|attempt| attempt.error) {
        match errors.get_mut(class.name()) {
            Some(count) => *count += 1,
            None => drop(errors.insert(class.name().to_owned(), 1)),
        }
    }
    errors
}

/// What the ledger adds up to; the client's own sums are left at 0.
fn by_ledger(ledger: Option<&[LedgerRow]>) -> TokenCounts {
    let sum = |tokens: fn(&LedgerRow) -> u64| ledger.map(|rows| total(rows.iter().map(tokens)));
    let whole = |row: &LedgerRow| match row.end {
        LedgerEnd::Whole => row.prompt_tokens.saturating_add(row.delivered_tokens),
        _ => 0,
    };
    TokenCounts {
        delivered: sum(whole),
        billed: sum(|row| row.billed_prompt_tokens.saturating_add(row.billed_completion_tokens)),
        ..TokenCounts::default()
    }
}

/// A sum that damaged evidence cannot overflow.
fn total(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

fn in_flight_max(attempts: &[AttemptRow], ledger: Option<&[LedgerRow]>) -> u64 {
    match ledger {
        Some(rows) => most_at_once(open_times(attempts, rows)),
        None => most_at_once(attempts.iter().filter_map(|row| Some((row.sent_ns?, row.done_ns)))),
    }
}

fn per_s(count: u64, elapsed_ns: u64) -> f64 {
    if elapsed_ns == 0 { 0.0 } else { count as f64 * 1e9 / elapsed_ns as f64 }
}
