//! Holds answers back, as a schedule says.
//!
//! A request has been decided on when its answer comes here: the gate only says when it may leave. It knows
//! requests by whose they are, reads no clock, and does not look at what it holds: `P` is whatever carries an
//! answer.

mod pick;
#[cfg(test)]
mod tests;

use crate::faults::FaultKind;
use crate::history::JobKey;
use crate::schedule::{
    Fallback, Hold, RequestKey, Schedule, Trace, TraceEvent, TraceStep, Unseen, Until, Why,
};
use pick::Picker;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// Most steps that are kept, so that a provider that serves for weeks stays bounded.
const STEPS_MAX: usize = 200_000;
/// Most attempts whose copies are counted.
const COUNTED_MAX: usize = 1_000_000;

/// A request that is not over.
#[derive(Debug, Clone)]
struct OpenRequest {
    key: RequestKey,
    arrived: Duration,
}

/// What a hold says at some time.
enum State {
    /// It is met, or given up.
    Free(Why),
    /// Not before this, unless another request ends; `None` is until its client hangs up.
    Held(Option<Duration>),
}

/// A gate and everything it holds.
#[derive(Debug)]
pub(super) struct Gate<P> {
    schedule: Schedule,
    /// Which holds name which request.
    holds: HashMap<RequestKey, Vec<usize>>,
    /// Holds that were given up.
    given_up: Vec<usize>,
    /// Requests that some hold waits for, and whether they are over.
    awaited: HashMap<RequestKey, bool>,
    /// Requests that the schedule names, and that came.
    seen: HashSet<RequestKey>,
    /// How often each attempt came; the key's `repeat` is 0.
    counted: HashMap<RequestKey, u32>,
    /// By number of arrival.
    open: HashMap<u64, OpenRequest>,
    /// Answers that a hold names, by number of arrival.
    named: BTreeMap<u64, P>,
    /// Answers that the fallback holds, by number of arrival.
    pool: BTreeMap<u64, P>,
    /// Answers that were released and are not over, and since when.
    busy: HashMap<u64, Duration>,
    /// The last arrival, release or end.
    last: Duration,
    /// The last time that was let pass.
    now: Duration,
    picks: Picker,
    steps: Vec<TraceStep>,
    forgotten: u64,
    /// Nothing is held any more.
    closed: bool,
}

impl<P> Gate<P> {
    /// A gate that nothing has come to.
    pub(super) fn new(schedule: Schedule) -> Self {
        let mut holds: HashMap<RequestKey, Vec<usize>> = HashMap::new();
        let mut awaited = HashMap::new();
        for (index, hold) in schedule.holds.iter().enumerate() {
            holds.entry(hold.request.clone()).or_default().push(index);
            if let Until::Answered(other) = &hold.until {
                awaited.insert(other.clone(), false);
            }
        }
        Self {
            picks: Picker::new(schedule.seed, schedule.fallback),
            schedule,
            holds,
            given_up: Vec::new(),
            awaited,
            seen: HashSet::new(),
            counted: HashMap::new(),
            open: HashMap::new(),
            named: BTreeMap::new(),
            pool: BTreeMap::new(),
            busy: HashMap::new(),
            last: Duration::ZERO,
            now: Duration::ZERO,
            steps: Vec::new(),
            forgotten: 0,
            closed: false,
        }
    }

    /// This schedule instead, with what is in progress. Nothing may be held. Copies are counted anew.
    pub(super) fn follow(self, schedule: Schedule) -> Self {
        Self { open: self.open, last: self.last, now: self.now, ..Self::new(schedule) }
    }

    pub(super) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// A request has come, as number `seq`. Its name.
    pub(super) fn arrive(&mut self, now: Duration, seq: u64, job: &JobKey, attempt: u32) -> RequestKey {
        let mut key = RequestKey { job: job.clone(), attempt, repeat: 0 };
        if let Some(count) = self.counted.get_mut(&key) {
            key.repeat = *count;
            *count = count.saturating_add(1);
        } else if self.counted.len() < COUNTED_MAX {
            self.counted.insert(key.clone(), 1);
        }
        let struck = self.schedule.faults.iter().any(|strike| strike.request == key);
        if struck || self.holds.contains_key(&key) {
            self.seen.insert(key.clone());
        }
        self.open.insert(seq, OpenRequest { key: key.clone(), arrived: now });
        self.step(now, key.clone(), TraceEvent::Arrived);
        self.last = now;
        key
    }

