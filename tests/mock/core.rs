//! The provider's core under a virtual clock: no socket, no thread, no waiting.

use deadheat::faults::{
    CutStream, ErrorEvent, FaultKind, FaultRule, FaultWhen, GatewayTimeout, HintForm, NeverAnswers,
    QuotaExhausted, RateLimit, ResetAfterAccept, ResetMidStream, Slow, Status,
};
use deadheat::history::{LedgerEnd, LedgerEntry};
use deadheat::mock::{Admitted, Arrival, Core, MockConfig, Move, Play, PlayEnd};
use deadheat::plan::{Dist, Limits, MockPlan};
use proptest::prelude::*;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn plan() -> MockPlan {
    MockPlan {
        ttft: Dist::Uniform(5 * MS, 50 * MS),
        itl: Dist::Uniform(MS, 4 * MS),
        stall: None,
        tokens_per_chunk: 1,
        limits: Limits::default(),
        bill_after_disconnect: true,
        idempotency: false,
    }
}

fn core(plan: MockPlan, faults: Vec<FaultRule>, seed: u64) -> Core {
    let mut config = MockConfig::new("mock", plan);
    (config.faults, config.seed) = (faults, seed);
    Core::new(config.core(1_735_689_600))
}

fn request(job: u64, attempt: Option<u32>, tokens: u32, stream: bool) -> Arrival {
    let body = format!(
        r#"{{"model":"m","messages":[{{"content":"one two [job:{job:04}]"}}],"max_tokens":{tokens},"stream":{stream}}}"#
    );
    let (tag, attempt) = (format!("job:{job:04}"), attempt.map(|n| n.to_string()));
    let header = |name: &str| match name {
        "x-deadheat-job" => Some(tag.as_str()),
        "x-deadheat-attempt" => attempt.as_deref(),
        _ => None,
    };
    Arrival::read(header, body.as_bytes())
}

fn answer(step: Admitted) -> Box<Play> {
    match step {
        Admitted::Answer(play) => play,
        Admitted::Queued(seq) => panic!("{seq} was queued"),
    }
}

/// Drives a play to its end, letting time jump; the bytes of its body and the ledger entry.
fn drive(core: &mut Core, mut now: Duration, mut play: Box<Play>) -> (Vec<u8>, LedgerEntry) {
    let mut body = Vec::new();
    loop {
        match play.next(now) {
            Move::Wait(Some(until)) => now = until,
            Move::Wait(None) => return (body, core.end(now, play, PlayEnd::Gone)),
            Move::Head(_) => {}
            Move::Bytes(bytes) => body.extend(bytes),
            Move::Last(bytes) => {
                body.extend(bytes);
                return (body, core.end(now, play, PlayEnd::Done));
            }
            Move::Close | Move::Reset => return (body, core.end(now, play, PlayEnd::Done)),
        }
    }
}

#[test]
fn one_seed_gives_one_ledger_whatever_the_order_of_arrival() {
    let ledger = |seed: u64, order: &mut dyn Iterator<Item = u64>| {
        let mut core = core(plan(), Vec::new(), seed);
        let mut entries: Vec<_> = order
            .map(|job| {
                let play = answer(core.arrive(MS, request(job, Some(1), 6, job % 2 == 0)));
                LedgerEntry { seq: 0, request_id: String::new(), ..drive(&mut core, MS, play).1 }
            })
            .collect();
        entries.sort_by(|a, b| a.job.cmp(&b.job));
        entries
    };
    assert_eq!(ledger(1, &mut (0..20)), ledger(1, &mut (0..20).rev()), "stamps and nonces included");
    assert_ne!(ledger(1, &mut (0..20)), ledger(2, &mut (0..20)));
}

