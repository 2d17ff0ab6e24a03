//! Runs a finding's schedule again: is the bug still there?

use super::finding::Finding;
use super::subject::Subject;
use crate::summary::Verdict;

/// What became of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// The rule broke, in so many of so many runs, and what was seen.
    Still {
        /// How often it broke.
        times: u32,
        /// Of how many runs.
        runs: u32,
        /// What the witness of the last one says.
        seen: String,
    },
    /// The schedule happened as it asks, and the rule did not break.
    Mended {
        /// In how many runs.
        runs: u32,
    },
    /// The rule did not break, but the schedule did not happen either, or could not be judged.
    Unreproduced {
        /// In what the run differs.
        why: String,
    },
}

/// Runs the finding's schedule `runs` times, at least once.
///
/// # Errors
/// What kept a run from happening.
pub fn replay(subject: &mut dyn Subject, finding: &Finding, runs: u32) -> Result<Replayed, String> {
    let runs = runs.max(1);
    let mut times = 0;
    let mut seen = None;
    let mut why = None;
    for _ in 0..runs {
        let trial = subject.run(&finding.schedule, finding.jobs)?;
        let row = trial.row(finding.invariant);
        match row.map(|row| row.verdict) {
            Some(Verdict::Broken) => {
                times += 1;
                seen = Some(super::cause::witness(&trial, finding.invariant));
                continue;
            }
            Some(Verdict::Holds) if row.is_some_and(|row| row.relevant > 0) => {}
            // A rule that nothing was asked of did not hold: it was not looked at.
            Some(Verdict::Holds | Verdict::NotApplicable) => {
                let why_not = "saw nothing in the run that it speaks of";
                why = why.or(Some(format!("{} {why_not}", finding.invariant.name())));
            }
            Some(Verdict::Unknown) => {
                let reason = row.and_then(|row| row.why.clone()).unwrap_or_default();
                why = why.or(Some(format!("{} could not be judged: {reason}", finding.invariant.name())));
            }
            None => why = why.or(Some(format!("{} was not judged", finding.invariant.name()))),
        }
        why = trial.diverged().or(why);
    }
    Ok(match (seen, why) {
        (Some(seen), _) => Replayed::Still { times, runs, seen },
        (None, Some(why)) => Replayed::Unreproduced { why },
        (None, None) if runs < finding.runs_needed() => {
            let ([times, of], needed) = (finding.reproduced, finding.runs_needed());
            let why = format!(
                "it broke in {times} of {of} runs when it was found, so {runs} without it prove nothing: \
                 {needed} would"
            );
            Replayed::Unreproduced { why }
        }
        (None, None) => Replayed::Mended { runs },
    })
}
