//! The grammar of thresholds: k6's, with units.

use super::raw::Scenario;
use crate::document::{Findings, nearest};
use crate::plan::{Aggregate, Bound, Comparison, METRICS, MetricKind, Target, Threshold};
use crate::units::{Currency, Money, parse_duration};
use std::collections::BTreeMap;

const GRAMMAR: &str =
    "write an aggregate, a comparison and a bound, such as \"p(99) < 1500ms\" or \"rate < 1%\"";

/// `p(99) < 1500ms`, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parsed<'t> {
    pub(super) aggregate: Aggregate,
    pub(super) comparison: Comparison,
    /// The bound with its unit.
    pub(super) bound: &'t str,
}

/// Takes a threshold apart; the error says what is wrong.
pub(super) fn parse(text: &str) -> Result<Parsed<'_>, String> {
    let at = text.find(['<', '>', '=', '!']).ok_or_else(|| format!("no comparison: {GRAMMAR}"))?;
    let (left, right) = text.split_at(at);
    let signs = [
        ("<=", Comparison::LessEqual),
        (">=", Comparison::GreaterEqual),
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let (sign, comparison) = signs
        .into_iter()
        .find(|(sign, _)| right.starts_with(sign))
        .ok_or("unknown comparison: write one of <, <=, >, >=, ==, !=")?;
    let bound = right[sign.len()..].trim();
    if bound.is_empty() {
        return Err(format!("no bound behind `{sign}`: {GRAMMAR}"));
    }
    Ok(Parsed { aggregate: aggregate(left.trim())?, comparison, bound })
}

fn aggregate(text: &str) -> Result<Aggregate, String> {
    if let Some(percent) = text.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')')) {
        let percent: f64 = percent.trim().parse().unwrap_or(f64::NAN);
        if percent > 0.0 && percent < 100.0 {
            return Ok(Aggregate::Percentile(percent));
        }
        return Err(format!(
            "`{text}` is no percentile: write a number between 0 and 100, such as p(99) or p(99.9)"
        ));
    }
    Ok(match text {
        "avg" => Aggregate::Avg,
        "min" => Aggregate::Min,
        "med" => Aggregate::Med,
        "max" => Aggregate::Max,
        "rate" => Aggregate::Rate,
        "count" => Aggregate::Count,
        "total" | "value" => Aggregate::Total,
        _ => {
            let known = ["p(99)", "avg", "min", "med", "max", "rate", "count", "total", "value"];
            return Err(format!("unknown aggregate `{text}`: {}", nearest(text, &known)));
        }
    })
}

/// The bound, and the currency if it has one.
fn bound(text: &str, kind: MetricKind) -> Result<(Bound, Option<Currency>), String> {
    match text.strip_prefix("baseline") {
        Some(rest) => Ok((Bound::Baseline(on_top(rest.trim())?), None)),
        None => value(text, kind).map(|(value, currency)| (Bound::Value(value), currency)),
    }
}

/// What stands behind `baseline`: nothing, or a share to add or to take away.
fn on_top(text: &str) -> Result<f64, String> {
    let (sign, share) = match text.chars().next() {
        None => return Ok(0.0),
        Some('+') => (1.0, text[1..].trim()),
        Some('-') => (-1.0, text[1..].trim()),
        Some(_) => (0.0, ""),
    };
    let share = share.strip_suffix('%').and_then(|percent| percent.trim().parse::<f64>().ok());
    let share = share.filter(|percent| sign != 0.0 && (0.0..=1000.0).contains(percent));
    share.map(|percent| sign * percent / 100.0).ok_or_else(|| {
        format!("`{text}` cannot stand behind `baseline`: write baseline, baseline + 10% or baseline - 10%")
    })
}

/// The bound in the metric's base unit, and the currency if it has one.
fn value(text: &str, kind: MetricKind) -> Result<(f64, Option<Currency>), String> {
    let wrong = || format!("`{text}` does not suit this metric: it has {}", kind.example());
    let number = |text: &str| {
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        text.parse::<f64>().ok().filter(|number| plain && *number <= 1e15).ok_or_else(wrong)
    };
    match kind {
        MetricKind::Time => {
            let time = parse_duration(text).map_err(|_| wrong())?;
            Ok((time.as_nanos() as f64, None))
        }
        MetricKind::Share => {
            let share = match text.strip_suffix('%') {
                Some(percent) => number(percent.trim())? / 100.0,
                None => number(text)?,
            };
            if share > 1.0 {
                return Err(format!("`{text}` is more than all: write a share from 0% to 100%"));
            }
            Ok((share, None))
        }
        MetricKind::PerSecond => Ok((number(text.strip_suffix("/s").unwrap_or(text).trim())?, None)),
        MetricKind::Count | MetricKind::Ratio | MetricKind::Peak => Ok((number(text)?, None)),
        MetricKind::Cost => {
            let money: Money = text.parse().map_err(|_| wrong())?;
            Ok((money.pico as f64, Some(money.currency)))
        }
    }
}

