//! JUnit XML: one case per threshold, invariant and finding, so that every CI system can show them.

mod compared;

use super::text::figures::{NONE, count};
use crate::summary::{FindingRow, Summary, ThresholdRow, Verdict, VerdictRow};
use crate::units::shown::plain_lines;
pub use compared::compared_junit;
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// The file's text.
///
/// # Errors
/// If it cannot be written as XML. What XML forbids is taken out before, so no summary of ours has such a
/// thing.
pub fn junit(summary: &Summary) -> Result<String, SerializeError> {
    let mut report = Report::new(format!("deadheat {}", summary.name));
    report.set_time(Duration::from_millis(summary.elapsed_ms));
    let mut run = suite("run", vec![validity(summary), end(summary)], summary);
    run.set_time(Duration::from_millis(summary.elapsed_ms));
    report.add_test_suite(run);
    if !summary.thresholds.is_empty() {
        report.add_test_suite(suite(
            "thresholds",
            summary.thresholds.iter().map(threshold).collect(),
            summary,
        ));
    }
    for (target, strategy) in cells(summary) {
        let own = summary.verdicts.iter().filter(|row| (&row.target, &row.strategy) == (target, strategy));
        let name = format!("invariants {target}/{strategy}");
        report.add_test_suite(suite(&name, own.map(|row| verdict(summary, row)).collect(), summary));
    }
    if !summary.findings.is_empty() {
        report.add_test_suite(suite(
            "findings",
            (1..).zip(&summary.findings).map(finding).collect(),
            summary,
        ));
    }
    shown(&report)
}

/// The report as XML, with the unsafe characters of foreign text written out.
fn shown(report: &Report) -> Result<String, SerializeError> {
    report.to_string().map(|text| plain_lines(&text))
}

fn suite(name: &str, cases: Vec<TestCase>, summary: &Summary) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.add_property(("seed", summary.seed.to_string().as_str()));
    suite.add_property(("plan_hash", summary.plan_hash.as_str()));
    suite.add_test_cases(cases);
    suite
}

fn cells(summary: &Summary) -> Vec<(&String, &String)> {
    let mut cells: Vec<(&String, &String)> = Vec::new();
    for row in &summary.verdicts {
        if !cells.contains(&(&row.target, &row.strategy)) {
            cells.push((&row.target, &row.strategy));
        }
    }
    cells
}

/// A case; `class` says where, with a dot before the part that CI systems show as a group.
fn case(name: &str, class: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("deadheat.{class}"));
    case.set_time(Duration::ZERO);
    case
}

fn failure(kind: &str, message: &str, text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind).set_message(message).set_description(text);
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(message);
    status
}

fn validity(summary: &Summary) -> TestCase {
    let status = match summary.valid.holds {
        true => TestCaseStatus::success(),
        false => failure(
            "load-invalid",
            "the measurement did not keep its own budget",
            &summary.valid.why.join("\n"),
        ),
    };
    case("the load was valid", "run", status)
}

/// Red where the run failed for a reason that no other case shows.
fn end(summary: &Summary) -> TestCase {
    let shown = [0, 3, 5, 6, 7].contains(&summary.exit_code);
    let status = match shown {
        true => TestCaseStatus::success(),
        false => {
            failure("run", &format!("exit code {}", summary.exit_code), &summary.exit_reasons.join("\n"))
        }
    };
    case("the run came to its end", "run", status)
}

fn threshold(row: &ThresholdRow) -> TestCase {
    let observed = row.observed.as_deref().or(row.why.as_deref()).unwrap_or(NONE);
    let status = match (row.void, row.passed) {
        (true, _) => skipped(row.why.as_deref().unwrap_or("void")),
        (_, true) => TestCaseStatus::success(),
        (_, false) => {
            let against = row.against.as_ref().map(|has| format!("; the baseline has {has}"));
            let message = format!("observed {observed}{}", against.unwrap_or_default());
            let text = format!("{}: {message}; {} samples", row.threshold, count(row.samples));
            failure("threshold", &message, &text)
        }
    };
    let place =
        if row.target.is_empty() { "run".to_owned() } else { format!("{}/{}", row.target, row.strategy) };
    case(&row.threshold, &format!("thresholds.{place}"), status)
}

fn verdict(summary: &Summary, row: &VerdictRow) -> TestCase {
    let purpose = summary.strategies.iter().find(|strategy| strategy.strategy == row.strategy);
    let purpose = purpose.and_then(|strategy| strategy.broken_on_purpose.as_deref());
    let status = match row.verdict {
        Verdict::Holds => TestCaseStatus::success(),
        Verdict::Unknown => skipped(&format!("unknown: {}", row.why.as_deref().unwrap_or_default())),
        Verdict::NotApplicable => {
            skipped(&format!("not applicable: {}", row.why.as_deref().unwrap_or_default()))
        }
        Verdict::Broken => {
            let (broke, of) = (count(row.violations), count(row.relevant));
            let seen = row.witness.as_ref().map_or("", |witness| witness.text.as_str());
            let bug = purpose.map_or_else(String::new, |bug| format!("\nbroken on purpose: {bug}"));
            failure("invariant", &format!("broken: {broke} of {of}"), &format!("{seen}{bug}"))
        }
    };
    case(row.invariant.name(), &format!("invariants.{}/{}", row.target, row.strategy), status)
}

/// Numbered: of two cases with one name, some readers show the first alone.
fn finding((number, row): (u32, &FindingRow)) -> TestCase {
    let [shown, of] = row.reproduced;
    let text = format!(
        "{}\nreproduced {shown} of {of}\nreplay: {}\n\n{}",
        row.cause,
        row.replay,
        row.table.join("\n")
    );
    let name = format!("finding {number}: {} under a schedule", row.invariant.name());
    case(&name, &format!("findings.{}/{}", row.target, row.strategy), failure("finding", &row.cause, &text))
}
