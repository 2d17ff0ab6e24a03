//! The thresholds and what became of them.

use super::figures::count;
use super::layout::{Page, Tone, cell};
use crate::summary::{Summary, ThresholdRow};

pub(super) fn write(page: &mut Page, summary: &Summary) {
    if summary.thresholds.is_empty() {
        return;
    }
    page.section("Thresholds");
    for row in &summary.thresholds {
        let (mark, tone) = match row {
            ThresholdRow { void: true, .. } => ("–", Tone::Warn),
            ThresholdRow { passed: true, .. } => ("✓", Tone::Good),
            _ => ("✗", Tone::Bad),
        };
        page.wrapped(mark, 2, &sentence(row, summary.counters.len() > 1), tone);
    }
}

fn sentence(row: &ThresholdRow, several: bool) -> String {
    let at = match (row.target.as_str(), several) {
        ("", true) => " over the run".to_owned(),
        (target, true) => format!(" at {}", cell(target, &row.strategy)),
        (_, false) => String::new(),
    };
    let seen = row.observed.as_ref().map(|seen| format!("observed {seen} (n {})", count(row.samples)));
    let against = row.against.as_ref().map(|baseline| format!("the baseline has {baseline}"));
    let parts: Vec<String> = seen.into_iter().chain(against).chain(row.why.clone()).collect();
    format!("{}{at}: {}", row.threshold, parts.join("; "))
}
