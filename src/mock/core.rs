//! The provider without its sockets: one struct, one method per event.
//!
//! What attempts share (limits, places, occurrences, counts) is here; what belongs to one attempt alone is
//! in its [`Play`]. A lock around the core is therefore taken twice per attempt, never per chunk.

mod generate;
mod held;
mod replay;

use super::arrival::Arrival;
use super::errors::{self, Reply};
use super::fence::Fences;
use super::hold::Gate;
use super::identity::{Identity, Jobs};
use super::keys::Keys;
use super::limits::Limiter;
use super::play::{Play, PlayEnd, Record, Script};
use super::stats::Stats;
use super::turns::Turns;
use crate::clock::ns;
use crate::faults::{Effect, FaultKind, FaultRule};
use crate::history::{LedgerEnd, LedgerEntry};
use crate::plan::MockPlan;
use crate::schedule::Schedule;
use generate::{GenerationRequest, completion_tokens};
use replay::Called;
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh64::xxh64;

/// What a [`Core`] is made of.
#[derive(Debug, Clone)]
pub struct CoreConfig {
    /// The target's name in the ledger.
    pub name: String,
    /// How it behaves.
    pub plan: MockPlan,
    /// What it does wrong, first match first.
    pub faults: Vec<FaultRule>,
    /// Seeds latencies, nonces and faults.
    pub seed: u64,
    /// The wall clock at the run's epoch, whole seconds since 1970.
    pub epoch_utc_s: u64,
    /// Which answers it holds back; `None` holds none, and costs nothing.
    pub schedule: Option<Schedule>,
}

/// What becomes of a request that arrives.
#[derive(Debug)]
pub enum Admitted {
    /// It is answered from now on.
    Answer(Box<Play>),
    /// It waits for its turn, or is held, under this number; a later event [starts](Core::take_started) it.
    Queued(u64),
}

/// A queued attempt whose turn has come.
pub type Started = Box<Play>;

/// The built-in provider's state.
#[derive(Debug)]
pub struct Core {
    config: CoreConfig,
    plan: Arc<MockPlan>,
    /// By which answers from memory are timed.
    at_once: Arc<MockPlan>,
    limiter: Limiter,
    turns: Turns,
    jobs: Jobs,
    fences: Fences,
    keys: Keys,
    gate: Option<Gate<Box<Play>>>,
    seq: u64,
    started: Vec<Started>,
    stats: Stats,
}