    /// The fault that the schedule has for this request.
    pub(super) fn strike(&self, key: &RequestKey) -> Option<FaultKind> {
        let strike = self.schedule.faults.iter().find(|strike| strike.request == *key);
        strike.map(|strike| strike.kind.clone())
    }

    /// A fault has struck it.
    pub(super) fn struck(&mut self, now: Duration, seq: u64, fault: &'static str) {
        self.note(now, seq, TraceEvent::Struck { fault });
    }

    /// The answer to request `seq` is there; `None` if it is held.
    pub(super) fn pass(&mut self, now: Duration, seq: u64, answer: P) -> Option<P> {
        // A request that came before the gate was set is none of its business.
        let Some(OpenRequest { key, arrived }) = self.open.get(&seq) else { return Some(answer) };
        if self.closed {
            self.release(now, seq, Why::Closed);
            return Some(answer);
        }
        match self.holds.get(key).map(|holds| self.state(holds, *arrived, now)) {
            None if self.schedule.fallback == Fallback::Respond => {
                self.release(now, seq, Why::Free);
                Some(answer)
            }
            None => {
                self.pool.insert(seq, answer);
                self.last = now;
                None
            }
            Some(State::Free(why)) => {
                self.release(now, seq, why);
                Some(answer)
            }
            Some(State::Held(_)) => {
                self.named.insert(seq, answer);
                None
            }
        }
    }

    /// The client of a held answer has gone; `None` if it is not held. [`Self::over`] follows.
    pub(super) fn leave(&mut self, now: Duration, seq: u64) -> Option<P> {
        if let Some(answer) = self.pool.remove(&seq) {
            return Some(answer);
        }
        let answer = self.named.remove(&seq)?;
        let asked_for = self.open.get(&seq).and_then(|open| self.holds.get(&open.key));
        let until = |index: &usize| self.schedule.holds[*index].until == Until::Disconnect;
        if asked_for.is_some_and(|holds| holds.iter().any(until)) {
            self.note(now, seq, TraceEvent::Released { why: Why::Disconnected });
        }
        Some(answer)
    }

    /// Request `seq` is over. Who waited for it leaves with the next [`Self::advance`].
    pub(super) fn over(&mut self, now: Duration, seq: u64, event: TraceEvent) {
        let Some(open) = self.open.remove(&seq) else { return };
        if let Some(over) = self.awaited.get_mut(&open.key) {
            *over = true;
        }
        self.busy.remove(&seq);
        self.last = now;
        self.step(now, open.key, event);
    }

    /// Lets time pass. Answers that may leave are handed to `released`.
    pub(super) fn advance(&mut self, now: Duration, released: &mut dyn FnMut(P)) {
        self.now = now;
        let mut free: Vec<(RequestKey, u64, Why)> = Vec::new();
        for seq in self.named.keys() {
            let Some(OpenRequest { key, arrived }) = self.open.get(seq) else { continue };
            let holds = self.holds.get(key).map_or(&[][..], Vec::as_slice);
            if let State::Free(why) = self.state(holds, *arrived, now) {
                free.push((key.clone(), *seq, why));
            }
        }
        // Requests that are free at once leave by name: arrival numbers differ between runs.
        free.sort_by(|(a, first, _), (b, second, _)| a.cmp(b).then(first.cmp(second)));
        for (_, seq, why) in free {
            if let Some(answer) = self.named.remove(&seq) {
                self.release(now, seq, why);
                released(answer);
            }
        }
        if self.silent_at().is_some_and(|due| due <= now) {
            for seq in
                self.picks.next(self.pool.keys().filter_map(|seq| Some((*seq, &self.open.get(seq)?.key))))
            {
                if let Some(answer) = self.pool.remove(&seq) {
                    self.release(now, seq, Why::Picked);
                    released(answer);
                }
            }
        }
    }

    /// When [`Self::advance`] is due, unless another event comes first.
    pub(super) fn next_advance(&self) -> Option<Duration> {
        let held = self.named.keys().filter_map(|seq| {
            let OpenRequest { key, arrived } = self.open.get(seq)?;
            match self.state(self.holds.get(key)?, *arrived, self.now) {
                State::Held(until) => until,
                State::Free(_) => Some(self.now),
            }
        });
        held.chain(self.silent_at()).min()
    }

