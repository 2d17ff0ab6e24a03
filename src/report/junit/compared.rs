//! A comparison as JUnit: one case per value, red where NEW is worse.

use super::{case, failure, shown, skipped};
use crate::report::text::{Shown, design};
use crate::summary::{Change, Compared, ExactRow, TimedRow, TimedVerdict};
use quick_junit::{Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// The file's text.
///
/// # Errors
/// As [`super::junit`].
pub fn compared_junit(comparison: &Compared) -> Result<String, SerializeError> {
    let mut report = Report::new("deadheat comparison");
    report.add_test_suite(suite("comparison", vec![conclusion(comparison)], comparison));
    for (target, strategy) in cells(comparison) {
        let here = |a: &str, b: &str| (a, b) == (target, strategy);
        let exact = comparison.exact.iter().filter(|row| here(&row.target, &row.strategy)).map(exact);
        let timed = comparison.timed.iter().filter(|row| here(&row.target, &row.strategy)).map(timed);
        let name = format!("{target}/{strategy}");
        for (kind, cases) in [("exact", exact.collect::<Vec<_>>()), ("measured", timed.collect())] {
            if !cases.is_empty() {
                report.add_test_suite(suite(&format!("{kind} {name}"), cases, comparison));
            }
        }
    }
    shown(&report)
}

fn suite(name: &str, cases: Vec<TestCase>, comparison: &Compared) -> TestSuite {
    let mut suite = TestSuite::new(name);
    for (name, value) in [("base", &comparison.base), ("new", &comparison.new)] {
        suite.add_property((name, value.as_str()));
    }
    suite.add_property(("seed", comparison.seed.to_string().as_str()));
    suite.add_test_cases(cases);
    suite
}

fn cells(comparison: &Compared) -> Vec<(&str, &str)> {
    let exact = comparison.exact.iter().map(|row| (row.target.as_str(), row.strategy.as_str()));
    let timed = comparison.timed.iter().map(|row| (row.target.as_str(), row.strategy.as_str()));
    let mut cells = Vec::new();
    for cell in exact.chain(timed) {
        if !cells.contains(&cell) {
            cells.push(cell);
        }
    }
    cells
}

/// Red whenever the exit code is not 0, whatever the reason.
fn conclusion(comparison: &Compared) -> TestCase {
    let voids = comparison
        .pairs
        .iter()
        .filter_map(|pair| pair.void.as_ref().map(|why| format!("pair {} is void: {why}", pair.number)));
    let text: Vec<String> = comparison.exit_reasons.iter().cloned().chain(voids).collect();
    let status = match comparison.exit_code {
        0 => TestCaseStatus::success(),
        code => failure("comparison", &format!("exit code {code}"), &text.join("\n")),
    };
    case(&design(comparison), "comparison", status)
}

fn exact(row: &ExactRow) -> TestCase {
    let status = match row.change {
        Change::Worse => {
            let message = format!("{} in BASE, {} in NEW", row.base, row.new);
            failure("regression", &message, &format!("{}: {message}", row.what))
        }
        Change::Same | Change::Better | Change::Differs | Change::WithinFloor => TestCaseStatus::success(),
    };
    case(&row.what, &format!("exact.{}/{}", row.target, row.strategy), status)
}

fn timed(row: &TimedRow) -> TestCase {
    let Shown { base, new, effect, interval, detectable } = Shown::of(row);
    let why = row.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    let status = match row.verdict {
        TimedVerdict::Pass => TestCaseStatus::success(),
        TimedVerdict::Inconclusive => {
            skipped(&format!("inconclusive{why}: {effect} ({interval}); could find {detectable}"))
        }
        TimedVerdict::Advisory => skipped(&format!("advisory{why}")),
        TimedVerdict::Regressed => {
            let message = format!("{base} in BASE, {new} in NEW: {effect} ({interval})");
            failure("regression", &message, &format!("{}: {message}; {} pairs", row.measure, row.pairs))
        }
    };
    case(&row.measure, &format!("measured.{}/{}", row.target, row.strategy), status)
}
