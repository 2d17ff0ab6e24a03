//! Judges the scenario's thresholds. No data fails; a value that is no number never passes.

mod value;

use super::Observed;
use crate::plan::{Bound, Cell, Comparison, Plan, Threshold};
use crate::summary::ThresholdRow;
use value::ValueUnit;

/// Every threshold, in the plan's order: per cell for distributions, shares and rates; once, summed over
/// the selected cells, for counts and cost. `baseline` is what those that name a baseline are held against.
#[must_use]
pub fn thresholds(plan: &Plan, inputs: &dyn Observed, baseline: Option<&dyn Observed>) -> Vec<ThresholdRow> {
    plan.thresholds.iter().flat_map(|threshold| judge(plan, threshold, inputs, baseline)).collect()
}

/// What was seen for one threshold, before it is compared.
struct Observation {
    /// The value in the metric's base unit, or why there is none.
    value: Result<f64, String>,
    /// What the value counts in.
    unit: ValueUnit,
    /// How many samples it rests on.
    samples: u64,
}

fn judge(
    plan: &Plan,
    threshold: &Threshold,
    inputs: &dyn Observed,
    baseline: Option<&dyn Observed>,
) -> Vec<ThresholdRow> {
    let cells: Vec<Cell> = plan.cells().into_iter().filter(|cell| selected(plan, threshold, *cell)).collect();
    if cells.is_empty() {
        let value = Err("no target and strategy match its filters".to_owned());
        return vec![row(
            threshold,
            ("", ""),
            Observation { value, unit: ValueUnit::Count, samples: 0 },
            None,
        )];
    }
    if value::is_summed(threshold) {
        let names = match &cells[..] {
            [cell] => names(plan, *cell),
            _ => ("", ""),
        };
        let of = |inputs| value::over_cells(plan, threshold, &cells, inputs);
        return vec![row(threshold, names, of(inputs), baseline.map(of))];
    }
    cells
        .iter()
        .map(|cell| {
            let of = |inputs| value::of_cell(threshold, *cell, inputs);
            row(threshold, names(plan, *cell), of(inputs), baseline.map(of))
        })
        .collect()
}

/// Whether a cell has every tag that the threshold filters by.
fn selected(plan: &Plan, threshold: &Threshold, cell: Cell) -> bool {
    let (target, strategy) = names(plan, cell);
    threshold.filters.iter().all(|(tag, wanted)| match tag.as_str() {
        "target" => wanted == target,
        "strategy" => wanted == strategy,
        _ => false,
    })
}

fn names(plan: &Plan, cell: Cell) -> (&str, &str) {
    (&plan.targets[cell.target].name, plan.strategies[cell.strategy].name())
}

/// The bound, and what to say of it if it rests on a baseline.
fn bound(threshold: &Threshold, baseline: Option<Observation>) -> Result<(f64, Option<String>), String> {
    let share = match threshold.bound {
        Bound::Value(value) => return Ok((value, None)),
        Bound::Baseline(share) => share,
    };
    let Some(Observation { value, unit, samples }) = baseline else {
        return Err("no baseline: name a stored run with --baseline".to_owned());
    };
    let value = enough(threshold, value, samples).map_err(|why| format!("the baseline has {why}"))?;
    let bound = value * (1.0 + share);
    let rests = if samples == 1 { "1 sample".to_owned() } else { format!("{samples} samples") };
    Ok((bound, Some(format!("{} ({rests}), so the bound is {}", unit.show(value), unit.show(bound)))))
}

fn row(
    threshold: &Threshold,
    (target, strategy): (&str, &str),
    seen: Observation,
    baseline: Option<Observation>,
) -> ThresholdRow {
    let Observation { value, unit, samples } = seen;
    let value = enough(threshold, value, samples);
    let bound = bound(threshold, baseline);
    let passed = match (&value, &bound) {
        (Ok(value), Ok((bound, _))) => compare(*value, threshold.comparison, *bound),
        _ => false,
    };
    let (observed, why) = match value {
        Ok(value) => (Some(unit.show(value)), None),
        Err(why) => (None, Some(why)),
    };
    let (against, why) = match bound {
        Ok((_, against)) => (against, why),
        Err(no_bound) => (None, Some(why.unwrap_or(no_bound))),
    };
    ThresholdRow {
        threshold: threshold.text.clone(),
        target: target.to_owned(),
        strategy: strategy.to_owned(),
        passed,
        void: false,
        observed,
        against,
        samples,
        why,
    }
}

/// The value, if it rests on enough samples to tell.
fn enough(threshold: &Threshold, value: Result<f64, String>, samples: u64) -> Result<f64, String> {
    let least = threshold.min_samples.max(1);
    match value {
        Ok(_) if samples == 0 => Err("no data".to_owned()),
        Ok(_) if samples < least => {
            Err(format!("too few samples: {samples}, and {least} are needed to tell"))
        }
        other => other,
    }
}

/// Whether the comparison is true. A side that is not a finite number makes it false, `!=` included.
fn compare(value: f64, comparison: Comparison, bound: f64) -> bool {
    #[expect(clippy::float_cmp, reason = "`==` and `!=` are what the scenario asks for")]
    let kept = match comparison {
        Comparison::Less => value < bound,
        Comparison::LessEqual => value <= bound,
        Comparison::Greater => value > bound,
        Comparison::GreaterEqual => value >= bound,
        Comparison::Equal => value == bound,
        Comparison::NotEqual => value != bound,
    };
    kept && value.is_finite() && bound.is_finite()
}

/// Takes the verdict from every threshold that depends on the load: times, and rates per second. Shares,
/// counts and cost stay judged.
pub(super) fn void_latency(plan: &Plan, rows: &mut [ThresholdRow]) {
    let depends = |text: &str| {
        plan.thresholds.iter().any(|threshold| threshold.text == text && value::depends_on_load(threshold))
    };
    for row in rows.iter_mut().filter(|row| depends(&row.threshold)) {
        void(row, "void: the load was invalid");
    }
}

/// Takes the verdict from every threshold, because the evidence is not whole.
pub(super) fn void_all(rows: &mut [ThresholdRow]) {
    rows.iter_mut().for_each(|row| void(row, "void: the evidence is not whole"));
}

fn void(row: &mut ThresholdRow, why: &str) {
    row.void = true;
    row.passed = false;
    row.why = Some(why.to_owned());
}
