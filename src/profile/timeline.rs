//! A cell's load over time, in a few stretches.

use super::blocks::{Load, Piece};
use crate::clock::ns;
use serde::Serialize;
use std::time::Duration;

const MOST_BUCKETS: u64 = 20;

/// A stretch of a cell's time line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimelineStep {
    /// Its start, in nanoseconds from the start of the cell's load.
    pub from_ns: u64,
    /// Its end, excluded.
    pub until_ns: u64,
    /// Arrivals in it; workers add jobs of their own.
    pub arrivals: u64,
    /// Arrivals per second in it.
    pub arrivals_per_s: f64,
    /// Workers in its middle.
    pub workers: u32,
}

/// Up to the last end that time decides; empty if there is none.
pub(crate) fn timeline(pieces: &[Piece]) -> Vec<TimelineStep> {
    let end_ns = pieces.iter().filter_map(|piece| piece.load.end()).map(ns).max().unwrap_or(0);
    let count = MOST_BUCKETS.min(end_ns);
    let edge =
        |bucket: u64| (u128::from(end_ns) * u128::from(bucket)).div_ceil(u128::from(count.max(1))) as u64;
    let empty = |b| bucket(pieces, edge(b), edge(b + 1));
    let mut buckets: Vec<_> = (0..count).map(empty).collect();
    for piece in pieces {
        if let Load::Open { arrivals, .. } = &piece.load {
            for arrival in arrivals.clone() {
                let which = u128::from(ns(arrival.due)) * u128::from(count) / u128::from(end_ns);
                if let Some(bucket) = buckets.get_mut(which as usize) {
                    bucket.arrivals += 1;
                }
            }
        }
    }
    for bucket in &mut buckets {
        bucket.arrivals_per_s = bucket.arrivals as f64 * 1e9 / (bucket.until_ns - bucket.from_ns) as f64;
    }
    buckets
}

fn bucket(pieces: &[Piece], from_ns: u64, until_ns: u64) -> TimelineStep {
    let middle = Duration::from_nanos(from_ns.midpoint(until_ns));
    let workers = pieces.iter().map(|piece| workers_at(piece, middle));
    let workers = workers.fold(0, u32::saturating_add);
    TimelineStep { from_ns, until_ns, arrivals: 0, arrivals_per_s: 0.0, workers }
}

fn workers_at(piece: &Piece, moment: Duration) -> u32 {
    let running = piece.start <= moment && piece.load.end().is_none_or(|end| moment < end);
    match &piece.load {
        Load::Vus { vus, .. } if running => vus.at(moment),
        Load::PerVu { vus, .. } if running => *vus,
        _ => 0,
    }
}
