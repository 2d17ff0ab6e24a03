//! The gate inside the provider's core, under a virtual clock: what is held, what it costs, what the trace
//! tells.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use deadheat::faults::{Effect, Ending, FaultKind, Replacement};
use deadheat::history::LedgerEnd;
use deadheat::mock::Arrival;
use deadheat::plan::{Limits, MockPlan};
use deadheat::schedule::{Fallback, Hold, Schedule, Strike, TraceEvent, Until, Why};
use proptest::prelude::*;
use std::time::Duration;

use crate::world;

use world::{Ask, MS, TTFT, World, ask, key, plan};

fn hold(job: u64, until: Until) -> Hold {
    Hold { request: key(job, 1), until }
}

fn holding(holds: Vec<Hold>) -> Schedule {
    Schedule { holds, quiet: 10 * MS, patience: 500 * MS, ..Schedule::default() }
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap()
}

#[test]
fn a_held_answer_starts_when_it_is_released() {
    let schedule = holding(vec![hold(1, Until::Answered(key(2, 1))), hold(3, Until::After(70 * MS))]);
    let world = World::new(plan(), Some(schedule)).run(&[ask(0, 1), ask(10, 2), ask(10, 3)]);
    let second = world.entry(2);
    assert_eq!(second.ended_ns, ns(10 * MS + TTFT + 5 * MS));
    assert_eq!(
        world.entry(1).first_byte_ns,
        Some(second.ended_ns + ns(TTFT)),
        "as if it had been asked for then"
    );
    assert_eq!(world.entry(3).first_byte_ns, Some(ns(80 * MS + TTFT)));
    assert_eq!([world.why(1), world.why(2), world.why(3)], [[Why::Met], [Why::Free], [Why::TimeUp]]);
    assert!(world.ledger.iter().all(|entry| entry.end == LedgerEnd::Whole && entry.delivered_tokens == 6));
}

#[test]
fn who_hangs_up_on_a_held_answer_pays_for_all_of_it() {
    let leaves = |job| Ask { leaves: Some(5 * MS), ..ask(0, job) };
    let schedule = holding(vec![hold(1, Until::Disconnect), hold(2, Until::After(60 * MS))]);
    let world = World::new(plan(), Some(schedule)).run(&[leaves(1), leaves(2), leaves(3)]);
    for (job, billed) in [(1, 6), (2, 6), (3, 0)] {
        let entry = world.entry(job);
        assert_eq!((entry.end, entry.status), (LedgerEnd::ClientClosed, None));
        assert_eq!((entry.billed_completion_tokens, entry.ended_ns), (billed, ns(5 * MS)), "{job}");
        assert!(entry.nonce.is_some(), "it was generated");
    }
    assert_eq!((world.why(1), world.why(2)), (vec![Why::Disconnected], vec![]));
    let left = world.core.trace().steps.iter().filter(|step| step.event == TraceEvent::Left).count();
    assert_eq!(left, 3);
    assert_eq!((world.core.stats().held, world.core.open()), (0, 0));
}

#[test]
fn a_held_answer_keeps_its_place_and_later_requests_wait_behind_it() {
    let limits = Limits { max_in_flight: Some(1), ..Limits::default() };
    let schedule = holding(vec![hold(1, Until::After(100 * MS)), hold(2, Until::After(130 * MS))]);
    let mut world = World::new(MockPlan { limits, ..plan() }, Some(schedule));
    world.arrive(&ask(0, 1));
    world.arrive(&ask(0, 2));
    world.arrive(&ask(0, 3));
    let stats = world.core.stats();
    assert_eq!((stats.generating, stats.queued, stats.held), (1, 2, 1));
    let world = world.run(&[]);
    let begins = |job| world.entry(job).first_byte_ns.unwrap() - ns(TTFT);
    assert_eq!(begins(1), ns(100 * MS));
    assert_eq!(begins(2), ns(130 * MS), "its place came at 125 ms, its time later");
    assert_eq!(begins(3), world.entry(2).ended_ns);
    assert_eq!(world.core.stats().generating_max, 1);
}

