//! What is asked for.

use crate::history::JobId;
use http::HeaderMap;
use std::time::Duration;

/// One attempt to make.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose it is.
    pub job: JobId,
    /// The job whose tag stands in the prompt: all that ask the same question send the same bytes.
    pub question: JobId,
    /// Which attempt of the job, from 1.
    pub n: u32,
    /// When it should be sent, since the run's epoch; only recorded.
    pub due: Duration,
    /// Words of the prompt, the tag included.
    pub prompt_tokens: u32,
    /// Output tokens to ask for.
    pub output_tokens: u32,
    /// Further headers, such as `Idempotency-Key`.
    pub headers: HeaderMap,
}

impl Request {
    /// A plain attempt of a job whose question no other job asks.
    #[must_use]
    pub fn new(job: JobId, n: u32, due: Duration, prompt_tokens: u32, output_tokens: u32) -> Self {
        Self { job, question: job, n, due, prompt_tokens, output_tokens, headers: HeaderMap::new() }
    }
}