/// Builds the thresholds; what is wrong goes to `findings`.
pub(super) fn build(scenario: &Scenario, targets: &[Target], findings: &mut Findings<'_>) -> Vec<Threshold> {
    let mut built = Vec::new();
    for (key, lines) in &scenario.thresholds.0 {
        let Some((metric, kind, filters)) = metric_key(key, scenario, findings) else { continue };
        if lines.is_empty() {
            findings.sense_key(&["thresholds", key], format!("`{key}` has no threshold"), GRAMMAR);
        }
        for (index, line) in lines.iter().enumerate() {
            let index = index.to_string();
            let path = ["thresholds", key, &index];
            let judged = parse(&line.threshold).and_then(|parsed| {
                if !kind.has(parsed.aggregate) {
                    let what = format!("`{metric}` has no such aggregate");
                    return Err(format!("{what}: it has {}", kind.example()));
                }
                bound(parsed.bound, kind).map(|(bound, currency)| (parsed, bound, currency))
            });
            let (parsed, bound, currency) = match judged {
                Ok(judged) => judged,
                Err(error) => {
                    let (what, help) = error.split_once(": ").unwrap_or((&error, GRAMMAR));
                    findings.sense(&path, what, help);
                    continue;
                }
            };
            if let Some(currency) = currency {
                check_currency(currency, &filters, &path, (scenario, targets), findings);
            }
            built.push(Threshold {
                metric: metric.to_owned(),
                filters: filters.clone(),
                aggregate: parsed.aggregate,
                comparison: parsed.comparison,
                bound,
                text: format!("{key}: {}", line.threshold.trim()),
                min_samples: line.min_samples.unwrap_or(1),
            });
        }
    }
    built
}

type Filters = BTreeMap<String, String>;

/// `metric` or `metric{tag=value,…}`, checked.
fn metric_key(
    key: &str,
    scenario: &Scenario,
    findings: &mut Findings<'_>,
) -> Option<(&'static str, MetricKind, Filters)> {
    let path = ["thresholds", key];
    let (name, tags) = match key.split_once('{') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix('}')),
        None => (key.trim(), Some("")),
    };
    let Some((metric, kind)) = METRICS.into_iter().find(|(known, _)| *known == name) else {
        let known = METRICS.map(|(name, _)| name);
        findings.sense_key(&path, format!("unknown metric `{name}`"), nearest(name, &known));
        return None;
    };
    let Some(tags) = tags else {
        findings.sense_key(&path, format!("`{key}` does not end with `}}`"), "write metric{target=NAME}");
        return None;
    };
    let mut filters = Filters::new();
    for tag in tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
        let Some((tag, value)) = tag.split_once('=').or_else(|| tag.split_once(':')) else {
            findings.sense_key(
                &path,
                format!("`{tag}` is no filter"),
                "write tag=value, such as target=mock",
            );
            return None;
        };
        let (tag, value) = (tag.trim(), value.trim().trim_matches('"'));
        let known: Vec<&str> = match tag {
            "target" => findings.keys(&["target"]),
            "strategy" => {
                let mut known = findings.keys(&["strategy"]);
                for strategy in &scenario.strategy.0 {
                    known.push(strategy.name());
                }
                known
            }
            _ => {
                let help = nearest(tag, &["target", "strategy"]);
                findings.sense_key(&path, format!("unknown tag `{tag}`"), help);
                return None;
            }
        };
        if !known.contains(&value) {
            findings.sense_key(&path, format!("there is no {tag} `{value}`"), nearest(value, &known));
            return None;
        }
        filters.insert(tag.to_owned(), value.to_owned());
    }
    Some((metric, kind, filters))
}

/// A bound on the cost needs prices that are paid in its currency.
fn check_currency(
    currency: Currency,
    filters: &Filters,
    path: &[&str],
    (scenario, targets): (&Scenario, &[Target]),
    findings: &mut Findings<'_>,
) {
    let meant = |name: &str| filters.get("target").is_none_or(|target| target == name);
    for target in targets.iter().filter(|target| meant(&target.name)) {
        let Some(price) = &target.price else { continue };
        let paid = price.landed.currency;
        if paid != currency {
            let what = format!("the bound is in {currency}, and `{}` is paid in {paid}", target.name);
            findings.sense(
                path,
                what,
                format!("write the bound in {paid}, or [cost] currency = \"{currency}\""),
            );
        }
    }
    let named = scenario.target.0.iter().filter(|(name, _)| meant(name));
    if named.into_iter().all(|(_, target)| target.price.is_none()) {
        let help = "add price = { input = \"2.00\", output = \"8.00\" } to the target";
        findings.sense_at(path, &["target"], "no target has a price, so there is no cost", help);
    }
}