#[test]
fn an_impossible_hold_is_given_up_and_told() {
    let limits = Limits { max_in_flight: Some(1), ..Limits::default() };
    let impossible = hold(1, Until::Answered(key(2, 1)));
    let schedule = holding(vec![impossible.clone(), hold(9, Until::Disconnect)]);
    let world = World::new(MockPlan { limits, ..plan() }, Some(schedule)).run(&[ask(3, 1), ask(4, 2)]);
    assert_eq!(world.why(1), [Why::Infeasible]);
    assert_eq!(world.entry(1).first_byte_ns, Some(ns(503 * MS + TTFT)));
    let trace = world.core.trace();
    assert_eq!(trace.infeasible, [impossible]);
    assert_eq!(trace.unseen.len(), 1, "{:?}", trace.unseen);
}

#[test]
fn limits_are_those_of_the_arrival() {
    let limits = Limits { requests_per_minute: Some(60), ..Limits::default() };
    let schedule = holding((1..=2).map(|job| hold(job, Until::After(5000 * MS))).collect());
    let world = World::new(MockPlan { limits, ..plan() }, Some(schedule)).run(&[ask(0, 1), ask(1, 2)]);
    assert_eq!(world.entry(1).status, Some(200));
    let refused = world.entry(2);
    assert_eq!(
        (refused.status, refused.first_byte_ns),
        (Some(429), Some(ns(5001 * MS))),
        "refused, but late"
    );
}

#[test]
fn a_retry_meets_what_its_held_first_attempt_has_generated() {
    let schedule = holding(vec![hold(1, Until::Disconnect)]);
    let plan = MockPlan { idempotency: true, ..plan() };
    let first = Ask { idempotency_key: Some("k"), leaves: Some(60 * MS), ..ask(0, 1) };
    let again = Ask { at: 61 * MS, attempt: 2, leaves: None, ..first.clone() };
    let world = World::new(plan, Some(schedule)).run(&[first, again]);
    let [first, again] = &world.ledger[..] else { panic!("{:?}", world.ledger) };
    assert_eq!((first.end, first.billed_completion_tokens), (LedgerEnd::ClientClosed, 6));
    assert!(again.replayed && again.nonce == first.nonce && again.billed_completion_tokens == 0);
}

/// How the ledger records an answer of six tokens that meets this fault, and how many of them it bills.
fn recorded(effect: Effect) -> (LedgerEnd, u64) {
    match effect {
        Effect::Refuse(_) => (LedgerEnd::Refused, 0),
        Effect::Silence => (LedgerEnd::ClientClosed, 0),
        Effect::Replace(Replacement::Reset) => (LedgerEnd::Reset, 6),
        Effect::Replace(Replacement::Page(..)) => (LedgerEnd::Refused, 6),
        Effect::End(Ending::Error, after) => (LedgerEnd::Cut, (after * 6.0) as u64),
        Effect::End(Ending::Reset, _) => (LedgerEnd::Reset, 6),
        Effect::End(..) => (LedgerEnd::Cut, 6),
        Effect::Delay(_) | Effect::Pace(_) | Effect::RepeatEvent(_) | Effect::RepeatUsage => {
            (LedgerEnd::Whole, 6)
        }
    }
}

