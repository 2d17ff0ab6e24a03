//! The summary of an audit: there was no load to measure, only schedules and what became of the rules under
//! them.

use super::Hunted;
use crate::history::Meta;
use crate::plan::Plan;
use crate::summary::Exit;
use crate::summary::{ExploredRow, FindingRow, Host, Invariant, Summary, Verdict, VerdictRow, Witness};

/// What an audit came to.
#[derive(Debug)]
pub struct Audited<'a> {
    /// The plan by which runs were judged.
    pub plan: &'a Plan,
    /// When it began, how long it took, whether it was interrupted.
    pub meta: &'a Meta,
    /// The machine.
    pub host: Host,
    /// What was found.
    pub findings: Vec<FindingRow>,
    /// How far was looked.
    pub explored: ExploredRow,
}

/// Puts it into a summary, with a verdict for each rule over all runs.
#[must_use]
pub fn audited(audit: Audited<'_>) -> Summary {
    let Audited { plan, meta, host, findings, explored } = audit;
    let mut reasons: Vec<(Exit, String)> = Vec::new();
    if meta.interrupted {
        reasons.push((Exit::Interrupted, "the audit was interrupted".to_owned()));
    } else if let Some(why) = &explored.stopped {
        reasons.push((Exit::Unreachable, format!("the audit ended early: {why}")));
    }
    if explored.held.is_empty() && findings.is_empty() {
        reasons.push((Exit::NothingMeasured, "no rule could be judged in any run".to_owned()));
    }
    let exits: Vec<Exit> = reasons.iter().map(|(exit, _)| *exit).collect();
    let mut summary = super::assemble::empty(plan, meta, host);
    summary.exit_code = Exit::most_important(&exits).code();
    summary.exit_reasons = reasons.into_iter().map(|(_, text)| text).collect();
    summary.verdicts = verdicts(&findings, &explored);
    Hunted { findings, explored: vec![explored], ..Hunted::default() }.add_to(&mut summary);
    summary
}

/// What became of each rule over all runs.
fn verdicts(findings: &[FindingRow], explored: &ExploredRow) -> Vec<VerdictRow> {
    let row = |invariant: Invariant| {
        let finding = findings.iter().find(|finding| finding.invariant == invariant);
        let held = explored.held.contains(&invariant);
        let verdict = match (finding, held) {
            (Some(_), _) => Verdict::Broken,
            (None, true) => Verdict::Holds,
            (None, false) if explored.idle.contains(&invariant) => Verdict::NotApplicable,
            (None, false) => Verdict::Unknown,
        };
        let again = explored.again.get(invariant.name()).copied().unwrap_or(0);
        VerdictRow {
            target: explored.target.clone(),
            strategy: explored.strategy.clone(),
            invariant,
            verdict,
            relevant: if matches!(verdict, Verdict::Holds | Verdict::Broken) {
                explored.schedules
            } else {
                0
            },
            violations: finding.map_or(0, |_| again + 1),
            why: explored.unknown.get(invariant.name()).cloned(),
            witness: finding.map(|finding| Witness {
                jobs: finding.jobs.clone(),
                at_ns: 0,
                text: finding.cause.clone(),
            }),
        }
    };
    Invariant::ALL.into_iter().map(row).collect()
}