impl Core {
    /// A provider to which nothing has happened yet.
    #[must_use]
    pub fn new(mut config: CoreConfig) -> Self {
        let gate = config.schedule.take().map(Gate::new);
        let limits = &config.plan.limits;
        Self {
            limiter: Limiter::new(limits),
            turns: Turns::new(limits.max_in_flight, limits.max_queue),
            plan: Arc::new(config.plan.clone()),
            at_once: replay::at_once(&config.plan),
            config,
            jobs: Jobs::default(),
            fences: Fences::default(),
            keys: Keys::default(),
            gate,
            seq: 0,
            started: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// A whole request has arrived.
    pub fn arrive(&mut self, now: Duration, request: Arrival) -> Admitted {
        self.advance(now);
        let who = self.jobs.identify(&request.job, request.attempt);
        let announced = request.read_timeout.and_then(|time| u64::try_from(time.as_millis()).ok());
        self.stats.read_timeout_max_ms = self.stats.read_timeout_max_ms.max(announced);
        let mut record = Record::new(self.entry(now, &request, who), request.dialect);
        let named = self.name(now, &record, who);
        let ask = match request.ask {
            Ok(ask) => ask,
            Err(refusal) => {
                let reply = errors::invalid_request(400, &refusal.message, refusal.param);
                return self.refuse(now, record, reply);
            }
        };
        record.entry.prompt_tokens = ask.prompt_tokens;
        if let Some(stale) = self.fence(request.lock.as_deref(), request.fencing_token) {
            record.entry.fenced = true;
            return self.refuse(now, record, stale);
        }
        let fault = self.strike(who, named.as_ref());
        if let Some(reply) = fault.as_ref().and_then(|kind| self.refusal(now, kind)) {
            self.struck(now, &mut record, fault.as_ref());
            return self.refuse(now, record, reply);
        }
        let key = match self.look_up(request.idempotency_key.as_deref(), request.body_hash) {
            Called::Generation(key) => key.map(|key| (key, request.body_hash)),
            Called::Refusal(reply) => return self.refuse(now, record, reply),
            // One more request, but no more tokens.
            Called::Replay(kept, until) => match self.limiter.admit(now, 0) {
                Ok(()) => {
                    let play = self.replay(now, record, ask, &kept, until);
                    return self.pass(now, play);
                }
                Err(over) => return self.refuse(now, record, errors::over_limit(&over, &ask.model)),
            },
        };
        let tokens = completion_tokens(&ask, request.own, who.index);
        let asked_for = ask.prompt_tokens + u64::from(ask.max_tokens.unwrap_or(tokens));
        if let Err(over) = self.limiter.admit(now, asked_for) {
            return self.refuse(now, record, errors::over_limit(&over, &ask.model));
        }
        if self.turns.refuses() {
            return self.refuse(now, record, errors::of_status(503));
        }
        self.struck(now, &mut record, fault.as_ref());
        let natural =
            if request.own || ask.max_tokens.is_none_or(|max| tokens < max) { "stop" } else { "length" };
        self.generate(
            now,
            record,
            who,
            GenerationRequest { ask, tokens, finish: natural, effect: fault.map(|kind| kind.effect()), key },
        )
    }

    /// An attempt has ended, by either side. Its ledger entry.
    #[must_use]
    pub fn end(&mut self, now: Duration, play: Box<Play>, how: PlayEnd) -> LedgerEntry {
        let in_turn = play.in_turn;
        let (entry, until) = play.close(now, how, self.plan.bill_after_disconnect);
        if in_turn {
            self.turns.ended(until);
        }
        self.stats.add(&entry);
        self.tell_end(now, entry.seq, how, entry.end, entry.status);
        self.advance(now);
        entry
    }

    /// The client of the queued or held attempt `seq` has gone, or the ledger is closed over it. Its ledger
    /// entry; `None` if it is neither (any more).
    #[must_use]
    pub fn leave(&mut self, now: Duration, seq: u64, how: PlayEnd) -> Option<LedgerEntry> {
        let bill_after = self.plan.bill_after_disconnect;
        let stays = |play: &Play| how == PlayEnd::Gone && (bill_after || play.always_billed);
        let play = match self.turns.leave(seq, stays) {
            Some(play) => play,
            None => self.leave_held(now, seq)?,
        };
        if how == PlayEnd::Open {
            self.keys.lost(seq);
        }
        Some(self.end(now, play, how))
    }

    /// Lets time pass: generations whose client has left end, and requests that wait for their places are
    /// started.
    pub fn advance(&mut self, now: Duration) {
        let (from, keys) = (self.started.len(), &mut self.keys);
        self.turns.advance(now, &mut self.started, &mut |seq, until| keys.begun(seq, until));
        for play in &self.started[from..] {
            if self.keys.waits_for(play.seq()) {
                let length = play.length().unwrap_or_default();
                self.keys.begun(play.seq(), now.saturating_add(length));
            }
        }
        self.stats.generating_max = self.stats.generating_max.max(self.turns.in_flight() as u64);
        self.pass_started(now, from);
    }

    /// When [`Self::advance`] is due, unless another event comes first.
    #[must_use]
    pub fn next_advance(&self) -> Option<Duration> {
        let held = self.gate.as_ref().and_then(Gate::next_advance);
        self.turns.next_advance().into_iter().chain(held).min()
    }

    /// The queued attempts whose turn came with the last events. They are to be driven like answers.
    #[must_use]
    pub fn take_started(&mut self) -> Vec<Started> {
        std::mem::take(&mut self.started)
    }

    /// Counts as of the last event.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        stats.generating = self.turns.in_flight() as u64;
        stats.queued = self.turns.queued() as u64;
        stats.held = self.gate.as_ref().map_or(0, Gate::held) as u64;
        stats
    }

    /// Attempts that arrived and have not ended.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.stats.open
    }