#[test]
fn every_kind_of_fault_strikes_the_request_that_is_named_and_can_be_held() {
    for kind in FaultKind::all() {
        let (end, billed) = recorded(kind.effect());
        let name = kind.name();
        let schedule = Schedule {
            faults: vec![Strike { request: key(1, 2), kind: kind.clone() }],
            holds: vec![Hold { request: key(1, 2), until: Until::After(100 * MS) }],
            ..holding(Vec::new())
        };
        let second = Ask { attempt: 2, leaves: Some(5000 * MS), ..ask(0, 1) };
        let world = World::new(plan(), Some(schedule)).run(&[ask(0, 1), second]);
        let struck: Vec<_> = world.ledger.iter().filter(|entry| entry.fault.is_some()).collect();
        let [entry] = struck[..] else { panic!("{name}: {:?}", world.ledger) };
        assert_eq!((entry.attempt, entry.fault.as_deref(), entry.end), (2, Some(name), end));
        assert_eq!(entry.billed_completion_tokens, billed, "{name}");
        let first_byte = match kind.effect() {
            Effect::Replace(Replacement::Reset) | Effect::Silence => None,
            Effect::Replace(Replacement::Page(_, after)) => Some(100 * MS + after),
            Effect::Delay(by) => Some(100 * MS + by + TTFT),
            Effect::Refuse(_) => Some(100 * MS),
            _ => Some(100 * MS + TTFT),
        };
        assert_eq!(entry.first_byte_ns, first_byte.map(ns), "{name}: the fault begins when it is released");
        let steps = world.core.trace().steps;
        let of: Vec<TraceEvent> =
            steps.into_iter().filter(|s| s.request == key(1, 2)).map(|s| s.event).collect();
        assert_eq!(
            of[..3],
            [
                TraceEvent::Arrived,
                TraceEvent::Struck { fault: name },
                TraceEvent::Released { why: Why::TimeUp }
            ]
        );
        let over = match end {
            LedgerEnd::Whole | LedgerEnd::Refused => TraceEvent::Answered { status: entry.status },
            LedgerEnd::ClientClosed => TraceEvent::Left,
            _ => TraceEvent::Cut,
        };
        assert_eq!(of[3..], [over], "{name}");
    }
}

#[test]
fn a_schedule_that_is_taken_away_lets_go_and_a_reset_begins_anew_under_the_same() {
    let mut world = World::new(plan(), Some(holding(vec![hold(1, Until::Disconnect)])));
    world.arrive(&ask(0, 1));
    assert_eq!(world.waiting.len(), 1);
    world.core.set_schedule(MS, None);
    world.settle();
    assert_eq!((world.waiting.len(), world.driven.len()), (0, 1));
    assert!(world.core.schedule().is_none() && world.core.trace().steps.is_empty());
    let mut world = world.run(&[]);
    assert_eq!(world.entry(1).end, LedgerEnd::Whole);
    world.core.set_schedule(2 * MS, Some(holding(vec![hold(2, Until::After(MS))])));
    let mut world = world.run(&[ask(900, 2)]);
    assert_eq!(world.why(2), [Why::TimeUp]);
    world.core.reset();
    assert!(world.core.trace().steps.is_empty() && world.core.schedule().is_some());
    let world = world.run(&[ask(990, 2)]);
    assert_eq!(world.why(2), [Why::TimeUp], "the first copy again, not a second one");
}

#[test]
fn the_same_schedule_can_be_played_again() {
    let schedule = holding(vec![hold(1, Until::After(300 * MS))]);
    let mut world = World::new(plan(), Some(schedule.clone())).run(&[ask(0, 1)]);
    for gone in [false, true] {
        if gone {
            world.core.set_schedule(world.now, None);
        }
        world.core.set_schedule(world.now, Some(schedule.clone()));
        let at = world.now;
        world = world.run(&[Ask { at, ..ask(0, 1) }]);
        assert!(world.now.saturating_sub(at) >= 300 * MS, "held again");
        assert!(world.core.trace().unseen.is_empty());
    }
}

#[test]
fn a_gate_that_is_opened_holds_nothing_and_still_tells_what_it_saw() {
    let mut world =
        World::new(plan(), Some(holding(vec![hold(1, Until::Disconnect), hold(7, Until::Disconnect)])));
    world.arrive(&ask(0, 1));
    world.core.open_gate(MS);
    world.now = MS;
    let world = world.run(&[ask(2, 7)]);
    assert_eq!(world.ledger.len(), 2);
    assert!(world.ledger.iter().all(|entry| entry.end == LedgerEnd::Whole), "{:?}", world.ledger);
    let steps = world.core.trace().steps;
    let released =
        steps.iter().filter(|step| matches!(step.event, TraceEvent::Released { why: Why::Closed }));
    assert_eq!(released.count(), 2);
}

#[test]
fn a_request_without_a_name_goes_by_its_key_before_its_body() {
    let of = |key: Option<&str>| {
        let header = |name: &str| key.filter(|_| name == "idempotency-key");
        Arrival::read(header, b"{\"model\":\"m\",\"messages\":[]}").job.to_string()
    };
    assert_eq!((of(Some("abc")), of(Some("xyz"))), ("key:abc".to_owned(), "key:xyz".to_owned()));
    assert_ne!(of(Some("a b")), of(Some("a c")));
    assert!(of(None).starts_with("body:"));
}

