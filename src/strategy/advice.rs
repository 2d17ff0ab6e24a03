//! When a strategy is the wrong choice: what its sentence rests on, and the phrases that several sentences
//! share.

use crate::units::format_duration;
use std::time::Duration;

/// What a run showed of a strategy, over all targets.
#[derive(Debug, Clone, Default)]
pub struct Seen<'a> {
    /// Jobs that the plan has, or that were begun if those are more.
    pub planned: u64,
    /// Jobs that were begun.
    pub jobs: u64,
    /// Jobs that were answered.
    pub answered: u64,
    /// Attempts.
    pub attempts: u64,
    /// Attempts that the provider refused because of a rate limit.
    pub refused: u64,
    /// Tokens billed, if that is known.
    pub billed: Option<u64>,
    /// Most attempts in flight at one target.
    pub in_flight: u64,
    /// Share of the billed tokens that bought nothing.
    pub waste: Option<f64>,
    /// From due to done at the median.
    pub response_p50_ms: Option<f64>,
    /// Whether a semaphore ran beside it.
    pub semaphore: Option<SemaphoreResult>,
    /// By how many jobs in a row the same question is asked.
    pub repeats: u64,
    /// Targets that are known not to honour `Idempotency-Key`.
    pub ignores_keys: Vec<&'a str>,
}

/// What the same run showed of a semaphore.
#[derive(Debug, Clone, Copy, Default)]
pub struct SemaphoreResult {
    /// Share of the billed tokens that bought nothing.
    pub waste: Option<f64>,
    /// From due to done at the median.
    pub response_p50_ms: Option<f64>,
}

/// When a strategy is the wrong choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The rule.
    pub rule: String,
    /// What of the run supports it.
    pub here: Option<String>,
}

impl<T: Into<String>> From<T> for Advice {
    fn from(rule: T) -> Self {
        Self { rule: rule.into(), here: None }
    }
}

impl Advice {
    /// A rule, and what of the run supports it.
    pub(super) fn new(rule: impl Into<String>, here: impl Into<Option<String>>) -> Self {
        Self { rule: rule.into(), here: here.into() }
    }
}

impl Seen<'_> {
    /// What a job took, beside one with a semaphore.
    pub(super) fn response(&self) -> Option<String> {
        let own = ms(self.response_p50_ms?);
        Some(match self.semaphore.and_then(|semaphore| semaphore.response_p50_ms) {
            Some(other) => format!("here a job took {own} at the median, and {} with semaphore", ms(other)),
            None => format!("here a job took {own} at the median"),
        })
    }

    /// `3 of 4 jobs answered`
    pub(super) fn answers(&self) -> String {
        format!("{} of {} jobs answered", self.answered, self.planned)
    }

    /// Attempts per job.
    pub(super) fn per_job(&self) -> String {
        match self.jobs {
            0 => "no".to_owned(),
            jobs => format!("{:.1}", self.attempts as f64 / jobs as f64),
        }
    }
}

/// `1 refusal`, `2 refusals`
pub(super) fn many(n: u64, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

fn ms(ms: f64) -> String {
    Duration::try_from_secs_f64(ms / 1e3).map_or_else(|_| format!("{ms} ms"), format_duration)
}
