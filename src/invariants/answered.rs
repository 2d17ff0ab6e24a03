//! `every-job-answered`: nothing planned is lost, and giving up is honest.

use super::tally::{Ruling, Tally, count, one, time};
use super::view::{CellView, JobView, is_whole};
use crate::history::{AttemptRow, CellEnd, ErrorClass, JobEnd, JobId, JobRow, NotIssued, Outcome};
use crate::strategy::{Backoff, REDIS_PATIENCE};
use std::time::Duration;

/// The least wait before a lost lock is asked for again.
const LOST_LOCK: Duration = Duration::from_millis(10);

/// What was wrong with a job that was not answered.
enum Unanswered<'a> {
    /// Issued, but no book mentions it; its number where that is known.
    Vanished(u64, Option<JobId>),
    /// Tried, and without an end.
    Abandoned(JobView<'a>),
    /// Ended for a reason that the evidence does not bear out.
    Dishonest(JobView<'a>, &'a JobRow),
}

/// Every job that was issued has a whole 2xx answer, or was given up for a reason that the evidence bears out
/// (for it, or for another job of a question that shares one answer): all attempts used, an answer that
/// forbids or does not earn a retry, a deadline, a budget, a stop. Whether a run was stopped for good reason
/// is not judged. A cell that sends nothing is broken.
pub(super) fn every_job_answered(view: &CellView<'_>) -> Ruling {
    if view.ledger.is_empty()
        && view.attempts.is_empty()
        && let Some(ruling) = view.end.and_then(sent_nothing)
    {
        return ruling;
    }
    let mut tally = Tally::new();
    let last_ns = view.last_ns();
    for question in view.questions() {
        for job in question.clone() {
            tally.relevant += 1;
            if answered(&job) {
                continue;
            }
            let borne_out = |result: &JobRow| question.clone().any(|fellow| honest(view, &fellow, result));
            match job.results.iter().find(|result| !borne_out(result)) {
                Some(result) => tally.violation(result.done_ns, Unanswered::Dishonest(job, result)),
                None if job.results.is_empty() => {
                    tally.violation(last_seen_ns(&job), Unanswered::Abandoned(job))
                }
                None => {}
            }
        }
    }
    let (vanished, first) = view.vanished();
    tally.relevant += vanished;
    if vanished > 0 {
        tally.violation(last_ns, Unanswered::Vanished(vanished, first));
        tally.violations += vanished - 1;
    }
    if tally.violations == 0 && view.end.is_none() {
        return Ruling::unknown("the history does not say how many jobs the cell was to do");
    }
    tally.ruling(|lapse| words(view, lapse), || Ruling::not_applicable("no job was planned"))
}

/// Whether the job has a whole answer: one of its own, or one to its question that it took.
fn answered(job: &JobView<'_>) -> bool {
    let took = || job.results.iter().any(|result| result.outcome == Outcome::Ok);
    job.ledger.iter().any(is_whole) || (took() && job.question.iter().any(is_whole))
}

/// The ruling on a cell that made no attempt.
fn sent_nothing(end: &CellEnd) -> Option<Ruling> {
    if end.planned == 0 {
        return None;
    }
    let not_begun = [NotIssued::Interrupted, NotIssued::OverBudget, NotIssued::TimeUp];
    let held_back: u64 = not_begun.iter().filter_map(|reason| end.not_issued.get(reason)).sum();
    if end.issued == 0 && held_back == end.planned {
        return Some(Ruling::unknown("the run was over before the cell's first job"));
    }
    let mut tally = Tally::new();
    tally.relevant = end.planned;
    tally.violation(end.elapsed_ns, ());
    tally.violations = end.planned;
    let planned = count(end.planned, "job");
    let words = |()| (Vec::new(), format!("not one attempt was made, though {planned} were planned"));
    Some(tally.ruling(words, || Ruling::not_applicable("no job was planned")))
}

/// Whether an unanswered job was given up for the reason that its result names.
fn honest(view: &CellView<'_>, job: &JobView<'_>, result: &JobRow) -> bool {
    if result.outcome == Outcome::Ok {
        return false;
    }
    let retry = &view.plan.retry;
    let made = job.ledger.len().max(job.attempts.len()) as u64;
    let refused = || job.ledger.iter().any(|row| row.permanent);
    match result.end {
        JobEnd::Answered => false,
        JobEnd::Exhausted => {
            made >= u64::from(retry.max_attempts)
                || out_of_time(view, job, result)
                || without_redis(view, job, result)
                || refused()
                || !last_earns_retry(view, job)
        }
        JobEnd::Permanent => refused() || !last_earns_retry(view, job),
        JobEnd::Cancelled => true,
        JobEnd::OverBudget => view.plan.budget.is_some() || view.strategy.max_tokens().is_some(),
        JobEnd::RetryBudget => retry.budget.is_some(),
    }
}

