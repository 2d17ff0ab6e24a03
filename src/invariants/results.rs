//! What the client holds for the results of its jobs, against what the jobs were given.

use super::tally::{Ruling, Tally, count, one, time};
use super::view::{CellView, JobView, is_whole};
use crate::history::{JobId, JobKey, JobRow, LedgerEnd, LedgerRow, Outcome};

/// Results taken for good answers, each beside its job's books.
fn claimed_ok<'a>(view: &CellView<'a>) -> impl Iterator<Item = (JobView<'a>, &'a JobRow)> {
    view.jobs().flat_map(|job| {
        let ok = job.results.iter().filter(|result| result.outcome == Outcome::Ok);
        ok.map(move |result| (job, result))
    })
}

fn no_results(with: &str) -> Ruling {
    Ruling::unknown(format!("the client claims no good answer{with} in this cell"))
}

/// The answer taken for a job's is one that the job, or another of its question, was given. A result without
/// an answer's id claims none and is not judged.
pub(super) fn answer_matches_job(view: &CellView<'_>) -> Ruling {
    let mut tally = Tally::new();
    for (job, result) in claimed_ok(view) {
        let Some(number) = result.answer else { continue };
        tally.relevant += 1;
        if job.answer(number).is_none() {
            tally.violation(result.done_ns, (job.id, number));
        }
    }
    let words = |(job, number): (JobId, u64)| {
        let whose = owner(view, number);
        let text = match &whose {
            Some(other) => format!("{job} took answer R-{number:016x}, which was given to {other}"),
            None => format!("{job} took answer R-{number:016x}, which {} has for no job", view.books),
        };
        ([Some(JobKey::Own(job)), whose].into_iter().flatten().collect(), text)
    };
    tally.ruling(words, || no_results(" by its id"))
}

/// Whose answer it is, in any cell.
fn owner(view: &CellView<'_>, number: u64) -> Option<JobKey> {
    let rows = view.ledger.iter().chain(&view.evidence.ledger);
    rows.into_iter().find(|row| row.answer == Some(number)).map(|row| row.job.clone())
}

/// What was wrong with the number of a job's results.
enum Miscount {
    /// This job, this many, last at this time.
    Several(JobId, usize, u64),
    /// Tried, but never brought to an end.
    None(JobId),
    /// Issued and without a result: how many, and the first if its number can be told.
    Vanished(u64, Option<JobId>),
    /// More jobs have a result than were issued.
    Surplus(u64, u64),
}

/// Each job that was issued has exactly one result.
pub(super) fn one_result_per_job(view: &CellView<'_>) -> Ruling {
    let mut tally = Tally::new();
    for job in view.jobs() {
        tally.relevant += 1;
        match job.results {
            [] => tally.violation(last_done_ns(&job), Miscount::None(job.id)),
            [_] => {}
            [_, second, ..] => {
                let last_ns = job.results.last().map_or(0, |row| row.done_ns);
                tally.violation(second.done_ns, Miscount::Several(job.id, job.results.len(), last_ns));
            }
        }
    }
    let (seen, last_ns) = (tally.relevant, view.last_ns());
    let (vanished, first) = view.vanished();
    tally.relevant += vanished;
    if vanished > 0 {
        tally.violation(last_ns, Miscount::Vanished(vanished, first));
        tally.violations += vanished - 1;
    }
    if let Some(end) = view.end.filter(|end| seen > end.issued) {
        tally.violation(last_ns, Miscount::Surplus(seen, end.issued));
    }
    if tally.violations == 0 && view.end.is_none() {
        return Ruling::unknown("the history does not say how many jobs were issued");
    }
    tally.ruling(miscount_words, || match view.end {
        Some(end) if end.planned > 0 => Ruling::unknown("no job was issued"),
        _ => Ruling::not_applicable("no job was planned"),
    })
}