    /// Lets everything go, and from now on whatever comes: the schedule is being taken away.
    pub(super) fn close(&mut self, now: Duration, released: &mut dyn FnMut(P)) {
        self.closed = true;
        for (seq, answer) in std::mem::take(&mut self.named).into_iter().chain(std::mem::take(&mut self.pool))
        {
            self.release(now, seq, Why::Closed);
            released(answer);
        }
    }

    /// Forgets everything but the schedule and what is in progress.
    pub(super) fn reset(&mut self) {
        self.counted.clear();
        self.seen.clear();
        self.given_up.clear();
        self.awaited.values_mut().for_each(|over| *over = false);
        self.picks = Picker::new(self.schedule.seed, self.schedule.fallback);
        self.steps.clear();
        self.forgotten = 0;
    }

    /// What happened so far.
    pub(super) fn trace(&self) -> Trace {
        let Schedule { holds, faults, .. } = &self.schedule;
        let unseen =
            holds.iter().filter(|hold| !self.seen.contains(&hold.request)).cloned().map(Unseen::Hold);
        let missed = faults.iter().filter(|strike| !self.seen.contains(&strike.request)).cloned();
        Trace {
            steps: self.steps.clone(),
            infeasible: self.given_up.iter().map(|index| holds[*index].clone()).collect(),
            unseen: unseen.chain(missed.map(Unseen::Fault)).collect(),
            forgotten: self.forgotten,
        }
    }

    /// Answers that are held now.
    pub(super) fn held(&self) -> usize {
        self.named.len() + self.pool.len()
    }
}

impl<P> Gate<P> {
    /// Whether a request that came at `arrived` may leave: every hold must be met.
    fn state(&self, holds: &[usize], arrived: Duration, now: Duration) -> State {
        let (mut why, mut next, mut held, mut for_ever) = (Why::TimeUp, None, false, false);
        for index in holds {
            let Hold { until, .. } = &self.schedule.holds[*index];
            let (met, by) = match until {
                Until::After(time) => (Why::TimeUp, Some(arrived.saturating_add(*time))),
                Until::Disconnect => (Why::Disconnected, None),
                Until::Answered(other) if self.awaited.get(other) == Some(&true) => (Why::Met, Some(arrived)),
                Until::Answered(_) => (Why::Infeasible, Some(arrived.saturating_add(self.schedule.patience))),
            };
            if by.is_none_or(|by| by > now) {
                held = true;
                for_ever |= by.is_none();
                next = next.max(by);
            } else if why != Why::Infeasible && met != Why::TimeUp {
                why = met;
            }
        }
        if held { State::Held(next.filter(|_| !for_ever)) } else { State::Free(why) }
    }

    /// When the pool has been silent for long enough; `None` while it is empty.
    fn silent_at(&self) -> Option<Duration> {
        if self.pool.is_empty() {
            return None;
        }
        let quiet = self.last.saturating_add(self.schedule.quiet);
        // While an answer is on its way something may follow from it, but not for ever.
        let on_its_way = self.busy.values().max().map(|since| since.saturating_add(self.schedule.patience));
        Some(on_its_way.map_or(quiet, |until| until.max(quiet)))
    }

    fn release(&mut self, now: Duration, seq: u64, why: Why) {
        if why == Why::Infeasible
            && let Some(holds) = self.open.get(&seq).and_then(|open| self.holds.get(&open.key))
        {
            let unmet = holds.iter().filter(|index| match &self.schedule.holds[**index].until {
                Until::Answered(other) => self.awaited.get(other) == Some(&false),
                _ => false,
            });
            self.given_up.extend(unmet);
        }
        self.busy.insert(seq, now);
        self.last = now;
        self.note(now, seq, TraceEvent::Released { why });
    }

    fn note(&mut self, now: Duration, seq: u64, event: TraceEvent) {
        if let Some(key) = self.open.get(&seq).map(|open| open.key.clone()) {
            self.step(now, key, event);
        }
    }

    fn step(&mut self, at: Duration, request: RequestKey, event: TraceEvent) {
        if self.steps.len() >= STEPS_MAX {
            self.forgotten += 1;
            return;
        }
        self.steps.push(TraceStep { at, request, event });
    }
}
