//! A client and a provider with a gate in one thread on a virtual clock: small enough to be read, and written
//! apart from the built-in provider, so that one mistake cannot hide in both.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod clients;
mod run;

use deadheat::explore::{Entry, Line};
use deadheat::faults::{FaultKind, Status};
use deadheat::history::{JobId, JobKey};
use deadheat::schedule::*;
use deadheat::summary::Invariant;
pub(crate) use run::Client;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

const SERVICE: Duration = Duration::from_millis(10);
const TOKENS: u64 = 10;
const END: Duration = Duration::from_secs(600);

/// What a client hears.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Ok { of: u64 },
    Status { code: u16, permanent: bool, wait: Duration },
    Broken,
    TimedOut,
}

#[derive(Debug)]
struct Req {
    key: RequestKey,
    arrived: Duration,
    strike: Option<FaultKind>,
    /// Still to be met.
    holds: Vec<Until>,
    held: bool,
    released: Option<Duration>,
    over: bool,
    reply: Option<Reply>,
    free: bool,
}

/// Both sides' books.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Tokens billed, by request.
    pub(crate) billed: BTreeMap<RequestKey, u64>,
    /// By job: whose answer the client took for it; `None` is an admitted failure.
    pub(crate) results: BTreeMap<u64, Option<u64>>,
    /// Totals by name: what the client counted.
    pub(crate) totals: BTreeMap<u64, u64>,
    pub(crate) stuck: bool,
    /// Two were at work under one lock.
    pub(crate) overlap: bool,
}

pub(crate) struct World {
    now: Duration,
    schedule: Schedule,
    reqs: Vec<Req>,
    alarms: Vec<Duration>,
    trace: Trace,
    lines: Vec<Line>,
    active: Duration,
    draws: u64,
    changes: u64,
    pub(crate) books: Books,
}

/// What a client holds of the world.
#[derive(Clone)]
pub(crate) struct Api(pub(crate) Rc<RefCell<World>>);

/// What became of each rule: on how much it was checked, or what broke it.
pub(crate) type Judged = Vec<(Invariant, Result<u64, String>)>;

pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;

pub(crate) fn key(job: u64, attempt: u32) -> RequestKey {
    RequestKey::new(JobKey::Own(JobId { cell: 0, index: job }), attempt)
}

impl World {
    fn step(&mut self, request: &RequestKey, event: TraceEvent) {
        self.changes += 1;
        self.trace.steps.push(TraceStep { at: self.now, request: request.clone(), event });
        if !matches!(event, TraceEvent::Struck { .. }) {
            self.active = self.now;
        }
    }

    fn arrive(&mut self, key: RequestKey, free: bool) -> usize {
        self.step(&key, TraceEvent::Arrived);
        let strike = self.schedule.faults.iter().find(|strike| strike.request == key).map(|s| s.kind.clone());
        if strike.is_some() {
            self.step(&key, TraceEvent::Struck { fault: "fault" });
        }
        let holds: Vec<Until> =
            self.schedule.holds.iter().filter(|hold| hold.request == key).map(|h| h.until.clone()).collect();
        let held = !holds.is_empty() || self.schedule.fallback != Fallback::Respond;
        let at = self.reqs.len();
        let arrived = self.now;
        self.reqs.push(Req {
            key,
            arrived,
            strike,
            holds,
            held,
            released: None,
            over: false,
            reply: None,
            free,
        });
        if !held {
            self.release(at, Why::Free);
        }
        at
    }

    fn release(&mut self, at: usize, why: Why) {
        let key = self.reqs[at].key.clone();
        self.reqs[at].released = Some(self.now);
        self.step(&key, TraceEvent::Released { why });
    }

    /// Ends a request; whatever was generated for it is billed.
    fn end(&mut self, at: usize, left: bool) {
        let req = &mut self.reqs[at];
        req.over = true;
        let index = req.key.job.own().expect("a job of this world").index;
        let status = |code, permanent, wait| Reply::Status { code, permanent, wait };
        let short = Duration::from_millis(20);
        let (reply, accepted) = match &req.strike {
            None => (Reply::Ok { of: index }, true),
            Some(FaultKind::RateLimit(limit)) => {
                (status(429, false, limit.retry_after.unwrap_or(short)), false)
            }
            Some(FaultKind::QuotaExhausted(_)) => (status(429, true, short), false),
            Some(FaultKind::Status(Status { code })) => (status(*code, *code < 500, short), false),
            Some(FaultKind::GatewayTimeout(_)) => (status(504, false, short), true),
            Some(FaultKind::ErrorEvent(_)) => (Reply::Broken, false),
            Some(_) => (Reply::Broken, true),
        };
        let billed = if accepted && !req.free { TOKENS } else { 0 };
        let (key, event, code) = match (&reply, left) {
            (_, true) => (req.key.clone(), TraceEvent::Left, None),
            (Reply::Ok { .. }, _) => (req.key.clone(), TraceEvent::Answered { status: Some(200) }, Some(200)),
            (Reply::Status { code, .. }, _) => {
                (req.key.clone(), TraceEvent::Answered { status: Some(*code) }, Some(*code))
            }
            _ => (req.key.clone(), TraceEvent::Cut, None),
        };
        req.reply = Some(if left { Reply::TimedOut } else { reply });
        self.books.billed.insert(key.clone(), billed);
        let entry = Entry::Ledger { request: key.clone(), status: code, delivered: billed, billed };
        self.lines.push(Line { at: self.now, job: key.job.clone(), entry });
        self.step(&key, event);
    }

