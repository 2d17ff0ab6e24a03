//! The protocol between a run and its worker processes: JSON, one message a line.
//!
//! The run sends an [`Assignment`], then [`ToWorker`] messages; the worker sends [`ToRun`] messages. What a
//! worker begins and sends is reported before it happens, so that the run knows everything that a worker that
//! dies has done.

use super::ranges::Ranges;
use super::stop::StopCause;
use crate::clock::{Clock, ns};
use crate::history::Event;
use crate::plan::ExpandedUrl;
use crate::provider::Request;
use crate::shared::{Charge, Snapshot};
use serde::{Deserialize, Serialize};

/// The first line to a worker: all that it needs beside its environment, which alone holds keys.
#[derive(Clone, Serialize, Deserialize)]
pub struct Assignment {
    /// The plan, as `plan.toml` holds it.
    pub plan: String,
    /// The cell that it makes load for.
    pub cell: u16,
    /// Which process it is, from 0.
    pub process: u32,
    /// Of how many.
    pub processes: u32,
    /// Whether it takes the place of one that died.
    pub successor: bool,
    /// Engine threads that it runs.
    pub threads: u32,
    /// Where each target is reached, in the plan's order; may hold a secret.
    pub base_urls: Vec<ExpandedUrl>,
    /// The run's epoch on the machine's monotonic clock, in nanoseconds.
    pub epoch_ns: u64,
    /// Where Redis is reached, if the strategy needs it; may hold a password.
    pub redis_url: Option<String>,
    /// What names of the run in a shared store begin with.
    pub prefix: String,
    /// Whether the run has a budget, which the parent keeps.
    pub(super) budget: bool,
    /// Whether something is to go wrong around those that hold locks: then each asks before it goes on.
    pub(super) armed: bool,
}

/// Without the addresses: they may hold secrets. The plan holds none.
impl std::fmt::Debug for Assignment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assignment")
            .field("cell", &self.cell)
            .field("process", &self.process)
            .field("processes", &self.processes)
            .field("successor", &self.successor)
            .field("threads", &self.threads)
            .field("prefix", &self.prefix)
            .field("budget", &self.budget)
            .field("armed", &self.armed)
            .finish_non_exhaustive()
    }
}

/// From the run to a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ToWorker {
    Order(BlockOrder),
    /// The run, or the cell, is stopped.
    Stop(StopCause),
    /// All jobs have ended: report what has been counted.
    Finish,
    /// A round of a barrier may be released.
    Round {
        piece: usize,
        round: u64,
        release_ns: u64,
    },
    /// The answer to [`ToRun::Reserve`].
    Granted(bool),
    /// The answer to [`ToRun::Holding`].
    Go {
        id: u64,
        lose_unlock: bool,
    },
}

/// A block to make, or the rest of it after a worker died.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct BlockOrder {
    pub(super) block: usize,
    pub(super) start_ns: u64,
    /// Per piece, where its jobs continue; empty for a block that has not been begun.
    pub(super) pieces: Vec<Resumed>,
}

/// Where an earlier worker left one piece.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Resumed {
    /// Jobs that have been begun or turned away, by [`super::part::Split::place`].
    pub(super) taken: Ranges,
    /// Jobs that were begun and have no result: they are delivered again.
    pub(super) again: Vec<Redelivery>,
    /// The round that a barrier is in, and its release.
    pub(super) round: Option<(u64, u64)>,
}

/// A job that is delivered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Redelivery {
    pub(super) begun: Begun,
    /// Attempts that were made of it.
    pub(super) attempts: u32,
    /// Those that were answered, with the prompt and completion tokens that each cost.
    pub(super) answered: Vec<(u32, u64, u64)>,
    /// How often it is delivered with this.
    pub(super) deliveries: u32,
}

/// A job begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) piece: usize,
    pub(super) job: u64,
    pub(super) due_ns: u64,
    pub(super) begun_ns: u64,
    pub(super) warmup: bool,
}

