//! From a threshold's metric and aggregate to a value.

use super::Observation;
use crate::judge::Observed;
use crate::plan::{Aggregate, Cell, MetricKind, Plan, Threshold};
use crate::summary::CounterRow;
use crate::units::{Currency, Money, format_duration};
use hdrhistogram::Histogram;
use std::time::Duration;

/// What a value counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueUnit {
    /// Nanoseconds.
    Time,
    /// A share, 0 to 1.
    Share,
    /// Things.
    Count,
    /// Things per thing.
    Ratio,
    /// Things per second.
    PerSecond,
    /// 10⁻¹² of a currency.
    Cost(Currency),
}

impl ValueUnit {
    /// The value with its unit, as a report prints it.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Time => Duration::try_from_secs_f64(value / 1e9)
                .map_or_else(|_| format!("{value} ns"), format_duration),
            Self::Share => format!("{:.2}%", value * 100.0),
            Self::Count => format!("{value}"),
            Self::Ratio => format!("{value:.3}"),
            Self::PerSecond => format!("{value:.2}/s"),
            Self::Cost(currency) => Money { pico: value.round() as i128, currency }.to_string(),
        }
    }
}

/// A figure of a counter row.
enum Figure {
    /// So many of something, out of so many looked at.
    Things(u64, u64),
    /// A share: so many out of so many.
    Share(u64, u64),
    /// So many for so many others.
    Ratio(u64, u64),
    /// Something per second, resting on so many.
    PerSecond(f64, u64),
    /// The most of something at once: a maximum, so it is never summed.
    Most(u64, u64),
}

/// The metrics that are neither times nor cost, one line each.
fn counted(row: &CounterRow, metric: &str) -> Option<Figure> {
    use Figure::{Most, PerSecond, Ratio, Share, Things};
    let planned = row.planned.max(row.jobs);
    Some(match metric {
        "error_rate" => Share(row.attempts.saturating_sub(row.attempts_ok), row.attempts),
        "attempts" => Things(row.attempts, row.attempts),
        "attempts_per_job" => Ratio(row.attempts, row.jobs),
        "jobs" => Things(row.jobs, planned),
        "dropped" => Things(row.not_issued.get("dropped").copied().unwrap_or(0), planned),
        "throughput" => PerSecond(row.throughput_per_s, row.answered),
        "goodput" => PerSecond(row.goodput_per_s, row.jobs),
        "tokens_per_s" => PerSecond(row.tokens_per_s, row.attempts),
        "in_flight" => Most(row.in_flight_max, row.attempts),
        _ => return None,
    })
}

/// Whether the threshold is judged once, over the sum of the selected cells.
pub(super) fn is_summed(threshold: &Threshold) -> bool {
    MetricKind::of(&threshold.metric).is_some_and(|kind| kind.is_summed(threshold.aggregate))
}

/// Whether a slow generator falsifies it.
pub(super) fn depends_on_load(threshold: &Threshold) -> bool {
    MetricKind::of(&threshold.metric).is_some_and(|kind| kind.depends_on_load(threshold.aggregate))
}

/// What one cell has to say.
pub(super) fn of_cell(threshold: &Threshold, cell: Cell, inputs: &dyn Observed) -> Observation {
    if MetricKind::of(&threshold.metric) == Some(MetricKind::Time) {
        return time(threshold, inputs.histogram(cell, &threshold.metric.replace('_', "-")));
    }
    let Some(row) = inputs.counter(cell) else {
        return missing(ValueUnit::Count, "no data");
    };
    let rate = threshold.aggregate == Aggregate::Rate;
    match counted(row, &threshold.metric.replace('-', "_")) {
        None => missing(ValueUnit::Count, &format!("there is no metric \"{}\"", threshold.metric)),
        Some(Figure::Share(some, all)) => seen(some as f64 / all as f64, ValueUnit::Share, all),
        Some(Figure::Ratio(some, all)) => seen(some as f64 / all as f64, ValueUnit::Ratio, all),
        Some(Figure::PerSecond(value, samples)) => seen(value, ValueUnit::PerSecond, samples),
        Some(Figure::Most(n, samples)) => seen(n as f64, ValueUnit::Count, samples),
        Some(Figure::Things(n, samples)) if rate => {
            seen(n as f64 / (row.elapsed_ms as f64 / 1e3), ValueUnit::PerSecond, samples)
        }
        Some(Figure::Things(n, samples)) => seen(n as f64, ValueUnit::Count, samples),
    }
}

