//! The built-in provider of a target.

use super::raw;
use crate::document::Findings;
use crate::plan::{Dist, Limits, MockPlan, Stall};

/// Builds it; `latency` and its siblings have been filled in.
pub(super) fn build(name: &str, target: &raw::Target, findings: &mut Findings<'_>) -> MockPlan {
    let latency = target.latency.clone().unwrap_or_default();
    let limits = target.limits.clone().unwrap_or_default();
    if limits.max_queue.is_some() && limits.max_in_flight.is_none() {
        let what = "`max_queue` does nothing without `max_in_flight`";
        findings.sense(
            &["target", name, "limits", "max_queue"],
            what,
            "add `max_in_flight`, or leave it out",
        );
    }
    let path = |field| ["target", name, "latency", field];
    MockPlan {
        ttft: dist(&latency.ttft, &path("ttft"), findings),
        itl: dist(&latency.itl, &path("itl"), findings),
        stall: latency.stall.as_ref().map(|stall| Stall {
            probability: stall.probability,
            pause: dist(&stall.pause, &["target", name, "latency", "stall", "pause"], findings),
        }),
        tokens_per_chunk: target.tokens_per_chunk.unwrap_or(1),
        limits: Limits {
            requests_per_minute: limits.requests_per_minute,
            tokens_per_minute: limits.tokens_per_minute,
            max_in_flight: limits.max_in_flight,
            max_queue: limits.max_queue,
        },
        bill_after_disconnect: target.bill_after_disconnect.unwrap_or(false),
        idempotency: target.idempotency.unwrap_or(false),
    }
}

fn dist(dist: &raw::Dist, path: &[&str], findings: &mut Findings<'_>) -> Dist {
    match dist {
        raw::Dist::Constant(time) => Dist::Constant(time.0),
        raw::Dist::Uniform([low, high]) => {
            if low.0 > high.0 {
                let path = [path, &["uniform"]].concat();
                findings.sense(&path, "`uniform` goes from more to less", "write the shorter duration first");
            }
            Dist::Uniform(low.0, high.0)
        }
        raw::Dist::Normal { mean, sd } => Dist::Normal { mean: mean.0, sd: sd.0 },
        raw::Dist::Lognormal { p50, p99 } => {
            if p99.0 < p50.0 {
                let path = [path, &["lognormal", "p99"]].concat();
                findings.sense_at(
                    &path,
                    &path[..path.len() - 1],
                    "`p99` is less than `p50`",
                    "write a p99 of at least the p50",
                );
            }
            Dist::Lognormal { p50: p50.0, p99: p99.0 }
        }
        raw::Dist::Empirical(times) => Dist::Empirical(times.iter().map(|time| time.0).collect()),
    }
}
