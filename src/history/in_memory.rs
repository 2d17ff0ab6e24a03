//! Evidence that never was in a file: of runs that are made by the thousand, and judged where they are made.

use super::answer_number;
use super::{Attempt, AttemptRow, Claim, Event, Evidence, Job, JobRow, LedgerEntry, LedgerRow, Meta};
use xxhash_rust::xxh64::xxh64;

impl Evidence {
    /// The evidence of these events and entries, sorted. `targets` are the names of the plan's targets, in
    /// its order; entries of any other are left out.
    #[must_use]
    pub fn in_memory(
        events: &[Event],
        ledger: &[LedgerEntry],
        claims: Vec<Claim>,
        meta: Meta,
        targets: &[String],
    ) -> Self {
        let mut evidence = Self { meta, claims, ..Self::default() };
        for event in events {
            match event {
                Event::Attempt(attempt) => evidence.attempts.push(AttemptRow::from(&**attempt)),
                Event::Job(job) => evidence.jobs.push(JobRow::from(job)),
                Event::CellEnd(cell) => evidence.cells.push(cell.clone()),
            }
        }
        evidence.ledger = ledger.iter().filter_map(|entry| entry.row(targets)).collect();
        evidence.sort();
        evidence
    }

    /// Puts the rows into the order that folds rely on.
    pub(super) fn sort(&mut self) {
        self.attempts.sort_unstable_by_key(|row| (row.job, row.n, row.done_ns));
        self.jobs.sort_unstable_by_key(|row| (row.job, row.done_ns));
        self.cells.sort_by_key(|cell| cell.cell);
        self.ledger.sort_unstable_by(|a, b| {
            (&a.job, a.attempt, a.arrived_ns, a.seq).cmp(&(&b.job, b.attempt, b.arrived_ns, b.seq))
        });
    }
}

/// A digest's number; digests are written by us, in hex.
fn digest(hex: &str) -> u64 {
    u64::from_str_radix(hex, 16).unwrap_or_else(|_| hashed(hex))
}

fn hashed(text: &str) -> u64 {
    xxh64(text.as_bytes(), 0)
}

impl From<&Attempt> for AttemptRow {
    fn from(a: &Attempt) -> Self {
        let first = u32::from(a.first_content_ns.is_some());
        Self {
            job: a.job,
            n: a.n,
            status: a.status,
            outcome: a.outcome,
            error: a.error,
            due_ns: a.due_ns,
            sent_ns: a.sent_ns,
            first_byte_ns: a.first_byte_ns,
            first_content_ns: a.first_content_ns,
            done_ns: a.done_ns,
            answer: a.id.as_deref().map(answer_number),
            text_hash: a.text_hash.as_deref().map(digest),
            prompt_tokens: a.prompt_tokens,
            completion_tokens: a.completion_tokens,
            chunks: u32::try_from(a.gaps_us.len()).unwrap_or(u32::MAX).saturating_add(first),
            retry_after_ms: a.retry_after_ms,
        }
    }
}

impl From<&Job> for JobRow {
    fn from(job: &Job) -> Self {
        Self {
            job: job.job,
            deliveries: job.deliveries,
            due_ns: job.due_ns,
            begun_ns: job.begun_ns,
            done_ns: job.done_ns,
            outcome: job.outcome,
            end: job.end,
            attempts: job.attempts,
            answer: job.id.as_deref().map(answer_number),
            text_hash: job.text_hash.as_deref().map(digest),
            warmup: job.warmup,
        }
    }
}

impl LedgerEntry {
    /// The row of this entry; `None` if its target is none of `targets`, the names of the plan's targets in
    /// its order.
    #[must_use]
    pub fn row(&self, targets: &[String]) -> Option<LedgerRow> {
        let e = self;
        let target = targets.iter().position(|name| *name == e.target)?;
        Some(LedgerRow {
            target: u16::try_from(target).ok()?,
            seq: e.seq,
            job: e.job.clone(),
            attempt: e.attempt,
            status: e.status,
            end: e.end,
            permanent: e.permanent,
            arrived_ns: e.arrived_ns,
            first_byte_ns: e.first_byte_ns,
            first_content_ns: e.first_content_ns,
            ended_ns: e.ended_ns,
            answer: e.nonce.as_deref().map(answer_number),
            text_hash: e.text_hash.as_deref().map(digest),
            body_hash: digest(&e.body_hash),
            idempotency_key: e.idempotency_key.as_deref().map(hashed),
            lock: e.lock.as_deref().map(hashed),
            lock_token: e.lock_token,
            fenced: e.fenced,
            replayed: e.replayed,
            retry_after_ms: e.retry_after_ms,
            prompt_tokens: e.prompt_tokens,
            delivered_tokens: e.delivered_tokens,
            billed_prompt_tokens: e.billed_prompt_tokens,
            billed_completion_tokens: e.billed_completion_tokens,
        })
    }
}
