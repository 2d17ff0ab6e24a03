//! Every reason for an exit code, most important first.

use crate::history::{ErrorClass, Meta};
use crate::summary::Exit;
use crate::summary::{CounterRow, MetricRow, StrategyRow, ThresholdRow, Verdict, VerdictRow};
use std::collections::BTreeMap;

/// What the exit code is decided on.
#[derive(Debug, Clone, Copy)]
pub struct ExitInput<'a> {
    /// Facts of the run.
    pub meta: &'a Meta,
    /// Counts per cell.
    pub counters: &'a [CounterRow],
    /// Distributions per cell.
    pub metrics: &'a [MetricRow],
    /// Verdicts per cell.
    pub verdicts: &'a [VerdictRow],
    /// The strategies, of which some may be broken on purpose.
    pub strategies: &'a [StrategyRow],
    /// Judged thresholds.
    pub thresholds: &'a [ThresholdRow],
    /// Ways in which the generator was slow.
    pub fidelity_faults: &'a [String],
    /// What is missing from the evidence.
    pub gaps: &'a [String],
    /// Jobs that deadheat itself lost count of.
    pub conservation: &'a [String],
}

/// Every reason for an exit code other than 0, most important first, with a line on each.
#[must_use]
pub fn exit_reasons(grounds: &ExitInput<'_>) -> Vec<(Exit, String)> {
    let with = |exit: Exit| move |text: String| (exit, text);
    let internal = grounds.conservation.iter().map(|what| format!("deadheat lost count of its jobs: {what}"));
    let invalid = grounds.fidelity_faults.iter().map(|why| format!("the load was invalid: {why}"));
    let torn = grounds.gaps.iter().map(|what| format!("the evidence is not whole: {what}"));
    let mut reasons: Vec<(Exit, String)> = internal.map(with(Exit::Internal)).collect();
    reasons.extend(unreachable(grounds.counters).map(with(Exit::Unreachable)));
    if grounds.meta.interrupted {
        reasons.push((Exit::Interrupted, "the run was interrupted".to_owned()));
    }
    reasons.extend(broken(grounds).map(with(Exit::Invariant)));
    reasons.extend(broken_twins(grounds.strategies).map(with(Exit::Invariant)));
    reasons.extend(torn.chain(invalid).map(with(Exit::LoadInvalid)));
    if grounds.meta.over_budget {
        reasons.push((Exit::OverBudget, "the budget was reached, and the run stopped there".to_owned()));
    }
    reasons.extend(missed(grounds.thresholds));
    reasons.extend(nothing(grounds).map(with(Exit::NothingMeasured)));
    reasons.sort_by_key(|(exit, _)| exit.rank());
    reasons
}

/// One line per target of which every attempt failed before a request could be sent.
fn unreachable(counters: &[CounterRow]) -> impl Iterator<Item = String> {
    use ErrorClass::{Connect, Dns, TimeoutConnect, Tls};
    let mut targets: BTreeMap<&str, (u64, BTreeMap<&str, u64>)> = BTreeMap::new();
    for row in counters {
        let (attempts, errors) = targets.entry(&row.target).or_default();
        *attempts += row.attempts;
        for class in [Dns, Connect, Tls, TimeoutConnect] {
            if let Some(n) = row.errors.get(class.name()) {
                *errors.entry(class.name()).or_default() += n;
            }
        }
    }
    let dead = targets.into_iter().filter(|(_, (n, errors))| *n > 0 && errors.values().sum::<u64>() == *n);
    dead.map(|(target, (attempts, errors))| {
        let classes: Vec<String> = errors.iter().map(|(class, n)| format!("{n} {class}")).collect();
        format!("target {target} cannot be reached: all {attempts} attempts failed ({})", classes.join(", "))
    })
    .collect::<Vec<_>>()
    .into_iter()
}

/// Rules that a strategy broke without being meant to, a line each.
fn broken<'a>(grounds: &ExitInput<'a>) -> impl Iterator<Item = String> + 'a {
    let strategies = grounds.strategies;
    let twin =
        move |name: &str| strategies.iter().any(|s| s.strategy == name && s.broken_on_purpose.is_some());
    let broken = grounds.verdicts.iter().filter(|row| row.verdict == Verdict::Broken);
    broken.filter(move |row| !twin(&row.strategy)).map(|row| {
        let at = place(&row.target, &row.strategy);
        format!("{} is broken{at}: {} of {}", row.invariant.name(), row.violations, row.relevant)
    })
}

/// One line per twin, over all targets.
fn broken_twins(strategies: &[StrategyRow]) -> impl Iterator<Item = String> + '_ {
    strategies.iter().filter(|row| !row.breaks.is_empty()).filter_map(|row| {
        let bug = row.broken_on_purpose.as_deref()?;
        let names: Vec<&str> = row.breaks.iter().map(|invariant| invariant.name()).collect();
        Some(format!("{}, broken on purpose ({bug}), broke {}", row.strategy, names.join(", ")))
    })
}

/// Missed thresholds; against a baseline that is a regression.
fn missed(thresholds: &[ThresholdRow]) -> impl Iterator<Item = (Exit, String)> + '_ {
    thresholds.iter().filter(|row| !row.passed && !row.void).map(|row| {
        let at = place(&row.target, &row.strategy);
        let seen = row.why.as_deref().or(row.observed.as_deref()).unwrap_or("no data");
        let text = format!("threshold missed{at}: {}, observed: {seen}", row.threshold);
        match &row.against {
            Some(baseline) => (Exit::Regression, format!("{text}; the baseline has {baseline}")),
            None => (Exit::Threshold, text),
        }
    })
}

fn nothing(grounds: &ExitInput<'_>) -> Option<String> {
    let attempts: u64 = grounds.counters.iter().map(|row| row.attempts).sum();
    let samples: u64 = grounds.metrics.iter().map(|row| row.count).sum();
    match (attempts, samples) {
        (0, _) => Some("nothing was measured: no attempt was made".to_owned()),
        (_, 0) => Some("nothing was measured: no attempt gave a sample".to_owned()),
        _ => unanswered(grounds),
    }
}

/// A wrong key or model fails every request of a cell, and fast: no such run may pass for a good one.
fn unanswered(grounds: &ExitInput<'_>) -> Option<String> {
    let dead = grounds.counters.iter().find(|row| row.attempts > 0 && row.attempts_ok == 0)?;
    let errors: Vec<String> = dead.errors.iter().map(|(class, n)| format!("{n} {class}")).collect();
    let what = format!("not one of {} attempts was answered ({})", dead.attempts, errors.join(", "));
    let at = place(&dead.target, &dead.strategy);
    Some(format!("nothing was measured: {what}{at}; are the URL, the key and the model right?"))
}

/// ` at mock/semaphore`; nothing for what is judged over the whole run.
fn place(target: &str, strategy: &str) -> String {
    match (target, strategy) {
        ("", _) | (_, "") => String::new(),
        _ => format!(" at {target}/{strategy}"),
    }
}