    fn waiting(&self) -> impl Iterator<Item = usize> {
        (0..self.reqs.len()).filter(|n| {
            let req = &self.reqs[*n];
            req.held && req.holds.is_empty() && req.released.is_none() && !req.over
        })
    }

    fn is_over(&self, key: &RequestKey) -> bool {
        self.reqs.iter().any(|req| req.key == *key && req.over)
    }

    /// Whatever is due at this moment, one thing at a time; false if nothing is.
    fn turn(&mut self) -> bool {
        let due = |at: Duration| at <= self.now;
        let open = |req: &Req| !req.over;
        let ready = |req: &Req| open(req) && req.released.is_some_and(|at| due(at + SERVICE));
        if let Some(n) = self.reqs.iter().position(ready) {
            self.end(n, false);
            return true;
        }
        for n in 0..self.reqs.len() {
            let req = &self.reqs[n];
            if req.over || req.released.is_some() || req.holds.is_empty() {
                continue;
            }
            let met = |until: &Until| match until {
                Until::Answered(other) => self.is_over(other).then_some(Why::Met),
                Until::After(time) => due(req.arrived + *time).then_some(Why::TimeUp),
                Until::Disconnect => None,
            };
            let late = due(req.arrived + self.schedule.patience);
            let waits = |until: &Until| matches!(until, Until::Answered(_));
            if late && let Some(bad) = req.holds.iter().find(|until| waits(until)).cloned() {
                let request = req.key.clone();
                self.trace.infeasible.push(Hold { request, until: bad });
                self.reqs[n].holds.clear();
                self.release(n, Why::Infeasible);
                return true;
            }
            if let Some(why) = req.holds.iter().map(met).collect::<Option<Vec<_>>>() {
                self.reqs[n].holds.clear();
                self.release(n, why.last().copied().unwrap_or(Why::Met));
                return true;
            }
        }
        if due(self.active + self.schedule.quiet) && self.waiting().next().is_some() {
            self.pick();
            return true;
        }
        false
    }

    fn pick(&mut self) {
        let mut waiting: Vec<usize> = self.waiting().collect();
        match self.schedule.fallback {
            Fallback::Fifo => waiting.truncate(1),
            Fallback::Reverse => waiting = waiting.split_off(waiting.len() - 1),
            Fallback::Burst | Fallback::Respond => {}
            Fallback::Random | Fallback::Lanes { .. } => {
                waiting.sort_by_key(|n| self.reqs[*n].key.clone());
                let draw = self.schedule.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (self.draws << 7);
                self.draws += 1;
                let chosen = (draw.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) as usize % waiting.len();
                waiting = vec![waiting[chosen]];
            }
        }
        for n in waiting {
            self.release(n, Why::Picked);
        }
    }

    /// When something is due next.
    fn next(&self) -> Option<Duration> {
        let mut times: Vec<Duration> = self.alarms.iter().copied().filter(|at| *at > self.now).collect();
        for req in self.reqs.iter().filter(|req| !req.over) {
            times.extend(req.released.map(|at| at + SERVICE));
            if req.released.is_none() && !req.holds.is_empty() {
                times.push(req.arrived + self.schedule.patience);
                times.extend(req.holds.iter().filter_map(|until| match until {
                    Until::After(time) => Some(req.arrived + *time),
                    _ => None,
                }));
            }
        }
        if self.waiting().next().is_some() {
            times.push(self.active + self.schedule.quiet);
        }
        times.into_iter().filter(|at| *at > self.now).min()
    }
}

impl Api {
    /// One request on the wire; `free` if the provider knows its idempotency key by now.
    pub(crate) fn call(&self, key: RequestKey, timeout: Option<Duration>, free: bool) -> Call {
        Call { api: self.clone(), key, timeout, free, at: None }
    }

    pub(crate) fn sleep(&self, long: Duration) -> impl Future<Output = ()> + use<> {
        let api = self.clone();
        let until = self.0.borrow().now + long;
        self.0.borrow_mut().alarms.push(until);
        std::future::poll_fn(move |_| match api.0.borrow().now >= until {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
    }

    pub(crate) fn result(&self, job: u64, answer: Option<u64>) {
        let mut world = self.0.borrow_mut();
        let (at, key) = (world.now, key(job, 1).job);
        world.lines.push(Line { at, job: key, entry: Entry::Client("took an answer".to_owned()) });
        world.books.results.insert(job, answer);
        world.changes += 1;
    }

    pub(crate) fn now(&self) -> Duration {
        self.0.borrow().now
    }

    pub(crate) fn changed(&self) {
        self.0.borrow_mut().changes += 1;
    }
}

/// A request under way. Dropping it hangs up.
pub(crate) struct Call {
    api: Api,
    key: RequestKey,
    timeout: Option<Duration>,
    free: bool,
    at: Option<usize>,
}

impl Future for Call {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Reply> {
        let api = self.api.clone();
        let mut world = api.0.borrow_mut();
        let Some(at) = self.at else {
            if let Some(timeout) = self.timeout {
                let alarm = world.now + timeout;
                world.alarms.push(alarm);
            }
            self.at = Some(world.arrive(self.key.clone(), self.free));
            return Poll::Pending;
        };
        if let Some(reply) = world.reqs[at].reply.clone() {
            return Poll::Ready(reply);
        }
        let arrived = world.reqs[at].arrived;
        if self.timeout.is_some_and(|timeout| world.now >= arrived + timeout) {
            world.end(at, true);
            return Poll::Ready(Reply::TimedOut);
        }
        Poll::Pending
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Ok(mut world) = self.api.0.try_borrow_mut() else { return };
        if let Some(at) = self.at.filter(|at| !world.reqs[*at].over) {
            world.end(at, true);
        }
    }
}
