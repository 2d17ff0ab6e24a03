//! What a hunt for schedules adds to a judged run.

use super::Exit;
use crate::history::{ExploredRow, FindingRow, Summary};

/// Puts findings, and how far the hunt looked, into the summary. A finding is a broken invariant: the run passes no
/// more.
pub fn add_findings(summary: &mut Summary, findings: Vec<FindingRow>, explored: Vec<ExploredRow>) {
    let reasons = findings.iter().map(|finding| {
        format!(
            "{} breaks {} under a schedule: {}",
            finding.strategy,
            finding.invariant.name(),
            finding.replay
        )
    });
    let at = usize::from(summary.exit_code != Exit::Pass.code()).min(summary.exit_reasons.len());
    let outranked =
        Exit::from_code(summary.exit_code).is_none_or(|exit| exit.rank() > Exit::Invariant.rank());
    let at = if outranked { 0 } else { at };
    let reasons: Vec<String> = reasons.collect();
    if outranked && !reasons.is_empty() {
        summary.exit_code = Exit::Invariant.code();
    }
    summary.exit_reasons.splice(at..at, reasons);
    summary.findings = findings;
    summary.explored = explored;
}