#[test]
fn a_request_that_leaves_when_its_place_is_free_ends_once() {
    let limits = Limits { max_in_flight: Some(1), ..Limits::default() };
    let schedule = holding(vec![hold(5, Until::Disconnect)]);
    let asks = [5, 0].map(|job| Ask { leaves: Some(2036 * MS), ..ask(36, job) });
    let world = World::new(MockPlan { limits, ..plan() }, Some(schedule)).run(&asks);
    assert_eq!((world.ledger.len(), world.core.open()), (2, 0));
}

fn fallbacks() -> impl Strategy<Value = Fallback> {
    prop::sample::select(vec![
        Fallback::Respond,
        Fallback::Fifo,
        Fallback::Reverse,
        Fallback::Burst,
        Fallback::Random,
        Fallback::Lanes { depth: 3 },
    ])
}

fn holds() -> impl Strategy<Value = Vec<Hold>> {
    let until = prop_oneof![
        (0..10u64).prop_map(|job| Until::Answered(key(job, 1))),
        (0..80u32).prop_map(|ms| Until::After(ms * MS)),
        Just(Until::Disconnect),
    ];
    prop::collection::vec((0..10u64, until).prop_map(|(job, until)| hold(job, until)), 0..6)
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let one = (0..60u32, 0..10u64, 1..3u32, prop::option::of(1..900u32));
    prop::collection::vec(one, 1..20).prop_map(|asks| {
        let ask = |(at, job, attempt, leaves): (u32, u64, u32, Option<u32>)| Ask {
            attempt,
            leaves: Some((at + leaves.unwrap_or(2000)) * MS),
            ..ask(at, job)
        };
        let mut asks: Vec<Ask> = asks.into_iter().map(ask).collect();
        asks.sort_by_key(|ask| ask.at);
        asks
    })
}

fn ends(world: &World) -> Vec<(u64, LedgerEnd, u64)> {
    let mut ends: Vec<_> =
        world.ledger.iter().map(|entry| (entry.seq, entry.end, entry.billed_completion_tokens)).collect();
    ends.sort_by_key(|(seq, _, _)| *seq);
    ends
}

proptest! {
    #[test]
    fn whatever_is_held_every_request_ends_once_and_two_runs_are_one(
        asks in asks(), holds in holds(), fallback in fallbacks(), seed: u32,
            places in prop::option::of(1..4u32)
    ) {
        let limits = Limits { max_in_flight: places, ..Limits::default() };
        let schedule = Schedule { seed: u64::from(seed), fallback, ..holding(holds) };
        let run = || World::new(MockPlan { limits: limits.clone(), ..plan() },
            Some(schedule.clone())).run(&asks);
        let world = run();
        prop_assert_eq!(world.ledger.len(), asks.len());
        prop_assert_eq!(world.core.open(), 0);
        prop_assert_eq!(world.core.stats().held, 0);
        let trace = world.core.trace();
        let count = |of: &dyn Fn(&TraceEvent) -> bool| trace.steps.iter().filter(|step|
            of(&step.event)).count();
        prop_assert_eq!(count(&|event| *event == TraceEvent::Arrived), asks.len());
        prop_assert_eq!(count(&|event| event.ends()), asks.len());
        prop_assert!(trace.steps.is_sorted_by_key(|step| step.at));
        prop_assert_eq!(&trace, &run().core.trace());
    }

    #[test]
    fn a_schedule_that_holds_nothing_changes_nothing(asks in asks(), places in prop::option::of(1..4u32)) {
        let limits = Limits { max_in_flight: places, ..Limits::default() };
        let run = |schedule| World::new(MockPlan { limits: limits.clone(), ..plan() }, schedule).run(&asks);
        let (without, with) = (run(None), run(Some(holding(Vec::new()))));
        prop_assert_eq!(&without.ledger, &with.ledger);
        prop_assert_eq!(ends(&without), ends(&with));
    }
}
