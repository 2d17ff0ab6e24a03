//! A gate's trace by request: when each came, what the gate did with it, how it ended.

use crate::schedule::{RequestKey, Trace, TraceEvent, Why};
use std::collections::HashMap;
use std::time::Duration;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestEnd {
    /// The answer was handed over.
    Answered(Option<u16>),
    /// The client hung up.
    Left,
    /// The provider broke off.
    Cut,
}

/// A moment: when, and which step of the trace it was, so that moments of one instant keep their order.
pub(super) type Moment = (Duration, usize);

/// What became of one request.
#[derive(Debug, Clone)]
pub(super) struct RequestRecord {
    pub(super) request: RequestKey,
    pub(super) arrived: Moment,
    pub(super) struck: Option<&'static str>,
    pub(super) released: Option<(Moment, Why)>,
    pub(super) over: Option<(Moment, RequestEnd)>,
}

impl RequestRecord {
    /// Whether the answer was handed over whole or as an error: the client has been told.
    pub(super) fn answered(&self) -> Option<Moment> {
        match self.over {
            Some((at, RequestEnd::Answered(_) | RequestEnd::Cut)) => Some(at),
            _ => None,
        }
    }

    /// Whether both were in flight at some moment.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let end = |life: &Self| life.over.map_or((Duration::MAX, usize::MAX), |(at, _)| at);
        self.arrived < end(other) && other.arrived < end(self)
    }

    /// After how long the client hung up; `None` if it did not.
    pub(super) fn hung_up_after(&self) -> Option<Duration> {
        match self.over {
            Some((at, RequestEnd::Left)) => Some(at.0.saturating_sub(self.arrived.0)),
            _ => None,
        }
    }

    /// How long it was in flight; `None` if it was still open at the end.
    pub(super) fn lasted(&self) -> Option<Duration> {
        self.over.map(|((at, _), _)| at.saturating_sub(self.arrived.0))
    }
}

/// All requests of one run, in the order of their arrival.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestRecords {
    pub(super) list: Vec<RequestRecord>,
    index: HashMap<RequestKey, usize>,
}

impl RequestRecords {
    pub(super) fn of(trace: &Trace) -> Self {
        let mut lives = Self::default();
        for (n, step) in trace.steps.iter().enumerate() {
            let moment = (step.at, n);
            if matches!(step.event, TraceEvent::Arrived) {
                lives.index.insert(step.request.clone(), lives.list.len());
                let request = step.request.clone();
                lives.list.push(RequestRecord {
                    request,
                    arrived: moment,
                    struck: None,
                    released: None,
                    over: None,
                });
                continue;
            }
            let Some(life) = lives.index.get(&step.request).and_then(|i| lives.list.get_mut(*i)) else {
                continue;
            };
            match step.event {
                TraceEvent::Arrived => {}
                TraceEvent::Struck { fault } => life.struck = Some(fault),
                TraceEvent::Released { why } => life.released = Some((moment, why)),
                TraceEvent::Answered { status } => life.end(moment, RequestEnd::Answered(status)),
                TraceEvent::Left => life.end(moment, RequestEnd::Left),
                TraceEvent::Cut => life.end(moment, RequestEnd::Cut),
            }
        }
        lives
    }

    pub(super) fn get(&self, request: &RequestKey) -> Option<&RequestRecord> {
        self.index.get(request).and_then(|i| self.list.get(*i))
    }

    /// The most that were in flight at once.
    pub(super) fn most_in_flight(&self) -> usize {
        let begun = self.list.iter().map(|life| (life.arrived, true));
        let ended = self.list.iter().filter_map(|life| life.over.map(|(at, _)| (at, false)));
        let mut moments: Vec<(Moment, bool)> = begun.chain(ended).collect();
        moments.sort_unstable();
        let (mut open, mut most) = (0_usize, 0);
        for (_, begins) in moments {
            open = if begins { open + 1 } else { open.saturating_sub(1) };
            most = most.max(open);
        }
        most
    }

    /// Everything that was answered, in the order of the answers.
    pub(super) fn by_answer(&self) -> Vec<&RequestRecord> {
        let mut answered: Vec<&RequestRecord> =
            self.list.iter().filter(|life| life.answered().is_some()).collect();
        answered.sort_by_key(|life| life.answered());
        answered
    }

    /// Releases, in order: when, and which request.
    pub(super) fn releases(&self) -> Vec<(Moment, usize, Why)> {
        let of = |(n, life): (usize, &RequestRecord)| life.released.map(|(at, why)| (at, n, why));
        let mut releases: Vec<_> = self.list.iter().enumerate().filter_map(of).collect();
        releases.sort_by_key(|(at, ..)| *at);
        releases
    }
}

impl RequestRecord {
    /// Only the first end counts.
    fn end(&mut self, at: Moment, over: RequestEnd) {
        self.over.get_or_insert((at, over));
    }
}
