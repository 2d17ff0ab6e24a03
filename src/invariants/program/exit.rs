//! `exit-honest`: a reader of the program's output and exit code learns of every job that it could not do.

use crate::history::{JobKey, Outcome, ProgramRun};
use crate::invariants::retries::nothing_seen;
use crate::invariants::tally::{Ruling, Tally, count, one};
use crate::invariants::view::{CellView, JobView, is_whole};

/// Every job that was asked and ended unanswered is admitted: by a claim that is not ok, by its tag in the
/// output, by a count of failures that is large enough, or by an exit code that is not 0.
pub(super) fn exit_honest(view: &CellView<'_>, conduct: &ProgramRun) -> Ruling {
    if view.ledger.is_empty() {
        return nothing_seen(view);
    }
    if !conduct.ended_itself() {
        return Ruling::unknown("the program did not end by itself, so it has no exit code of its own");
    }
    let asked = || view.jobs().filter(|job| !job.ledger.is_empty());
    let unanswered = || asked().filter(|job| !job.ledger.iter().any(is_whole));
    let (open, mut tally) = (unanswered().count() as u64, Tally::new());
    if open == 0 {
        return Ruling::not_applicable("every job was answered");
    }
    tally.relevant = open;
    if conduct.admits() || conduct.failed.is_some_and(|failed| failed >= open) {
        return tally.ruling(|()| (Vec::new(), String::new()), || nothing_seen(view));
    }
    let admitted = |job: &JobView<'_>| {
        conduct.named.contains(&job.id) || job.results.iter().any(|row| row.outcome != Outcome::Ok)
    };
    // A line of output can name a job that has a tag; of another only a count can tell.
    let nameless =
        |job: &JobView<'_>| matches!(conduct.names.get(&job.id), Some(JobKey::Key(_) | JobKey::Body(_)));
    let silent = |job: &JobView<'_>| !admitted(job) && (conduct.failed.is_some() || !nameless(job));
    let mut tally = Tally::new();
    tally.relevant = open;
    if !unanswered().any(|job| silent(&job)) && unanswered().any(|job| !admitted(&job)) {
        return Ruling::unknown(
            "jobs without a tag were not answered, and no line of output could name them: say \
             --claim-failed REGEX, or \
             keep each job's [job:…] in its prompt and in what is printed",
        );
    }
    for job in unanswered().filter(silent) {
        let last_ns = job.ledger.iter().map(|row| row.ended_ns).max().unwrap_or(0);
        tally.violation(last_ns, job);
    }
    let words = |job: JobView<'_>| {
        let made = count(job.ledger.len() as u64, "attempt");
        let failed = match conduct.failed {
            Some(failed) => format!("it claims {}", count(failed, "failure")),
            None => "no line of its output names it".to_owned(),
        };
        let text = format!(
            "{} was not answered in {made}, but the program ended with code 0 and {failed}; it should say so",
            job.id
        );
        (one(job.id), text)
    };
    tally.ruling(words, || nothing_seen(view))
}
