//! What a reader of an audit has to know beside its verdicts: what was asked for and never came about, how the program
//! itself does, and what no schedule could reach.

use crate::explore::Finding;
use crate::history::ConductEnd;
use crate::program::{Place, ProgramSubject, Secrets, Seen, Settings, perturb_in_vain, perturb_unknown};
use crate::summary::{ExploredRow, Invariant, ProgramRow};
use std::path::Path;
use std::time::Duration;

/// Last lines of a failing program's standard error that are shown.
const WORDS: usize = 3;

/// Whether a finding rests on lines of the output alone, and could not be shown again: whoever prints from several threads
/// may tear a line.
pub(super) fn doubtful(finding: &Finding, seen: &Seen) -> bool {
    let shown = match finding.invariant {
        Invariant::ExitHonest => true,
        Invariant::AnswerMatchesJob | Invariant::OneResultPerJob | Invariant::StatusHonest => seen.scanned,
        _ => false,
    };
    shown && finding.reproduced[0] == 0 && finding.without[0] == 0
}

/// What was seen that no rule speaks of, a sentence each. `words` are the program's, if nobody said how to perturb it.
pub(super) fn notes(seen: &Seen, words: Option<&[String]>) -> Vec<String> {
    let mut notes: Vec<String> = words.and_then(perturb_unknown).into_iter().collect();
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
    notes
}

/// The program over all its runs, with what makes its verdicts worth less.
pub(super) fn program(
    subject: &ProgramSubject,
    explored: &ExploredRow,
    first_after: Option<Duration>,
) -> ProgramRow {
    let seen = subject.seen();
    let mut took = seen.took.clone();
    took.sort_unstable();
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let secrets = Secrets::ours();
    ProgramRow {
        command: subject.settings().command.words.iter().map(|word| secrets.hide(word)).collect(),
        ends: seen.ends.clone(),
        run_p50_ms: took.get(took.len() / 2).copied().map_or(0, ms),
        first_finding_ms: first_after.map(ms),
        warnings: warnings(subject.settings(), seen, explored)
            .iter()
            .map(|text| secrets.hide(text))
            .collect(),
    }
}

fn warnings(settings: &Settings, seen: &Seen, explored: &ExploredRow) -> Vec<String> {
    let mut warnings = Vec::new();
    let failed = match seen.calm_end {
        ConductEnd::Code(code) => Some(format!("exit {code}")),
        ConductEnd::Signal(signal) => Some(format!("signal {signal}")),
        _ => None,
    };
    if let Some(failed) = failed {
        let words = last_lines(&seen.calm_error, WORDS);
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        warnings.push(format!("the program fails even when nobody disturbs it ({failed}){words}"));
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
    for (flag, _) in
        flags.iter().zip(given.iter().zip(&seen.matched)).filter(|(_, (given, seen))| **given && !**seen)
    {
        warnings.push(format!("{flag} matched no line of any run's output"));
    }
    if settings.job_key.is_some() && seen.requests > 0 && seen.unnamed == seen.requests {
        warnings.push("--job-key matched no request's body".to_owned());
    }
    let strange = explored.unstable.len() as u64;
    if strange > explored.requests && seen.stopped == 0 {
        warnings.push(format!(
            "{strange} requests do not come back under the same name in the next run, and no schedule can speak of them: \
             give each job a tag [job:…] in its prompt, or say --job-key REGEX"
        ));
    }
    warnings.extend(elsewhere(settings));
    warnings
}

/// A word that names a file from here, given to a program that stands elsewhere.
fn elsewhere(settings: &Settings) -> Option<String> {
    let place = match &settings.place {
        Place::Here => return None,
        Place::Dir(dir) => Some(dir),
        Place::Fresh => None,
    };
    let missing = |word: &&String| {
        let path = Path::new(word.as_str());
        path.is_relative() && path.is_file() && place.is_none_or(|dir| !dir.join(path).exists())
    };
    let word = settings.command.words.iter().skip(1).find(missing)?;
    Some(format!("{word} is a file here, but the program stands elsewhere (--workdir): write its whole path"))
}

/// The last lines that say something, in one.
pub(super) fn last_lines(text: &str, most: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(most)..].join(" / ")
}