#[test]
fn what_waits_for_its_turn_is_timed_from_its_turn() {
    let limits = Limits { max_in_flight: Some(1), ..Limits::default() };
    let plan = MockPlan { ttft: Dist::Constant(10 * MS), itl: Dist::Constant(MS), limits, ..plan() };
    let mut core = core(plan, Vec::new(), 1);
    let first = answer(core.arrive(Duration::ZERO, request(1, None, 4, true)));
    assert!(matches!(core.arrive(Duration::ZERO, request(2, None, 4, true)), Admitted::Queued(2)));
    let (_, entry) = drive(&mut core, Duration::ZERO, first);
    assert_eq!((entry.first_content_ns, entry.ended_ns), (Some(10_000_000), 13_000_000));
    assert_eq!(entry.gaps_us, [1000, 1000, 1000]);
    let second = core.take_started().pop().expect("its turn");
    let (_, entry) = drive(&mut core, 13 * MS, second);
    assert_eq!((entry.arrived_ns, entry.first_content_ns, entry.ended_ns), (0, Some(23_000_000), 26_000_000));
}

#[test]
fn a_generation_whose_client_left_holds_its_place_to_its_end() {
    let limits = Limits { max_in_flight: Some(1), ..Limits::default() };
    let plan = MockPlan { ttft: Dist::Constant(10 * MS), itl: Dist::Constant(MS), limits, ..plan() };
    for (bill_after_disconnect, starts) in [(true, 13 * MS), (false, 2 * MS)] {
        let mut core = core(MockPlan { bill_after_disconnect, ..plan.clone() }, Vec::new(), 1);
        let first = answer(core.arrive(Duration::ZERO, request(1, None, 4, true)));
        assert!(matches!(core.arrive(MS, request(2, None, 4, true)), Admitted::Queued(2)));
        let entry = core.end(2 * MS, first, PlayEnd::Gone);
        assert_eq!(
            (entry.end, entry.billed_completion_tokens > 0),
            (LedgerEnd::ClientClosed, bill_after_disconnect)
        );
        if bill_after_disconnect {
            assert_eq!((core.next_advance(), core.take_started().len()), (Some(starts), 0));
            core.advance(starts);
        }
        let second = core.take_started().pop().expect("its turn");
        assert_eq!(core.next_advance(), None);
        assert_eq!(drive(&mut core, starts, second).1.ended_ns, (starts + 13 * MS).as_nanos() as u64);
    }
}

#[test]
fn who_leaves_in_the_middle_pays_for_what_was_generated_by_then() {
    let plan = MockPlan {
        ttft: Dist::Constant(10 * MS),
        itl: Dist::Constant(MS),
        bill_after_disconnect: false,
        ..plan()
    };
    for (left_ms, stream, delivered, billed) in
        [(5, true, 0, 0), (12, true, 1, 3), (12, false, 0, 3), (99, true, 1, 9)]
    {
        let mut core = core(plan.clone(), Vec::new(), 1);
        let mut play = answer(core.arrive(Duration::ZERO, request(1, None, 9, stream)));
        if left_ms >= 10 {
            // Only what is due at 10 ms is fetched.
            let _ = (play.next(10 * MS), play.next(10 * MS));
        }
        let entry = core.end(left_ms * MS, play, PlayEnd::Gone);
        assert_eq!(
            (entry.delivered_tokens, entry.billed_completion_tokens),
            (delivered, billed),
            "{left_ms} ms"
        );
        assert_eq!(entry.billed_prompt_tokens, if billed > 0 { 3 } else { 0 });
    }
}

#[test]
fn a_repeated_attempt_is_another_generation() {
    let mut core = core(plan(), Vec::new(), 1);
    let mut nonce = |attempt| {
        let play = answer(core.arrive(MS, request(1, Some(attempt), 4, false)));
        drive(&mut core, MS, play).1.nonce
    };
    let all = [nonce(1), nonce(2), nonce(1), nonce(1)];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), 4, "{all:?}");
}