/// An attempt about to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sending {
    pub(super) job: u64,
    pub(super) n: u32,
    pub(super) due_ns: u64,
    pub(super) at_ns: u64,
}

impl Sending {
    /// An attempt that is sent now.
    pub(super) fn now(request: &Request, clock: Clock) -> Self {
        Self { job: request.job.index, n: request.n, due_ns: ns(request.due), at_ns: clock.now_ns() }
    }
}

/// What happened in one turn of an engine thread. It is sent whole or not at all.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Notes {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) begun: Vec<Begun>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) sending: Vec<Sending>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<Event>,
    /// Jobs turned away, each with its piece.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dropped: Vec<(usize, u64)>,
    /// Jobs whose strategy has returned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ended: Vec<u64>,
    /// What the process has counted by now, or its strategy if that counts itself: requests, prompt tokens,
    /// completion tokens.
    pub(super) totals: (u64, u64, u64),
}

impl Notes {
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty()
            && self.sending.is_empty()
            && self.events.is_empty()
            && self.dropped.is_empty()
            && self.ended.is_empty()
    }
}

/// From a worker to the run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ToRun {
    /// The worker can take orders.
    Ready,
    Notes(Notes),
    /// The live figures of the worker.
    Seen(Figures),
    /// Asks to reserve the most that an attempt of the job can cost.
    Reserve {
        job: u64,
        most: Price,
    },
    /// Replaces a reservation by what was spent.
    Settle {
        job: u64,
        reserved: Price,
        spent: Price,
    },
    /// A lock has been taken.
    Holding {
        id: u64,
        lock: String,
        token: u64,
    },
    /// The worker stops the run.
    Stop(StopCause),
    /// An order is done.
    Share(BlockReport),
    /// The answer to [`ToWorker::Finish`]: requests, prompt tokens, completion tokens.
    Booked((u64, u64, u64)),
    /// The worker cannot make load.
    Failed(String),
}

/// What a worker's threads report of an order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct BlockReport {
    pub(super) cpu_ns: u64,
    pub(super) cpu_busiest_ns: u64,
    pub(super) pacer: String,
    pub(super) transport: String,
    /// Jobs not begun before the time was up or the run was stopped.
    pub(super) left: u64,
}

/// Requests, tokens and money, as [`Charge`].
pub(super) type Price = (u64, u64, i128);

pub(super) fn price(charge: Charge) -> Price {
    (charge.requests, charge.tokens, charge.yocto)
}

pub(super) fn charge((requests, tokens, yocto): Price) -> Charge {
    Charge { requests, tokens, yocto }
}

/// [`Snapshot`], in its order.
pub(super) type Figures = [u64; 6];

pub(super) fn figures(seen: &Snapshot) -> Figures {
    [seen.jobs_begun, seen.jobs_ended, seen.attempts, seen.attempts_failed, seen.busy, seen.waiting]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_an_assignment_shows_no_secret() {
        let assignment = Assignment {
            plan: "[target.x]\nurl = \"https://me:hunter2@host\"".to_owned(),
            cell: 3,
            process: 1,
            processes: 2,
            successor: false,
            threads: 1,
            base_urls: vec!["https://me:hunter2@host/v1".into()],
            epoch_ns: 5,
            redis_url: Some("redis://:hunter2@host".to_owned()),
            prefix: "deadheat:".to_owned(),
            budget: false,
            armed: true,
        };
        for printed in [format!("{assignment:?}"), format!("{:#?}", Some(&assignment))] {
            assert!(!printed.contains("hunter2") && printed.contains("cell: 3"), "{printed}");
        }
    }

    #[test]
    fn money_beyond_64_bits_is_read_back() {
        let most = (u64::MAX, 7, i128::from(u64::MAX) * 1_000_003);
        let text = serde_json::to_string(&ToRun::Reserve { job: 3, most }).expect("JSON");
        let Ok(ToRun::Reserve { job: 3, most: back }) = serde_json::from_str(&text) else { panic!("{text}") };
        assert_eq!(back, most);
    }
}
