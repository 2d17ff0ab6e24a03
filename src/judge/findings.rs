//! What a hunt for schedules adds to a judged run.

use crate::summary::Exit;
use crate::summary::{ExploredRow, FindingRow, Summary};
use serde::Deserialize;
use std::path::Path;

/// What a hunt came to. Of a stored run: what its summary says, for no evidence file holds it.
#[derive(Debug, Default, Deserialize)]
pub struct Hunted {
    /// The broken invariants, each with its smallest schedule.
    #[serde(default)]
    pub findings: Vec<FindingRow>,
    /// What was explored of how much, per cell.
    #[serde(default)]
    pub explored: Vec<ExploredRow>,
    /// Whether it was broken off by Ctrl-C.
    #[serde(skip)]
    pub interrupted: bool,
    /// Why it ended before its budget, if the user did not ask for that.
    #[serde(skip)]
    pub failed: Option<String>,
}

impl Hunted {
    /// The hunt of the run in `dir`, if it has been judged before and was hunted.
    pub(super) fn earlier(dir: &Path) -> Self {
        let text = std::fs::read(dir.join("summary.json")).ok();
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Puts the hunt into the summary of its run. A finding is a broken invariant: the run passes no more.
    pub fn add_to(self, summary: &mut Summary) {
        let finding = |finding: &FindingRow| {
            let (strategy, rule) = (&finding.strategy, finding.invariant.name());
            (Exit::Invariant, format!("{strategy} breaks {rule} under a schedule: {}", finding.replay))
        };
        let interrupted =
            self.interrupted.then(|| (Exit::Interrupted, "the hunt was interrupted".to_owned()));
        let failed = self.failed.map(|why| (Exit::Internal, format!("the hunt ended early: {why}")));
        let found = self.findings.iter().map(finding);
        let more: Vec<(Exit, String)> = interrupted.into_iter().chain(found).chain(failed).collect();
        if let Some((worst, _)) = more.first() {
            let known = Exit::from_code(summary.exit_code).unwrap_or(Exit::Pass);
            // The most important reason comes first.
            let at = if worst.rank() < known.rank() { 0 } else { summary.exit_reasons.len() };
            summary.exit_code = Exit::most_important(&[known, *worst]).code();
            summary.exit_reasons.splice(at..at, more.into_iter().map(|(_, text)| text));
        }
        summary.interrupted |= self.interrupted;
        (summary.findings, summary.explored) = (self.findings, self.explored);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::Invariant;

    fn finding() -> FindingRow {
        FindingRow {
            target: "mock".to_owned(),
            strategy: "semaphore".to_owned(),
            invariant: Invariant::BilledOnce,
            cause: String::new(),
            jobs: Vec::new(),
            jobs_needed: None,
            schedule: String::new(),
            size: [1, 0],
            reproduced: [5, 5],
            without: [0, 5],
            family: "pair".to_owned(),
            schedules_to_find: 1,
            replay: "deadheat replay f.toml".to_owned(),
            table: Vec::new(),
            moments: Vec::new(),
        }
    }

    fn judged(exit: Exit, reasons: &[&str]) -> Summary {
        let mut summary: Summary =
            serde_json::from_str(include_str!("../../reports/sample/summary.json")).expect("the sample");
        summary.exit_code = exit.code();
        summary.exit_reasons = reasons.iter().map(|text| (*text).to_owned()).collect();
        summary
    }

    #[test]
    fn the_most_important_reason_decides_and_comes_first() {
        let with = |exit, reasons: &[&str], interrupted| {
            let mut summary = judged(exit, reasons);
            Hunted { findings: vec![finding()], interrupted, ..Hunted::default() }.add_to(&mut summary);
            (summary.exit_code, summary.exit_reasons)
        };
        let found = "semaphore breaks billed-once under a schedule: deadheat replay f.toml";
        assert_eq!(with(Exit::Pass, &[], false), (6, vec![found.to_owned()]));
        assert_eq!(with(Exit::Threshold, &["slow"], false), (6, vec![found.to_owned(), "slow".to_owned()]));
        assert_eq!(with(Exit::Invariant, &["own"], false), (6, vec!["own".to_owned(), found.to_owned()]));
        let (code, reasons) = with(Exit::Threshold, &["slow"], true);
        assert_eq!((code, reasons.first().map(String::as_str)), (130, Some("the hunt was interrupted")));
        let mut clean = judged(Exit::Pass, &[]);
        Hunted::default().add_to(&mut clean);
        assert_eq!((clean.exit_code, clean.exit_reasons.len()), (0, 0));
    }
}
