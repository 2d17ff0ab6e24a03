//! One line of JSON for each job: both sides' books side by side, for anyone who asks a question of
//! their own.

use crate::history::{AttemptRow, Evidence, JobId, JobKey, JobRow, LedgerRow};
use serde::Serialize;
use std::io::{self, Write};

/// A job as both sides saw it. Times are since the run's epoch.
#[derive(Serialize)]
struct Line<'a> {
    job: JobId,
    target: &'a str,
    strategy: &'a str,
    due_ms: f64,
    begun_ms: f64,
    done_ms: f64,
    response_ms: f64,
    /// Of the last attempt that had content.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttft_ms: Option<f64>,
    outcome: crate::history::Outcome,
    end: crate::history::JobEnd,
    warmup: bool,
    attempts: usize,
    errors: Vec<&'static str>,
    statuses: Vec<Option<u16>>,
    prompt_tokens: u64,
    completion_tokens: u64,
    /// By the ledger; `None` if the job is not in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<Booked>,
}

/// What the ledger has of a job.
#[derive(Serialize)]
struct Booked {
    attempts: usize,
    delivered_tokens: u64,
    billed_prompt_tokens: u64,
    billed_completion_tokens: u64,
}

/// Writes the jobs of a run, in order. `cells` names target and strategy of each cell.
///
/// # Errors
/// If `out` cannot be written to.
pub fn write_jobs(out: &mut impl Write, cells: &[(String, String)], evidence: &Evidence) -> io::Result<()> {
    for job in &evidence.jobs {
        let unknown = (String::new(), String::new());
        let (target, strategy) = cells.get(usize::from(job.job.cell)).unwrap_or(&unknown);
        serde_json::to_writer(&mut *out, &line(job, target, strategy, evidence)).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn line<'a>(job: &JobRow, target: &'a str, strategy: &'a str, evidence: &Evidence) -> Line<'a> {
    let attempts = attempts(evidence, job.job);
    let first = |attempt: &AttemptRow| Some(ms(attempt.first_content_ns?.saturating_sub(attempt.sent_ns?)));
    Line {
        job: job.job,
        target,
        strategy,
        due_ms: ms(job.due_ns),
        begun_ms: ms(job.begun_ns),
        done_ms: ms(job.done_ns),
        response_ms: ms(job.done_ns.saturating_sub(job.due_ns)),
        ttft_ms: attempts.iter().rev().find_map(first),
        outcome: job.outcome,
        end: job.end,
        warmup: job.warmup,
        attempts: attempts.len(),
        errors: attempts.iter().filter_map(|attempt| attempt.error.map(|error| error.name())).collect(),
        statuses: attempts.iter().map(|attempt| attempt.status).collect(),
        prompt_tokens: attempts.iter().filter_map(|attempt| attempt.prompt_tokens).sum(),
        completion_tokens: attempts.iter().filter_map(|attempt| attempt.completion_tokens).sum(),
        ledger: booked(evidence, job.job),
    }
}

fn attempts(evidence: &Evidence, job: JobId) -> &[AttemptRow] {
    let from = evidence.attempts.partition_point(|row| row.job < job);
    let until = evidence.attempts.partition_point(|row| row.job <= job);
    &evidence.attempts[from..until]
}

fn booked(evidence: &Evidence, job: JobId) -> Option<Booked> {
    let key = JobKey::Own(job);
    let from = evidence.ledger.partition_point(|row| row.job < key);
    let until = evidence.ledger.partition_point(|row| row.job <= key);
    let rows: &[LedgerRow] = &evidence.ledger[from..until];
    let sum = |of: fn(&LedgerRow) -> u64| rows.iter().map(of).sum::<u64>();
    (!rows.is_empty()).then(|| Booked {
        attempts: rows.len(),
        delivered_tokens: sum(|row| row.delivered_tokens),
        billed_prompt_tokens: sum(|row| row.billed_prompt_tokens),
        billed_completion_tokens: sum(|row| row.billed_completion_tokens),
    })
}
