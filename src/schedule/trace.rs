//! What a gate saw and did, in order.

use super::{Hold, RequestKey, Strike};
use crate::clock::ns;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// What happened to a request at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum TraceEvent {
    /// The whole request was there.
    Arrived,
    /// A fault struck it; of the schedule or of the scenario.
    Struck {
        /// The fault's name.
        fault: &'static str,
    },
    /// Its answer may leave from now on.
    Released {
        /// What let it go.
        why: Why,
    },
    /// Its answer was handed over to the end that it was meant to have.
    Answered {
        /// Its status.
        status: Option<u16>,
    },
    /// Its client hung up first.
    Left,
    /// The provider cut or reset its answer, or its ledger was closed over it.
    Cut,
}

impl TraceEvent {
    /// Whether the request is over with it.
    #[must_use]
    pub fn ends(self) -> bool {
        matches!(self, Self::Answered { .. } | Self::Left | Self::Cut)
    }
}

/// What let a request go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Nothing held it.
    Free,
    /// The request it waited for was over.
    Met,
    /// Its time was up.
    TimeUp,
    /// Its client hung up, as the hold asked for.
    Disconnected,
    /// The request it waited for did not end in time.
    Infeasible,
    /// The fallback chose it at silence.
    Picked,
    /// The schedule was taken away.
    Closed,
}

/// One event of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceStep {
    /// Since the run's epoch; written in nanoseconds.
    #[serde(rename = "at_ns", serialize_with = "nanoseconds")]
    pub at: Duration,
    /// Whose.
    pub request: RequestKey,
    /// What.
    #[serde(flatten)]
    pub event: TraceEvent,
}

/// What a schedule named and the gate never saw.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unseen {
    /// A hold whose request never came.
    Hold(Hold),
    /// A fault whose request never came.
    Fault(Strike),
}

/// What a gate saw and did.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Trace {
    /// In order.
    pub steps: Vec<TraceStep>,
    /// Holds that were given up.
    pub infeasible: Vec<Hold>,
    /// What named a request that has not come.
    pub unseen: Vec<Unseen>,
    /// Steps for which there was no room.
    pub forgotten: u64,
}

fn nanoseconds<S: Serializer>(time: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u64(ns(*time))
}
