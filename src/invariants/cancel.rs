//! `cancel-propagates`: whether what the client gave up is over at the provider too.

use super::retries::nothing_seen;
use super::tally::{Ruling, Tally, one, time};
use super::view::{CellView, JobView};
use crate::history::{AttemptRow, ErrorClass, JobId, JobKey, LedgerRow, Outcome};

/// How long after the client gave an attempt up the provider may still have it open, in nanoseconds.
const GRACE_NS: u64 = 250_000_000;

/// What went on after it was given up.
enum Survivor<'a> {
    /// This attempt was open for longer, by the ledger.
    Open(JobId, &'a LedgerRow, u64),
    /// This attempt began after the job had been given up, then.
    Late(JobId, u32, u64, u64),
}

/// An attempt that the client gave up (it timed out or was cancelled) is closed at the provider within
/// [`GRACE_NS`], and no attempt of a job begins after the job was given up. A job that holds an answer was
/// not: whose answer that is, and what else was billed, are other rules' questions.
pub(super) fn cancel_propagates(view: &CellView<'_>) -> Ruling {
    let mut tally = Tally::new();
    for job in view.jobs() {
        for row in job.ledger {
            let Some(done_ns) = job.client(row).filter(|a| given_up(a)).map(|a| a.done_ns) else { continue };
            tally.relevant += 1;
            if row.ended_ns > done_ns.saturating_add(GRACE_NS) {
                tally.violation(done_ns, Survivor::Open(job.id, row, done_ns));
            }
        }
        let Some(result) = job.results.first().filter(|result| result.outcome != Outcome::Ok) else {
            continue;
        };
        for (n, begun_ns) in begun(&job).filter(|(_, begun_ns)| *begun_ns > result.done_ns) {
            tally.relevant += 1;
            tally.violation(begun_ns, Survivor::Late(job.id, n, begun_ns, result.done_ns));
        }
    }
    tally.ruling(words, || match view.ledger {
        [] => nothing_seen(view),
        _ => Ruling::not_applicable("the client gave no attempt up that had reached the provider"),
    })
}

fn given_up(a: &AttemptRow) -> bool {
    use ErrorClass as E;
    matches!(a.error, Some(E::Cancelled | E::TimeoutFirstByte | E::TimeoutIdle | E::TimeoutTotal))
}

/// The job's attempts, each with its beginning: by the client's own rows, and by the ledger's where it has
/// none.
fn begun<'a>(job: &JobView<'a>) -> impl Iterator<Item = (u32, u64)> + use<'a> {
    let job = *job;
    let own = job.attempts.iter().filter_map(|a| Some((a.n, a.sent_ns?)));
    let theirs = job.ledger.iter().filter(move |row| job.attempts.iter().all(|a| a.n != row.attempt));
    own.chain(theirs.map(|row| (row.attempt, row.arrived_ns)))
}

fn words(survivor: Survivor<'_>) -> (Vec<JobKey>, String) {
    match survivor {
        Survivor::Open(job, row, done_ns) => {
            let text = format!(
                "{job} gave attempt {} up at {}, but the provider had it open for {} more; it should be \
                 closed \
                 within {}",
                row.attempt,
                time(done_ns),
                time(row.ended_ns.saturating_sub(done_ns)),
                time(GRACE_NS),
            );
            (one(job), text)
        }
        Survivor::Late(job, n, begun_ns, done_ns) => {
            let text = format!(
                "{job} began attempt {n} {} after it had been given up at {}; nothing should have followed",
                time(begun_ns - done_ns),
                time(done_ns),
            );
            (one(job), text)
        }
    }
}