/// Whether the longest wait that could have come before a further attempt leads past the retry deadline.
fn out_of_time(view: &CellView<'_>, job: &JobView<'_>, result: &JobRow) -> bool {
    let retry = &view.plan.retry;
    let (Some(deadline), Some(last)) = (retry.deadline, job.attempts.last()) else { return false };
    let backoff = match retry.backoff {
        Backoff::None => Duration::ZERO,
        Backoff::Fixed { wait, .. } => wait,
        Backoff::Exponential { base, cap, .. } => cap.max(base),
    };
    let asked = Duration::from_millis(last.retry_after_ms.unwrap_or(0));
    let since_due = |at_ns: u64| Duration::from_nanos(at_ns.saturating_sub(result.due_ns));
    // What holds an attempt later on than right after the last one: an open breaker, a lock that is lost.
    let open_for = retry.breaker.map(|breaker| breaker.open_for);
    let lost = view.strategy.redis().map(|_| backoff.max(LOST_LOCK));
    since_due(last.done_ns) + backoff.max(asked) >= deadline
        || open_for.max(lost).is_some_and(|held| since_due(result.done_ns) + held >= deadline)
}

/// Whether the job can have waited for a Redis that was not there until its patience was over.
fn without_redis(view: &CellView<'_>, job: &JobView<'_>, result: &JobRow) -> bool {
    let since_last = |last: &AttemptRow| Duration::from_nanos(result.done_ns.saturating_sub(last.done_ns));
    let waited = job.attempts.last().is_some_and(|last| since_last(last) >= REDIS_PATIENCE);
    waited && view.strategy.redis().is_some()
}

/// Whether the last attempt, and each that was still open when it began, ended in a way that earns a retry.
fn last_earns_retry(view: &CellView<'_>, job: &JobView<'_>) -> bool {
    let Some(last) = job.attempts.last() else { return false };
    let begun_ns = last.sent_ns.unwrap_or(last.due_ns);
    job.attempts.iter().filter(|row| row.done_ns >= begun_ns).all(|row| earns_retry(view, row))
}

/// Whether the scenario's policy clearly repeats an attempt that ended like this. Errors inside a 200 are
/// left to the policy.
fn earns_retry(view: &CellView<'_>, last: &AttemptRow) -> bool {
    use ErrorClass as E;
    match last.error {
        Some(E::ClientError | E::RateLimited | E::ServerError) => {
            last.status.is_some_and(|status| view.plan.retry.statuses.contains(&status))
        }
        Some(
            E::Dns
            | E::Connect
            | E::Tls
            | E::TimeoutConnect
            | E::TimeoutFirstByte
            | E::TimeoutIdle
            | E::TimeoutTotal
            | E::Reset
            | E::CutStream,
        ) => view.plan.retry.transport,
        _ => false,
    }
}

fn last_seen_ns(job: &JobView<'_>) -> u64 {
    let attempts = job.attempts.iter().map(|row| row.done_ns);
    attempts.chain(job.ledger.iter().map(|row| row.ended_ns)).max().unwrap_or(0)
}

fn words(view: &CellView<'_>, lapse: Unanswered<'_>) -> (Vec<crate::history::JobKey>, String) {
    match lapse {
        Unanswered::Vanished(n, None) => {
            let lost = count(n, "job");
            (Vec::new(), format!("{lost} that had been issued left neither an attempt nor a result"))
        }
        Unanswered::Vanished(n, Some(job)) => {
            let more = if n > 1 { format!(" ({} like it)", n - 1) } else { String::new() };
            let text = format!(
                "{job} was issued, but left neither an attempt nor a result{more}; it should have been \
                 answered"
            );
            (one(job), text)
        }
        Unanswered::Abandoned(job) => {
            let made = count(job.ledger.len().max(job.attempts.len()) as u64, "attempt");
            let seen = time(last_seen_ns(&job));
            (
                one(job.id),
                format!("{} was not answered in {made}, last seen at {seen}, and never given up", job.id),
            )
        }
        Unanswered::Dishonest(job, result) => (one(job.id), dishonest_words(view, &job, result)),
    }
}

fn dishonest_words(view: &CellView<'_>, job: &JobView<'_>, result: &JobRow) -> String {
    let made = count(job.ledger.len().max(job.attempts.len()) as u64, "attempt");
    let (id, books) = (job.id, view.books);
    match result.end {
        JobEnd::Exhausted => {
            let most = view.plan.retry.max_attempts;
            format!(
                "{id} was given up as exhausted after {made}, though {most} are allowed and its last error \
                 is one to retry"
            )
        }
        JobEnd::Permanent => {
            format!("{id} was given up as refused for good after {made}, but no answer to it forbade a retry")
        }
        JobEnd::OverBudget => format!("{id} was given up for the budget after {made}, but no budget is set"),
        JobEnd::RetryBudget => {
            format!("{id} was given up for the retry budget after {made}, but no retry budget is set")
        }
        JobEnd::Answered | JobEnd::Cancelled => {
            format!("{id} is taken for answered, but {books} holds no whole answer to it in {made}")
        }
    }
}
