//! What became of a program's jobs: `every-job-answered`, `one-result-per-job`, and `status-honest` where
//! output was scanned.

use super::no_results;
use crate::history::{JobId, JobKey, JobRow, Outcome, ProgramRun, ProgramRunEnd, ResultSource};
use crate::invariants::tally::{Ruling, Tally, count, one, time};
use crate::invariants::view::{CellView, JobView, is_whole};

/// What is wrong with a job.
enum LostJob<'a> {
    /// Nothing came at all, or only to these paths.
    Silent(&'a [String]),
    /// Asked, and neither answered nor disturbed nor given up.
    Dropped(JobView<'a>),
    /// Done by the undisturbed program, and not even asked this time.
    Forgotten(JobId),
}

/// Every job that the undisturbed program does has a whole answer, or was given up by a claim, or was itself
/// held, refused or struck. What happens to one job is no excuse for another. A program that sends nothing
/// breaks it.
pub(super) fn every_job_answered(view: &CellView<'_>, conduct: &ProgramRun) -> Ruling {
    let mut tally = Tally::new();
    if view.ledger.is_empty() {
        tally.relevant = (conduct.planned.len() as u64).max(1);
        tally.violation(conduct.ended_ns, LostJob::Silent(&conduct.unserved));
        return tally.ruling(words, || Ruling::unknown("nothing was seen"));
    }
    if !conduct.ended_itself() {
        return Ruling::unknown(
            "the program did not end by itself: what it would still have done is not known",
        );
    }
    let mut missing = conduct.planned.clone();
    for job in view.jobs() {
        if job.ledger.is_empty() {
            continue;
        }
        missing.remove(&job.id);
        tally.relevant += 1;
        let excused =
            job.ledger.iter().any(is_whole) || conduct.disturbed.contains(&job.id) || gave_up(job.results);
        if !excused {
            let last_ns = job.ledger.iter().map(|row| row.ended_ns).max().unwrap_or(0);
            tally.violation(last_ns, LostJob::Dropped(job));
        }
    }
    let excused = stopped_for_good(view, conduct) || view.plan.budget.is_some();
    for job in missing {
        tally.relevant += 1;
        let said = view.results.iter().any(|row| row.job == job && row.outcome != Outcome::Ok);
        if !excused && !said {
            tally.violation(conduct.ended_ns, LostJob::Forgotten(job));
        }
    }
    if tally.violations == 0 && !matches!(conduct.calm_end, ProgramRunEnd::Well) {
        return Ruling::unknown(
            "the program fails even when it is not disturbed: what else it would have asked is not known",
        );
    }
    tally.ruling(words, || Ruling::unknown("nothing was seen"))
}

fn gave_up(results: &[JobRow]) -> bool {
    results.iter().any(|row| row.outcome != Outcome::Ok)
}

/// Whether a program that says so has stopped because nothing more could have been answered.
fn stopped_for_good(view: &CellView<'_>, conduct: &ProgramRun) -> bool {
    let for_good = |status: Option<u16>| matches!(status, Some(401 | 403 | 404 | 429));
    conduct.admits() && view.ledger.iter().any(|row| row.permanent && for_good(row.status))
}

fn words(lapse: LostJob<'_>) -> (Vec<JobKey>, String) {
    match lapse {
        LostJob::Silent(paths) if !paths.is_empty() => (
            Vec::new(),
            format!(
                "no request came to a path that this provider serves: the program asked for {}",
                paths.join(", ")
            ),
        ),
        LostJob::Silent(_) => (
            Vec::new(),
            "the program sent nothing. Does it read OPENAI_BASE_URL, or DEADHEAT_BASE_URL? Perhaps its code \
             names \
             another address, reads it from a file of its own, or it ended before its first request"
                .to_owned(),
        ),
        LostJob::Dropped(job) => {
            let made = count(job.ledger.len() as u64, "attempt");
            let text = format!(
                "{} was left without an answer after {made}, though nothing had been done to it: the \
                 program ended \
                 with it in flight, or gave it up because of another",
                job.id
            );
            (one(job.id), text)
        }
        LostJob::Forgotten(job) => {
            let text = format!(
                "{job} was never asked, though the undisturbed program asks it; what happened to other jobs \
                 should not have cost it"
            );
            (one(job), text)
        }
    }
}

/// Each job that was answered has exactly one result; one that was not has one at the most.
pub(super) fn one_result_per_job(view: &CellView<'_>, conduct: &ProgramRun) -> Ruling {
    if conduct.results == ResultSource::None && !conduct.shows_all {
        return no_results();
    }
    let mut tally = Tally::new();
    for job in view.jobs() {
        // A scan of the output cannot tell a result from a mention of a job that has none.
        if job.ledger.is_empty() {
            continue;
        }
        let answered_ns = job.ledger.iter().filter(|row| is_whole(row)).map(|row| row.ended_ns).min();
        // A program may show what it has of an answer while it comes.
        let counts = |result: &&JobRow| {
            conduct.results != ResultSource::Output
                || result.answer.and_then(|number| job.answer(number)).is_none_or(is_whole)
        };
        let results = job.results.iter().filter(counts).count();
        tally.relevant += u64::from(answered_ns.is_some() || results > 0);
        // A program that was killed may have printed a result that it had not kept yet.
        if results > 1 && conduct.killed_ns.is_none() {
            tally.violation(job.results[job.results.len() - 1].done_ns, (job, results));
        } else if let (0, Some(at_ns)) = (results, answered_ns)
            && conduct.shows_all
            && conduct.ended_itself()
        {
            tally.violation(at_ns, (job, 0));
        }
    }
    let words = |(job, results): (JobView<'_>, usize)| {
        let id = job.id;
        let text = match results {
            0 => format!("{id} was answered, but the program has no result for it; it should have one"),
            n => format!("the program has {n} results for {id}; it should have one"),
        };
        (one(id), text)
    };
    tally.ruling(words, no_results)
}

/// An answer that was cut short is not shown as if it were whole: without a whole one beside it, without an
/// error that names the job, by a program that ends well.
pub(super) fn shown_honestly(view: &CellView<'_>, conduct: &ProgramRun) -> Ruling {
    let mut tally = Tally::new();
    for job in view.jobs() {
        let shown = |result: &JobRow| result.answer.and_then(|number| job.answer(number));
        let (mut cut, mut whole) = (None, false);
        for row in job.results.iter().filter_map(shown) {
            tally.relevant += 1;
            whole |= is_whole(row);
            cut = cut.or(Some(row).filter(|row| !is_whole(row)));
        }
        if let Some(row) = cut.filter(|_| !whole && !conduct.admits() && conduct.failed.unwrap_or(0) == 0) {
            tally.violation(row.ended_ns, (job, row));
        }
    }
    let words = |(job, row): (JobView<'_>, &crate::history::LedgerRow)| {
        let text = format!(
            "the answer that the program shows for {} was cut short after {} at {}, and nothing says so; it \
             should be \
             told from a whole one",
            job.id,
            count(row.delivered_tokens, "token"),
            time(row.ended_ns),
        );
        (one(job.id), text)
    };
    tally.ruling(words, no_results)
}
