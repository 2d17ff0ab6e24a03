//! Lines read straight into compact rows: no text is copied that a row does not keep.
//!
//! These structs must accept what [`super::Attempt`], [`super::Job`] and [`super::LedgerEntry`] write; a
//! round trip in the tests holds them together. Fields that no row keeps are skipped.

use super::job_id::FromText;
use super::{AttemptRow, CellEnd, ErrorClass, JobEnd, JobId, JobKey, JobRow, LedgerEnd, LedgerRow};
use super::{Outcome, answer_number};
use serde::{Deserialize, Deserializer};
use std::convert::Infallible;
use xxhash_rust::xxh64::xxh64;

/// A text of 16 hex digits.
#[derive(Debug, Clone, Copy)]
struct Digest(u64);

/// An answer's id or nonce.
#[derive(Debug, Clone, Copy)]
struct AnswerId(u64);

/// Any text that only needs to be told from others.
#[derive(Debug, Clone, Copy)]
struct Hashed(u64);

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let hex = |text: &str| match text.len() {
            16 => u64::from_str_radix(text, 16).map(Digest).map_err(|_| "a digest has 16 hex digits"),
            _ => Err("a digest has 16 hex digits"),
        };
        d.deserialize_str(FromText("16 hex digits", hex))
    }
}

impl<'de> Deserialize<'de> for AnswerId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(FromText("an answer's id", |text| Ok::<_, Infallible>(Self(answer_number(text)))))
    }
}

impl<'de> Deserialize<'de> for Hashed {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(FromText("a text", |text| Ok::<_, Infallible>(Self(xxh64(text.as_bytes(), 0)))))
    }
}

/// One line of the history.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HistoryLine {
    Attempt(AttemptLine),
    Job(JobLine),
    CellEnd(CellEnd),
}

#[derive(Debug, Deserialize)]
pub(super) struct AttemptLine {
    job: JobId,
    n: u32,
    due_ns: u64,
    sent_ns: Option<u64>,
    first_byte_ns: Option<u64>,
    first_content_ns: Option<u64>,
    done_ns: u64,
    #[serde(default)]
    pub(super) gaps_us: Vec<u32>,
    status: Option<u16>,
    outcome: Outcome,
    error: Option<ErrorClass>,
    id: Option<AnswerId>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    text_hash: Option<Digest>,
    retry_after_ms: Option<u64>,
    #[serde(default)]
    pub(super) warmup: bool,
}

impl AttemptLine {
    pub(super) fn row(&self) -> AttemptRow {
        let first = u32::from(self.first_content_ns.is_some());
        AttemptRow {
            job: self.job,
            n: self.n,
            status: self.status,
            outcome: self.outcome,
            error: self.error,
            due_ns: self.due_ns,
            sent_ns: self.sent_ns,
            first_byte_ns: self.first_byte_ns,
            first_content_ns: self.first_content_ns,
            done_ns: self.done_ns,
            answer: self.id.map(|id| id.0),
            text_hash: self.text_hash.map(|hash| hash.0),
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.completion_tokens,
            chunks: u32::try_from(self.gaps_us.len()).unwrap_or(u32::MAX).saturating_add(first),
            retry_after_ms: self.retry_after_ms,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct JobLine {
    job: JobId,
    due_ns: u64,
    begun_ns: u64,
    done_ns: u64,
    outcome: Outcome,
    end: JobEnd,
    attempts: u32,
    #[serde(default = "super::attempt::once")]
    deliveries: u32,
    id: Option<AnswerId>,
    text_hash: Option<Digest>,
    #[serde(default)]
    warmup: bool,
}

impl JobLine {
    pub(super) fn row(&self) -> JobRow {
        JobRow {
            job: self.job,
            deliveries: self.deliveries,
            due_ns: self.due_ns,
            begun_ns: self.begun_ns,
            done_ns: self.done_ns,
            outcome: self.outcome,
            end: self.end,
            attempts: self.attempts,
            answer: self.id.map(|id| id.0),
            text_hash: self.text_hash.map(|hash| hash.0),
            warmup: self.warmup,
        }
    }
}

/// One line of the ledger.
#[derive(Debug, Deserialize)]
pub(super) struct LedgerLine {
    target: String,
    seq: u64,
    job: JobKey,
    attempt: u32,
    nonce: Option<AnswerId>,
    arrived_ns: u64,
    first_byte_ns: Option<u64>,
    first_content_ns: Option<u64>,
    ended_ns: u64,
    #[serde(default)]
    pub(super) gaps_us: Vec<u32>,
    status: Option<u16>,
    end: LedgerEnd,
    #[serde(default)]
    permanent: bool,
    retry_after_ms: Option<u64>,
    prompt_tokens: u64,
    delivered_tokens: u64,
    billed_prompt_tokens: u64,
    billed_completion_tokens: u64,
    text_hash: Option<Digest>,
    body_hash: Digest,
    idempotency_key: Option<Hashed>,
    lock: Option<Hashed>,
    lock_token: Option<u64>,
    #[serde(default)]
    fenced: bool,
    #[serde(default)]
    replayed: bool,
}

impl LedgerLine {
    /// The row; an error if its target is none of `targets`.
    pub(super) fn row(self, targets: &[String]) -> Result<LedgerRow, String> {
        let target = targets.iter().position(|name| *name == self.target);
        let target = target.and_then(|at| u16::try_from(at).ok());
        Ok(LedgerRow {
            target: target.ok_or_else(|| format!("target \"{}\" is not in the plan", self.target))?,
            seq: self.seq,
            job: self.job,
            attempt: self.attempt,
            status: self.status,
            end: self.end,
            permanent: self.permanent,
            arrived_ns: self.arrived_ns,
            first_byte_ns: self.first_byte_ns,
            first_content_ns: self.first_content_ns,
            ended_ns: self.ended_ns,
            answer: self.nonce.map(|nonce| nonce.0),
            text_hash: self.text_hash.map(|hash| hash.0),
            body_hash: self.body_hash.0,
            idempotency_key: self.idempotency_key.map(|key| key.0),
            lock: self.lock.map(|lock| lock.0),
            lock_token: self.lock_token,
            fenced: self.fenced,
            replayed: self.replayed,
            retry_after_ms: self.retry_after_ms,
            prompt_tokens: self.prompt_tokens,
            delivered_tokens: self.delivered_tokens,
            billed_prompt_tokens: self.billed_prompt_tokens,
            billed_completion_tokens: self.billed_completion_tokens,
        })
    }
}