    /// The fault rules in force.
    #[must_use]
    pub fn faults(&self) -> &[FaultRule] {
        &self.config.faults
    }

    /// Adds a fault rule behind the others.
    pub fn add_fault(&mut self, rule: FaultRule) {
        self.config.faults.push(rule);
    }

    /// Removes all fault rules.
    pub fn clear_faults(&mut self) {
        self.config.faults.clear();
    }

    /// Forgets everything but the rules and what is in progress: buckets, occurrences, tokens, keys, counts.
    /// Numbers of arrival go on, so that no two entries share one.
    pub fn reset(&mut self) {
        self.limiter = Limiter::new(&self.plan.limits);
        self.jobs = Jobs::default();
        self.fences = Fences::default();
        self.keys = Keys::default();
        if let Some(gate) = &mut self.gate {
            gate.reset();
        }
        let open = self.stats.open;
        self.stats = Stats { open, open_max: open, received: open, ..Stats::default() };
    }
}

impl Core {
    fn entry(&mut self, now: Duration, request: &Arrival, who: Identity) -> LedgerEntry {
        self.seq += 1;
        self.stats.received += 1;
        (self.stats.jobs, self.stats.jobs_forgotten) = self.jobs.counts();
        self.stats.open += 1;
        self.stats.open_max = self.stats.open_max.max(self.stats.open);
        LedgerEntry {
            target: self.config.name.clone(),
            seq: self.seq,
            job: request.job.clone(),
            attempt: who.attempt,
            request_id: format!("req_{:016x}", xxh64(&self.seq.to_le_bytes(), self.config.seed)),
            nonce: None,
            arrived_ns: ns(now),
            first_byte_ns: None,
            first_content_ns: None,
            ended_ns: ns(now),
            gaps_us: Vec::new(),
            status: None,
            end: LedgerEnd::Open,
            fault: None,
            permanent: false,
            retry_after_ms: None,
            prompt_tokens: 0,
            delivered_tokens: 0,
            billed_prompt_tokens: 0,
            billed_completion_tokens: 0,
            text_hash: None,
            body_hash: format!("{:016x}", request.body_hash),
            idempotency_key: request.idempotency_key.clone(),
            sdk_retry: request.sdk_retry,
            lock: request.lock.clone(),
            lock_token: request.lock_token.or(request.fencing_token),
            fenced: false,
            replayed: false,
        }
    }

    /// The answer to a holder whose lock another client has held since. A client without a fencing token is
    /// not checked. A request that passes has passed, whatever becomes of the request behind the fence.
    fn fence(&mut self, lock: Option<&str>, token: Option<u64>) -> Option<Reply> {
        let (lock, token) = lock.zip(token)?;
        let passed = self.fences.pass(lock, token);
        self.stats.locks_forgotten = self.fences.forgotten();
        passed.err().map(|highest| errors::stale_token(token, highest))
    }

    /// The answer of a fault that refuses before anything is generated.
    fn refusal(&self, now: Duration, kind: &FaultKind) -> Option<Reply> {
        // The epoch's second is cut, so the wall clock is at most one second further.
        let utc_s =
            self.config.epoch_utc_s + u64::try_from(now.as_nanos().div_ceil(1_000_000_000)).unwrap_or(0) + 1;
        match kind.effect() {
            Effect::Refuse(refusal) => Some(errors::refusal(refusal, utc_s)),
            _ => None,
        }
    }

    fn refuse(&mut self, now: Duration, record: Record, reply: Reply) -> Admitted {
        let script = Script::Reply { at: now, reply, head_sent: false };
        self.answer_unseen(now, record, script, 0)
    }

    /// An answer that needs no place of its own.
    fn answer_unseen(
        &mut self,
        now: Duration,
        mut record: Record,
        script: Script,
        unseen_tokens: u64,
    ) -> Admitted {
        record.headers = self.limiter.headers(now);
        let start = Some(now);
        let play =
            Play { record, script, unseen_tokens, always_billed: false, held: false, start, in_turn: false };
        self.pass(now, Box::new(play))
    }
}