/// What the selected cells have to say together.
pub(super) fn over_cells(
    plan: &Plan,
    threshold: &Threshold,
    cells: &[Cell],
    inputs: &dyn Observed,
) -> Observation {
    if MetricKind::of(&threshold.metric) == Some(MetricKind::Cost) {
        return cost(plan, threshold, cells, inputs);
    }
    let mut sum = Observation { value: Ok(0.0), unit: ValueUnit::Count, samples: 0 };
    for cell in cells {
        let part = of_cell(threshold, *cell, inputs);
        sum.samples += part.samples;
        sum.value = match (sum.value, part.value) {
            (Ok(a), Ok(b)) => Ok(a + b),
            (Err(why), _) | (_, Err(why)) => Err(why),
        };
    }
    sum
}

/// A sum that leaves out a cell would understate, so every cell must have its cost.
fn cost(plan: &Plan, threshold: &Threshold, cells: &[Cell], inputs: &dyn Observed) -> Observation {
    let asked = threshold.text.rsplit(' ').next().and_then(|last| last.parse::<Currency>().ok());
    let mut sum: Option<Money> = None;
    let mut samples = 0;
    for cell in cells {
        let target = &plan.targets[cell.target];
        let Some(part) = inputs.cost(*cell) else {
            let why = match &target.price {
                None => format!("no data: target {} has no price", target.name),
                Some(_) => format!("no data: no token of target {} was reported", target.name),
            };
            return missing(ValueUnit::Count, &why);
        };
        let currency = asked.or(sum.map(|sum| sum.currency)).unwrap_or(part.currency);
        if part.currency != currency {
            let why = format!(
                "target {} is paid in {}, not in {currency}: filter by target",
                target.name, part.currency
            );
            return missing(ValueUnit::Count, &why);
        }
        samples += inputs.counter(*cell).map_or(0, |row| row.attempts);
        sum = Some(Money { pico: sum.map_or(0, |sum| sum.pico) + part.pico, currency });
    }
    match sum {
        None => missing(ValueUnit::Count, "no data"),
        Some(sum) => seen(sum.pico as f64, ValueUnit::Cost(sum.currency), samples),
    }
}

fn time(threshold: &Threshold, histogram: Option<&Histogram<u64>>) -> Observation {
    let unit = if threshold.aggregate == Aggregate::Count { ValueUnit::Count } else { ValueUnit::Time };
    let Some(histogram) = histogram.filter(|histogram| !histogram.is_empty()) else {
        return missing(unit, "no data");
    };
    let value = match threshold.aggregate {
        Aggregate::Percentile(percent) => Ok(histogram.value_at_quantile(percent / 100.0) as f64),
        Aggregate::Med => Ok(histogram.value_at_quantile(0.5) as f64),
        Aggregate::Avg => Ok(histogram.mean()),
        Aggregate::Min => Ok(histogram.min() as f64),
        Aggregate::Max => Ok(histogram.max() as f64),
        Aggregate::Count => Ok(histogram.len() as f64),
        Aggregate::Rate | Aggregate::Total => {
            Err(format!("{} is a time: ask for p(N), avg, med, min, max or count", threshold.metric))
        }
    };
    Observation { value, unit, samples: histogram.len() }
}

fn seen(value: f64, unit: ValueUnit, samples: u64) -> Observation {
    Observation { value: Ok(value), unit, samples }
}

fn missing(unit: ValueUnit, why: &str) -> Observation {
    Observation { value: Err(why.to_owned()), unit, samples: 0 }
}
