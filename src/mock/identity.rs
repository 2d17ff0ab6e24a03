//! Which attempt of which job a request is.

use super::faults;
use crate::history::JobKey;
use std::collections::HashMap;
use xxhash_rust::xxh64::xxh64;

/// Most jobs whose occurrences are remembered, so that a provider that serves for weeks stays bounded.
const JOBS_MAX: usize = 4_000_000;

/// A job's attempt, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// Digest of the job.
    pub(super) job: u64,
    /// By which faults and lengths know it.
    pub(super) index: u64,
    pub(super) attempt: u32,
    /// 0, unless this attempt of this job was here before.
    pub(super) repeat: u32,
    /// Key of its latencies: without the cell, so that compared strategies meet the same ones.
    pub(super) latency: u64,
}

/// What is remembered of a job.
#[derive(Debug, Clone, Copy)]
struct JobRecord {
    /// Number of the job's first arrival, from 0.
    ordinal: u64,
    /// Arrivals so far.
    count: u32,
    /// Which of the attempts 1 to 64 arrived: tells a repeated attempt from a late one, in any order.
    attempts: u64,
}

/// Every job that was here.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    seen: HashMap<u64, JobRecord>,
    forgotten: u64,
}

impl Jobs {
    /// Counts an arrival. Without an `attempt` number its own count decides.
    pub(super) fn identify(&mut self, job: &JobKey, attempt: Option<u32>) -> Identity {
        let (digest, latency) = match job {
            JobKey::Own(id) => (xxh64(&id.index.to_le_bytes(), u64::from(id.cell)), id.index),
            // Cells are 16 bits wide: no cell has this seed.
            named => {
                let digest = xxh64(named.to_string().as_bytes(), 1 << 16);
                (digest, digest)
            }
        };
        let known = self.seen.len();
        if known >= JOBS_MAX && !self.seen.contains_key(&digest) {
            self.forgotten += 1;
            let (index, attempt) = (faults::index(job, known as u64), attempt.unwrap_or(1));
            return Identity { job: digest, index, attempt, repeat: 0, latency };
        }
        let fresh = JobRecord { ordinal: known as u64, count: 0, attempts: 0 };
        let seen = self.seen.entry(digest).or_insert(fresh);
        seen.count = seen.count.saturating_add(1);
        let attempt = attempt.unwrap_or(seen.count);
        let bit = 1u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(0);
        let new = bit != 0 && seen.attempts & bit == 0;
        seen.attempts |= bit;
        let repeat = if new { 0 } else { seen.count };
        Identity { job: digest, index: faults::index(job, seen.ordinal), attempt, repeat, latency }
    }

    /// Jobs remembered, and arrivals of jobs for which there was no room.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.seen.len() as u64, self.forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_or_taken_at_their_word() {
        let mut jobs = Jobs::default();
        let mut of = |job: &str, attempt| {
            let who = jobs.identify(&JobKey::from(job), attempt);
            (who.index, who.attempt, who.repeat)
        };
        assert_eq!(of("job:0007", Some(2)), (7, 2, 0), "its own index, whenever it comes");
        assert_eq!(of("job:0007", Some(1)), (7, 1, 0), "a late first attempt is no repetition");
        assert_eq!(of("job:0007", Some(2)), (7, 2, 3), "a repeated one is");
        assert_eq!(of("other", None), (1, 1, 0), "the second job to come");
        assert_eq!(of("other", None), (1, 2, 0));
        assert_eq!(of("job:0007", Some(100)).2, 4, "beyond 64 attempts each counts as new by its count");
    }
}
