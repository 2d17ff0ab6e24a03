//! The core under a virtual clock, with clients that send when they are told and hang up when they are told.
#![allow(clippy::unwrap_used, reason = "a test helper: what fails here fails the test")]

use deadheat::history::LedgerEntry;
use deadheat::mock::{Admitted, Arrival, Core, MockConfig, Move, Play, PlayEnd};
use deadheat::plan::{Dist, Limits, MockPlan};
use deadheat::schedule::{RequestKey, Schedule, TraceEvent, Why};
use std::time::Duration;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const TTFT: Duration = Duration::from_millis(20);

pub(crate) fn plan() -> MockPlan {
    MockPlan {
        ttft: Dist::Constant(TTFT),
        itl: Dist::Constant(MS),
        stall: None,
        tokens_per_chunk: 1,
        limits: Limits::default(),
        bill_after_disconnect: false,
        idempotency: false,
    }
}

pub(crate) fn key(job: u64, attempt: u32) -> RequestKey {
    RequestKey::new(format!("job:{job:04}").as_str(), attempt)
}

/// One request of a client: when it is sent, and when its client hangs up.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) at: Duration,
    pub(crate) job: u64,
    pub(crate) attempt: u32,
    pub(crate) idempotency_key: Option<&'static str>,
    pub(crate) leaves: Option<Duration>,
}

pub(crate) fn ask(at_ms: u32, job: u64) -> Ask {
    Ask { at: at_ms * MS, job, attempt: 1, idempotency_key: None, leaves: None }
}

pub(crate) fn arrival(ask: &Ask) -> Arrival {
    let body = format!(
        r#"{{"model":"m","messages":[{{"content":"one two [job:{:04}]"}}],"max_tokens":6,"stream":true,"stream_options":{{"include_usage":true}}}}"#,
        ask.job
    );
    let (tag, attempt) = (format!("job:{:04}", ask.job), ask.attempt.to_string());
    let header = |name: &str| match name {
        "x-deadheat-job" => Some(tag.as_str()),
        "x-deadheat-attempt" => Some(attempt.as_str()),
        "idempotency-key" => ask.idempotency_key,
        _ => None,
    };
    Arrival::read(header, body.as_bytes())
}

/// The core and the clients of its requests.
pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) waiting: Vec<(u64, Option<Duration>)>,
    pub(crate) driven: Vec<(Box<Play>, Option<Duration>)>,
    pub(crate) ledger: Vec<LedgerEntry>,
    pub(crate) now: Duration,
}

impl World {
    pub(crate) fn new(plan: MockPlan, schedule: Option<Schedule>) -> Self {
        let mut config = MockConfig::new("mock", plan);
        config.schedule = schedule;
        Self {
            core: Core::new(config.core(0)),
            waiting: Vec::new(),
            driven: Vec::new(),
            ledger: Vec::new(),
            now: Duration::ZERO,
        }
    }

    pub(crate) fn arrive(&mut self, ask: &Ask) {
        match self.core.arrive(ask.at, arrival(ask)) {
            Admitted::Answer(play) => self.driven.push((play, ask.leaves)),
            Admitted::Queued(seq) => self.waiting.push((seq, ask.leaves)),
        }
        self.settle();
    }

    /// Requests that were started are driven from now on.
    pub(crate) fn settle(&mut self) {
        for play in self.core.take_started() {
            let at = self.waiting.iter().position(|(seq, _)| *seq == play.seq()).expect("a waiting client");
            self.driven.push((play, self.waiting.remove(at).1));
        }
    }

    /// All that happens at `now`, until nothing more does; when something happens next.
    pub(crate) fn turn(&mut self, now: Duration) -> Option<Duration> {
        self.core.advance(now);
        self.settle();
        let mut next = None;
        let mut soonest = |time: Option<Duration>| next = next.into_iter().chain(time).min();
        let gone = |leaves: &Option<Duration>| leaves.is_some_and(|at| at <= now);
        // One after the other: who leaves may make room for one who leaves at the same moment.
        while let Some(at) = self.waiting.iter().position(|(_, leaves)| gone(leaves)) {
            let (seq, _) = self.waiting.remove(at);
            self.ledger.extend(self.core.leave(now, seq, PlayEnd::Gone));
            self.settle();
        }
        let mut index = 0;
        while index < self.driven.len() {
            let (play, leaves) = &mut self.driven[index];
            let how = match if gone(leaves) { None } else { Some(play.next(now)) } {
                None => PlayEnd::Gone,
                Some(Move::Wait(until)) => {
                    soonest(until);
                    index += 1;
                    continue;
                }
                Some(Move::Head(_) | Move::Bytes(_)) => continue,
                Some(Move::Last(_) | Move::Close | Move::Reset) => PlayEnd::Done,
            };
            let (play, _) = self.driven.remove(index);
            self.ledger.push(self.core.end(now, play, how));
            soonest(Some(now));
        }
        self.settle();
        self.driven.iter().for_each(|(_, leaves)| soonest(*leaves));
        self.waiting.iter().for_each(|(_, leaves)| soonest(*leaves));
        soonest(self.core.next_advance());
        next
    }

    /// Lets everything that is asked for happen, and ends when nothing more does.
    pub(crate) fn run(mut self, asks: &[Ask]) -> Self {
        let mut asks = asks.iter().peekable();
        let mut next = Some(self.now);
        for _ in 0..100_000 {
            let due = asks.peek().map(|ask| ask.at).into_iter().chain(next).min();
            let Some(now) = due else { return self };
            self.now = now;
            while let Some(ask) = asks.next_if(|ask| ask.at <= now) {
                self.arrive(ask);
            }
            next = self.turn(now);
        }
        panic!("it goes on for ever: {:?}", self.core.trace());
    }

    pub(crate) fn entry(&self, job: u64) -> &LedgerEntry {
        let tag = format!("job:{job:04}");
        self.ledger.iter().find(|entry| entry.job.to_string() == tag).expect("an entry")
    }

    pub(crate) fn why(&self, job: u64) -> Vec<Why> {
        let steps = self.core.trace().steps;
        let of =
            |event: &TraceEvent| if let TraceEvent::Released { why } = event { Some(*why) } else { None };
        steps.iter().filter(|step| step.request == key(job, 1)).filter_map(|step| of(&step.event)).collect()
    }
}
