//! What a reader of an audit has to know beside its verdicts: how the program itself behaves, which options
//! had no effect, and which findings rest on output that may be torn.

use super::perturb::{perturb_in_vain, perturb_unknown};
use super::settings::{Settings, WorkDir};
use super::subject::{Observations, ProgramSubject};
use crate::explore::Finding;
use crate::history::ProgramRunEnd;
use crate::summary::{ExploredRow, Invariant, ProgramRow};
use std::path::Path;
use std::time::Duration;

/// Last lines of a failing program's standard error that are shown.
const ERROR_LINES: usize = 3;

/// Whether a finding rests on lines of the output alone and could not be reproduced: a program that prints
/// from several threads may tear its lines.
#[must_use]
pub fn is_doubtful(finding: &Finding, seen: &Observations) -> bool {
    let from_output = match finding.invariant {
        Invariant::ExitHonest => true,
        Invariant::AnswerMatchesJob | Invariant::OneResultPerJob | Invariant::StatusHonest => seen.scanned,
        _ => false,
    };
    from_output && finding.reproduced[0] == 0 && finding.without[0] == 0
}

/// What was seen that no rule judges, a sentence each. `unsteered` are the program's words if `--perturb` was
/// not given.
#[must_use]
pub fn not_covered(seen: &Observations, unsteered: Option<&[String]>, doubtful: &[Finding]) -> Vec<String> {
    let mut notes: Vec<String> = unsteered.and_then(perturb_unknown).into_iter().collect();
    if seen.unread_runs > 0 {
        let (most, runs) = (seen.unread, seen.unread_runs);
        notes.push(format!("claims that could not be read: {most} in one run at the most, in {runs} runs"));
    }
    if seen.orphans > 0 {
        notes.push(format!(
            "what processes do that outlive the program: they were ended after {} runs",
            seen.orphans
        ));
    }
    notes.extend(perturb_in_vain(seen.perturbed[0], seen.perturbed[1], seen.unpaused));
    notes.extend(doubtful.iter().map(|finding| {
        let (rule, cause) = (finding.invariant.name(), &finding.cause);
        format!(
            "what the output showed once and never again, as threads that print at once may: {rule}, {cause}"
        )
    }));
    notes
}

/// The program over all its runs, with the warnings that weaken its verdicts.
#[must_use]
pub fn program_row(
    subject: &ProgramSubject,
    explored: &ExploredRow,
    first_after: Option<Duration>,
) -> ProgramRow {
    let seen = subject.seen();
    let mut took = seen.took.clone();
    took.sort_unstable();
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    ProgramRow {
        command: subject.settings().command.words.clone(),
        ends: seen.ends.clone(),
        run_p50_ms: took.get(took.len() / 2).copied().map_or(0, ms),
        first_finding_ms: first_after.map(ms),
        warnings: warnings(subject.settings(), seen, explored),
    }
}

fn warnings(settings: &Settings, seen: &Observations, explored: &ExploredRow) -> Vec<String> {
    let mut warnings = Vec::new();
    let failed = match seen.calm_end {
        ProgramRunEnd::Code(code) => Some(format!("exit {code}")),
        ProgramRunEnd::Signal(signal) => Some(format!("signal {signal}")),
        _ => None,
    };
    if let Some(failed) = failed {
        let lines = last_lines(&seen.calm_error, ERROR_LINES).join(" / ");
        let lines = if lines.is_empty() { String::new() } else { format!(": {lines}") };
        warnings.push(format!("the program fails even when it is not disturbed ({failed}){lines}"));
    }
    if !seen.unserved.is_empty() {
        let paths: Vec<&str> = seen.unserved.iter().map(String::as_str).collect();
        warnings.push(format!(
            "requests to paths that this provider does not serve were refused with 404: {}",
            paths.join(", ")
        ));
    }
    let patterns = &settings.patterns;
    let given = [&patterns.total, &patterns.requests, &patterns.failed].map(Option::is_some);
    let flags = ["--claim-total", "--claim-requests", "--claim-failed"];
    for (flag, (given, matched)) in flags.iter().zip(given.into_iter().zip(seen.matched)) {
        if given && !matched {
            warnings.push(format!("{flag} matched no line of any run's output"));
        }
    }
    if settings.job_key.is_some() && seen.requests > 0 && seen.unnamed == seen.requests {
        warnings.push("--job-key matched no request's body".to_owned());
    }
    let strange = explored.unstable.len() as u64;
    if strange > explored.requests && seen.stopped == 0 {
        warnings.push(format!(
            "{strange} requests do not come back under the same name in the next run, and no schedule can \
             speak of them: \
             give each job a tag [job:…] in its prompt, or say --job-key REGEX"
        ));
    }
    warnings.extend(missing_file(settings));
    warnings
}

/// A warning for an argument that names a file in the current folder, while the program runs in another one.
fn missing_file(settings: &Settings) -> Option<String> {
    let dir = match &settings.place {
        WorkDir::Here => return None,
        WorkDir::Dir(dir) => Some(dir),
        WorkDir::Fresh => None,
    };
    let missing = |word: &&String| {
        let path = Path::new(word.as_str());
        path.is_relative() && path.is_file() && dir.is_none_or(|dir| !dir.join(path).exists())
    };
    let word = settings.command.words.iter().skip(1).find(missing)?;
    Some(format!("{word} is a file here, but the program stands elsewhere (--workdir): write its whole path"))
}

/// The last `most` lines of a text that are not blank.
#[must_use]
pub fn last_lines(text: &str, most: usize) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(most)..].to_vec()
}
