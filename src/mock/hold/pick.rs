//! Which of the answers that no hold names is released at silence.

use crate::history::JobKey;
use crate::schedule::{Fallback, RequestKey};
use crate::seed;
use rand::Rng;
use std::collections::BTreeSet;
use xxhash_rust::xxh64::xxh64;

/// Changes of priority come within the first 2^7 releases, as often among the first 2 as among the last 64:
/// how many releases there will be is not known, and a change behind the last is none.
const CHANGE_BITS: f64 = 7.0;

/// The fallback and its draws.
#[derive(Debug)]
pub(super) struct Picker {
    seed: u64,
    fallback: Fallback,
    /// Releases so far.
    count: u64,
    /// Releases at which the job whose turn it is loses its priority.
    changes: BTreeSet<u64>,
    /// Jobs that have lost theirs, the first one first.
    fallen: Vec<JobKey>,
}

impl Picker {
    pub(super) fn new(seed: u64, fallback: Fallback) -> Self {
        let changes = match fallback {
            Fallback::Lanes { depth } => changes(seed, depth),
            _ => BTreeSet::new(),
        };
        Self { seed, fallback, count: 0, changes, fallen: Vec::new() }
    }

    /// Who is released of those that are held, given in order of their arrival.
    pub(super) fn next<'k>(&mut self, held: impl Iterator<Item = (u64, &'k RequestKey)>) -> Vec<u64> {
        let mut held: Vec<(u64, &RequestKey)> = held.collect();
        let chosen = match self.fallback {
            Fallback::Burst | Fallback::Respond => return held.into_iter().map(|(seq, _)| seq).collect(),
            Fallback::Fifo => held.first(),
            Fallback::Reverse => held.last(),
            Fallback::Random => {
                // By name, so that the draw means the same in every run.
                held.sort_by_key(|(_, key)| *key);
                let mut draw = seed::stream(self.seed, "schedule.random", self.count);
                held.get(draw.random_range(0..held.len().max(1)))
            }
            Fallback::Lanes { .. } => {
                if self.changes.remove(&self.count)
                    && let Some((_, top)) = self.first(&held)
                {
                    let job = top.job.clone();
                    self.fallen.retain(|fallen| *fallen != job);
                    self.fallen.push(job);
                }
                self.first(&held)
            }
        };
        self.count += 1;
        chosen.map(|(seq, _)| *seq).into_iter().collect()
    }

    /// The first request of the job with the highest priority.
    fn first<'h, 'k>(&self, held: &'h [(u64, &'k RequestKey)]) -> Option<&'h (u64, &'k RequestKey)> {
        held.iter().min_by_key(|(_, key)| {
            let fallen = self.fallen.iter().position(|job| *job == key.job).map_or(0, |at| at + 1);
            (fallen, xxh64(key.job.to_string().as_bytes(), self.seed), *key)
        })
    }
}

fn changes(seed: u64, depth: u32) -> BTreeSet<u64> {
    let mut draw = seed::stream(seed, "schedule.lanes", 0);
    let draws = depth.saturating_sub(1).min(1 << 10);
    (0..draws).map(|_| (draw.random::<f64>() * CHANGE_BITS).exp2() as u64).collect()
}