#[test]
fn the_token_limit_counts_the_prompt_and_what_is_asked_for() {
    // Ten a second, ten at once: three of the prompt and seven asked for fit exactly.
    let limits = Limits { tokens_per_minute: Some(600), ..Limits::default() };
    let mut core = core(MockPlan { limits, ..plan() }, Vec::new(), 1);
    let first = answer(core.arrive(Duration::ZERO, request(1, None, 7, false)));
    let mut second = answer(core.arrive(Duration::ZERO, request(2, None, 2, false)));
    let Move::Head(head) = second.next(Duration::ZERO) else { panic!("a refusal comes at once") };
    let header = |name| head.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
    assert_eq!((head.status, header("retry-after-ms")), (429, Some("500")), "five tokens at ten a second");
    let entry = core.end(Duration::ZERO, second, PlayEnd::Done);
    assert_eq!((entry.end, entry.retry_after_ms, entry.billed()), (LedgerEnd::Refused, Some(500), false));
    let third = answer(core.arrive(500 * MS, request(2, None, 2, false)));
    assert_eq!(drive(&mut core, 500 * MS, third).1.status, Some(200), "who waits as told is let in");
    assert_eq!(drive(&mut core, Duration::ZERO, first).1.delivered_tokens, 7);
}

#[derive(Debug, Clone)]
enum Op {
    Arrive { job: u64, attempt: Option<u32>, tokens: u32, stream: bool, valid: bool },
    Drive(usize),
    Gone(usize),
    Leave(usize),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0u64..12, prop::option::of(1u32..4), 1u32..12, any::<bool>(), prop::bool::weighted(0.95))
            .prop_map(|(job, attempt, tokens, stream, valid)| Op::Arrive { job, attempt, tokens, stream,
                valid }),
        4 => any::<usize>().prop_map(Op::Drive),
        1 => any::<usize>().prop_map(Op::Gone),
        1 => any::<usize>().prop_map(Op::Leave),
        3 => (1u64..30).prop_map(Op::Pass),
    ]
}

fn fault() -> impl Strategy<Value = FaultRule> {
    let share = 0.0..=1.0f64;
    let kind = prop_oneof![
        Just(FaultKind::from(RateLimit { retry_after: Some(MS), hint: HintForm::Date })),
        Just(FaultKind::from(QuotaExhausted {})),
        Just(FaultKind::from(Status { code: 500 })),
        Just(FaultKind::from(Slow { by: 30 * MS })),
        Just(FaultKind::from(ResetAfterAccept {})),
        share.clone().prop_map(|after| FaultKind::from(CutStream { after })),
        share.clone().prop_map(|after| FaultKind::from(ResetMidStream { after })),
        share.prop_map(|after| FaultKind::from(ErrorEvent { after })),
        Just(FaultKind::from(NeverAnswers {})),
        Just(FaultKind::from(GatewayTimeout { status: 504, after: 20 * MS })),
    ];
    (kind, prop::option::of(0.1..1.0f64)).prop_map(|(kind, probability)| {
        let when = FaultWhen { probability, attempts: Some(vec![1, 2]), ..FaultWhen::default() };
        FaultRule { kind, when, target: None }
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    let (places, queue) = (prop::option::of(1u32..4), prop::option::of(0u32..4));
    (prop::option::of(60u64..6000), prop::option::of(600u64..60_000), places, queue).prop_map(
        |(requests_per_minute, tokens_per_minute, max_in_flight, max_queue)| Limits {
            requests_per_minute,
            tokens_per_minute,
            max_in_flight,
            max_queue,
        },
    )
}

/// A provider with its clients, under a virtual clock.
struct World {
    core: Core,
    now: Duration,
    #[expect(clippy::vec_box, reason = "as the core hands them out")]
    playing: Vec<Box<Play>>,
    queued: Vec<u64>,
    ledger: Vec<LedgerEntry>,
    arrived: u64,
}

impl World {
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Pass(ms) => {
                self.now += *ms as u32 * MS;
                self.core.advance(self.now);
            }
            Op::Arrive { job, attempt, tokens, stream, valid } => {
                self.arrived += 1;
                let valid = request(*job, *attempt, *tokens, *stream).ask.is_ok() && *valid;
                let request = if valid {
                    request(*job, *attempt, *tokens, *stream)
                } else {
                    Arrival::read(|_| None, b"{nonsense")
                };
                match self.core.arrive(self.now, request) {
                    Admitted::Answer(play) => self.playing.push(play),
                    Admitted::Queued(seq) => self.queued.push(seq),
                }
            }
            Op::Drive(pick) if !self.playing.is_empty() => self.drive(pick % self.playing.len()),
            Op::Gone(pick) if !self.playing.is_empty() => {
                let play = self.playing.swap_remove(pick % self.playing.len());
                self.ledger.push(self.core.end(self.now, play, PlayEnd::Gone));
            }
            Op::Leave(pick) if !self.queued.is_empty() => {
                let seq = self.queued.swap_remove(pick % self.queued.len());
                self.ledger.extend(self.core.leave(self.now, seq, PlayEnd::Gone));
            }
            Op::Drive(_) | Op::Gone(_) | Op::Leave(_) => {}
        }
        for play in self.core.take_started() {
            self.queued.retain(|seq| *seq != play.seq());
            self.playing.push(play);
        }
    }

    /// Makes the moves of one play that are due.
    fn drive(&mut self, at: usize) {
        loop {
            match self.playing[at].next(self.now) {
                Move::Wait(_) => return,
                Move::Head(_) | Move::Bytes(_) => {}
                Move::Last(_) | Move::Close | Move::Reset => {
                    let play = self.playing.swap_remove(at);
                    return self.ledger.push(self.core.end(self.now, play, PlayEnd::Done));
                }
            }
        }
    }

    fn close(&mut self) {
        while let Some(seq) = self.queued.pop() {
            self.ledger.extend(self.core.leave(self.now, seq, PlayEnd::Open));
            for play in self.core.take_started() {
                self.queued.retain(|seq| *seq != play.seq());
                self.playing.push(play);
            }
        }
        for play in std::mem::take(&mut self.playing) {
            self.ledger.push(self.core.end(self.now, play, PlayEnd::Open));
        }
    }
}

