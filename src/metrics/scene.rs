//! The moments around the first violation of each broken rule, out of both sides' books.

use crate::history::{AttemptRow, Evidence, JobEnd, JobId, JobKey, JobRow, LedgerEnd, LedgerRow};
use crate::plan::Plan;
use crate::summary::{Moment, Scene, Verdict, VerdictRow, What, Witness};

/// Most rules that are drawn.
const SCENES: usize = 12;
/// Most jobs of a scene.
const JOBS: usize = 8;
/// Most moments of a scene: with six to an attempt, some thirty attempts.
const MOMENTS: usize = 200;

/// A scene for each of the first rules that broke, those of strategies that are broken on purpose last.
pub(super) fn scenes(plan: &Plan, evidence: &Evidence, verdicts: &[VerdictRow]) -> Vec<Scene> {
    let on_purpose = |row: &VerdictRow| {
        let strategy = plan.strategies.iter().find(|strategy| strategy.name() == row.strategy);
        strategy.is_some_and(|strategy| strategy.twin().is_some())
    };
    let mut broken: Vec<&VerdictRow> = verdicts.iter().filter(|row| row.verdict == Verdict::Broken).collect();
    broken.sort_by_key(|row| on_purpose(row));
    let drawn = broken.into_iter().filter_map(|row| {
        let moments = moments(evidence, row.witness.as_ref()?);
        (moments.len() > 1).then(|| Scene {
            target: row.target.clone(),
            strategy: row.strategy.clone(),
            invariant: row.invariant,
            moments,
        })
    });
    drawn.take(SCENES).collect()
}

fn moments(evidence: &Evidence, witness: &Witness) -> Vec<Moment> {
    let mut moments = Vec::new();
    for job in witness.jobs.iter().take(JOBS) {
        let from = evidence.ledger.partition_point(|row| row.job < *job);
        let ledger = evidence.ledger[from..].iter().take_while(|row| row.job == *job);
        moments.extend(ledger.flat_map(provider));
        let JobKey::Own(id) = job else { continue };
        let from = evidence.attempts.partition_point(|row| row.job < *id);
        let attempts = evidence.attempts[from..].iter().take_while(|row| row.job == *id);
        moments.extend(attempts.flat_map(client));
        let from = evidence.jobs.partition_point(|row| row.job < *id);
        moments.extend(evidence.jobs[from..].iter().take_while(|row| row.job == *id).flat_map(result));
    }
    moments.sort_by_key(|moment| (moment.at_ns, moment.what));
    moments.truncate(MOMENTS);
    if let Some(job) = witness.jobs.first() {
        moments.push(Moment {
            at_ns: witness.at_ns,
            job: job.clone(),
            attempt: 0,
            repeat: 0,
            what: What::Broken,
            text: witness.text.clone(),
        });
    }
    moments
}

fn of_attempt(row: &AttemptRow, at_ns: u64, what: What, text: String) -> Moment {
    Moment { at_ns, job: JobKey::Own(row.job), attempt: row.n, repeat: 0, what, text }
}

fn client(row: &AttemptRow) -> Vec<Moment> {
    let mut moments = vec![of_attempt(row, row.sent_ns.unwrap_or(row.due_ns), What::Sent, String::new())];
    if let Some(at_ns) = row.first_content_ns {
        moments.push(of_attempt(row, at_ns, What::FirstContent, String::new()));
    }
    let error = row.error.map(|error| error.name().to_owned());
    let status = row.status.map(|status| status.to_string());
    let text: Vec<String> = status.into_iter().chain(error).collect();
    moments.push(of_attempt(row, row.done_ns, What::Done, text.join(" ")));
    moments
}

fn provider(row: &LedgerRow) -> Vec<Moment> {
    let moment = |at_ns, what, text| {
        let (job, attempt) = (row.job.clone(), row.attempt);
        Moment { at_ns, job, attempt, repeat: 0, what, text }
    };
    let (what, text) = match row.end {
        LedgerEnd::Whole | LedgerEnd::Refused => {
            (What::Answered, row.status.map_or_else(String::new, |status| status.to_string()))
        }
        LedgerEnd::Cut => (What::Cut, "cut by provider".to_owned()),
        LedgerEnd::Reset => (What::Cut, "reset by provider".to_owned()),
        LedgerEnd::ClientClosed => (What::Left, "client gave up".to_owned()),
        LedgerEnd::Open => (What::Cut, "open at the end".to_owned()),
    };
    let billed = row.billed_prompt_tokens.saturating_add(row.billed_completion_tokens);
    let mut moments = vec![moment(row.arrived_ns, What::Arrived, String::new())];
    moments.push(moment(row.ended_ns, what, text));
    if billed > 0 {
        moments.push(moment(row.ended_ns, What::Booked, format!("+{billed} tokens")));
    }
    moments
}

fn result(row: &JobRow) -> Vec<Moment> {
    let of_job = |id: JobId, at_ns, what, text: &str| Moment {
        at_ns,
        job: JobKey::Own(id),
        attempt: 0,
        repeat: 0,
        what,
        text: text.to_owned(),
    };
    let text = match row.end {
        JobEnd::Answered => "result: answered",
        JobEnd::Exhausted => "result: no attempts left",
        JobEnd::Permanent => "result: permanent error",
        JobEnd::Cancelled => "result: cancelled",
        JobEnd::OverBudget => "result: over budget",
        JobEnd::RetryBudget => "result: no retries left",
    };
    vec![of_job(row.job, row.due_ns, What::Due, ""), of_job(row.job, row.done_ns, What::Client, text)]
}