fn last_done_ns(job: &JobView<'_>) -> u64 {
    let attempts = job.attempts.iter().map(|row| row.done_ns);
    attempts.chain(job.ledger.iter().map(|row| row.ended_ns)).max().unwrap_or(0)
}

fn miscount_words(what: Miscount) -> (Vec<JobKey>, String) {
    match what {
        Miscount::Several(job, n, last_ns) => {
            (one(job), format!("{job} has {n} results, the last at {}; it should have one", time(last_ns)))
        }
        Miscount::None(job) => (one(job), format!("{job} was tried, but has no result; it should have one")),
        Miscount::Vanished(n, first) => {
            let named = first.map(|job| format!(", first {job}")).unwrap_or_default();
            let lost = count(n, "job");
            let text =
                format!("{lost} that had been issued left no trace{named}; each should have one result");
            (first.map(JobKey::Own).into_iter().collect(), text)
        }
        Miscount::Surplus(seen, issued) => {
            (Vec::new(), format!("{} left traces, but only {issued} had been issued", count(seen, "job")))
        }
    }
}

/// The text taken for a job's answer is, byte for byte, what was handed over for that answer. A result
/// without a text, or with another job's answer, is not judged here.
pub(super) fn content_intact(view: &CellView<'_>) -> Ruling {
    let mut tally = Tally::new();
    for (job, result) in claimed_ok(view) {
        let Some(claimed) = result.text_hash else { continue };
        let Some(row) = result.answer.and_then(|number| job.answer(number)) else { continue };
        tally.relevant += 1;
        if row.text_hash != Some(claimed) {
            tally.violation(result.done_ns, (job.id, claimed, row));
        }
    }
    let words = |(job, claimed, row): (JobId, u64, &LedgerRow)| {
        let tokens = count(row.delivered_tokens, "token");
        let given = match row.text_hash {
            Some(hash) => format!("the {tokens} handed over for attempt {} have {hash:016x}", row.attempt),
            None => format!("nothing was handed over for attempt {}", row.attempt),
        };
        (one(job), format!("{job} holds a text with digest {claimed:016x}, but {given}"))
    };
    tally.ruling(words, || no_results(" with its text and its own job's id"))
}

/// A result taken for good rests on an answer that was handed over whole with a 2xx status. Where it took
/// another job's answer, any whole answer of its own will do: the mix-up is another rule's finding.
pub(super) fn status_honest(view: &CellView<'_>) -> Ruling {
    let mut tally = Tally::new();
    for (job, result) in claimed_ok(view) {
        tally.relevant += 1;
        let row = result.answer.and_then(|number| job.answer(number));
        let honest = row.map_or_else(|| job.question.iter().any(is_whole), is_whole);
        if !honest {
            tally.violation(result.done_ns, (job, row));
        }
    }
    let words = |(job, row): (JobView<'_>, Option<&LedgerRow>)| {
        let id = job.id;
        let text = match row.or(job.ledger.last()).or(job.question.last()) {
            Some(row) => format!(
                "{id} is claimed as ok, but attempt {} {} after {}; it should be claimed as failed or \
                 unknown",
                row.attempt,
                ending(row),
                count(row.delivered_tokens, "token"),
            ),
            None => format!("{id} is claimed as ok, but {} holds no attempt of it", view.books),
        };
        (one(id), text)
    };
    tally.ruling(words, || no_results(""))
}

/// How an attempt ended, as the end of a sentence that begins with it.
fn ending(row: &LedgerRow) -> String {
    let status = row.status.map_or_else(|| "no status".to_owned(), |status| format!("status {status}"));
    let how = match row.end {
        LedgerEnd::Whole => "was answered whole",
        LedgerEnd::Refused => "was refused",
        LedgerEnd::Cut => "was cut short",
        LedgerEnd::Reset => "was reset",
        LedgerEnd::ClientClosed => "was closed by the client",
        LedgerEnd::Open => "was still open at the end",
    };
    format!("{how} with {status}")
}