proptest! {
    #[test]
    fn every_arrival_ends_in_one_entry_and_nothing_delivered_is_free(
        ops in prop::collection::vec(op(), 1..150),
        faults in prop::collection::vec(fault(), 0..3),
        limits in limits(),
        bill_after_disconnect: bool,
        tokens_per_chunk in 1u32..4,
        seed: u64,
    ) {
        let places = limits.max_in_flight;
        let plan = MockPlan { limits, bill_after_disconnect, tokens_per_chunk, ..plan() };
        let core = core(plan, faults, seed);
        let mut world =
            World { core, now: Duration::ZERO, playing: vec![], queued: vec![], ledger: vec![], arrived: 0 };
        for op in &ops {
            world.apply(op);
            let stats = world.core.stats();
            prop_assert_eq!(stats.open, (world.playing.len() + world.queued.len()) as u64);
            prop_assert!(places.is_none_or(|places| stats.generating <= u64::from(places)));
        }
        world.close();
        let mut seqs: Vec<_> = world.ledger.iter().map(|entry| entry.seq).collect();
        seqs.sort_unstable();
        prop_assert_eq!(seqs, (1..=world.arrived).collect::<Vec<_>>());
        for entry in &world.ledger {
            prop_assert!(entry.billed_completion_tokens >= entry.delivered_tokens, "{:?}", entry);
            prop_assert_eq!(entry.billed_prompt_tokens > 0, entry.billed_completion_tokens > 0);
            prop_assert!(entry.ended_ns >= entry.arrived_ns);
            prop_assert_eq!(entry.text_hash.is_some(), entry.delivered_tokens > 0);
            if entry.end == LedgerEnd::Whole {
                prop_assert_eq!(entry.billed_completion_tokens, entry.delivered_tokens);
            }
            if let (Some(first), Some(last)) = (entry.first_content_ns, entry.gaps_us.iter().map(|us|
                u64::from(*us)).reduce(|a, b| a + b)) {
                prop_assert!(first / 1000 + last <= entry.ended_ns / 1000);
            }
        }
        let stats = world.core.stats();
        let ends = stats.whole + stats.refused + stats.cut + stats.reset + stats.client_closed
            + stats.closed_open;
        prop_assert_eq!((stats.open, stats.received, ends), (0, world.arrived, world.arrived));
    }
}
