use super::*;
use crate::faults::Status;
use crate::schedule::Strike;
use std::collections::BTreeMap;

const MS: Duration = Duration::from_millis(1);

fn key(job: &str) -> RequestKey {
    RequestKey::new(job, 1)
}

fn hold(job: &str, until: Until) -> Hold {
    Hold { request: key(job), until }
}

fn after(job: &str, other: &str) -> Hold {
    hold(job, Until::Answered(key(other)))
}

fn with(holds: Vec<Hold>) -> Schedule {
    Schedule { holds, quiet: 10 * MS, patience: 500 * MS, ..Schedule::default() }
}

fn fallback(fallback: Fallback) -> Schedule {
    Schedule { fallback, ..with(Vec::new()) }
}

/// A gate in which an answer is there as soon as its request, and over as soon as it is released.
struct Harness {
    gate: Gate<u64>,
    names: BTreeMap<u64, String>,
    released: Vec<String>,
}

impl Harness {
    fn new(schedule: Schedule) -> Self {
        Self { gate: Gate::new(schedule), names: BTreeMap::new(), released: Vec::new() }
    }

    /// Whether the answer leaves at once.
    fn ask(&mut self, ms: u32, job: &str) -> bool {
        let seq = self.names.len() as u64 + 1;
        self.names.insert(seq, job.to_owned());
        self.gate.arrive(ms * MS, seq, &JobKey::from(job), 1);
        self.gate.pass(ms * MS, seq, seq).is_some()
    }

    fn seq(&self, job: &str) -> u64 {
        *self.names.iter().find(|(_, name)| *name == job).expect("a request").0
    }

    fn over(&mut self, ms: u32, job: &str) {
        self.gate.over(ms * MS, self.seq(job), TraceEvent::Answered { status: Some(200) });
    }

    /// Who leaves at this time.
    fn at(&mut self, ms: u32) -> Vec<String> {
        let mut free = Vec::new();
        self.gate.advance(ms * MS, &mut |seq| free.push(seq));
        let free: Vec<String> = free.iter().map(|seq| self.names[seq].clone()).collect();
        self.released.extend(free.clone());
        free
    }

    /// Lets everything end as soon as it is released, until nothing is held.
    fn drain(&mut self) -> Vec<String> {
        while let Some(due) = self.gate.next_advance() {
            let ms = u32::try_from(due.as_millis()).expect("a short test");
            for job in self.at(ms) {
                self.over(ms, &job);
            }
        }
        self.released.clone()
    }

    fn whys(&self) -> Vec<(String, Why)> {
        let steps = self.gate.trace().steps;
        let why = |step: &TraceStep| match step.event {
            TraceEvent::Released { why } => Some((step.request.to_string(), why)),
            _ => None,
        };
        steps.iter().filter_map(why).collect()
    }
}

#[test]
fn what_nothing_names_is_free() {
    let mut rig = Harness::new(with(vec![after("x", "y")]));
    assert!(rig.ask(0, "z"));
    assert_eq!(rig.whys(), [("z#1".to_owned(), Why::Free)]);
    assert_eq!(rig.gate.next_advance(), None);
}

#[test]
fn an_answer_waits_for_the_end_of_another_whatever_that_is() {
    for event in [TraceEvent::Answered { status: Some(500) }, TraceEvent::Left, TraceEvent::Cut] {
        let mut rig = Harness::new(with(vec![after("x", "y")]));
        assert!(!rig.ask(0, "x") && rig.ask(1, "y"));
        assert!(rig.at(400).is_empty(), "y is not over");
        rig.gate.over(401 * MS, 2, event);
        assert!(rig.gate.next_advance() <= Some(401 * MS), "due at once");
        assert_eq!(rig.at(401), ["x"]);
        assert_eq!(rig.whys().last(), Some(&("x#1".to_owned(), Why::Met)));
        assert!(rig.gate.trace().infeasible.is_empty());
    }
}

#[test]
fn a_hold_that_was_met_before_its_request_came_holds_nothing() {
    let mut rig = Harness::new(with(vec![after("x", "y")]));
    assert!(rig.ask(0, "y"));
    rig.over(1, "y");
    assert!(rig.ask(2, "x"));
    assert_eq!(rig.whys().last(), Some(&("x#1".to_owned(), Why::Met)));
}

#[test]
fn patience_is_counted_from_the_held_requests_arrival_and_what_is_given_up_is_told() {
    let mut rig = Harness::new(with(vec![after("x", "y"), after("z", "y")]));
    assert!(!rig.ask(100, "x"));
    assert_eq!(rig.gate.next_advance(), Some(600 * MS));
    assert!(rig.at(599).is_empty());
    assert_eq!(rig.at(600), ["x"]);
    assert_eq!(rig.whys(), [("x#1".to_owned(), Why::Infeasible)]);
    let trace = rig.gate.trace();
    assert_eq!(trace.infeasible, [after("x", "y")]);
    assert_eq!(trace.unseen, [Unseen::Hold(after("z", "y"))], "z never came; y is no request that is held");
}

#[test]
fn time_is_counted_from_arrival() {
    let mut rig =
        Harness::new(with(vec![hold("x", Until::After(30 * MS)), hold("y", Until::After(Duration::ZERO))]));
    assert!(!rig.ask(5, "x") && rig.ask(6, "y"));
    assert_eq!(rig.gate.next_advance(), Some(35 * MS));
    assert!(rig.at(34).is_empty());
    assert_eq!(rig.at(36), ["x"]);
    assert_eq!(rig.whys()[1], ("x#1".to_owned(), Why::TimeUp));
}

#[test]
fn an_answer_that_is_held_until_its_client_leaves_never_leaves_itself() {
    let mut rig = Harness::new(with(vec![hold("x", Until::Disconnect)]));
    assert!(!rig.ask(0, "x"));
    assert_eq!(rig.gate.next_advance(), None);
    assert!(rig.at(100_000).is_empty());
    assert_eq!(rig.gate.leave(100_001 * MS, 1), Some(1));
    rig.gate.over(100_001 * MS, 1, TraceEvent::Left);
    assert_eq!(rig.whys(), [("x#1".to_owned(), Why::Disconnected)]);
    assert_eq!(rig.gate.held(), 0);
}

#[test]
fn several_holds_of_one_request_must_all_be_met() {
    let mut rig =
        Harness::new(with(vec![after("x", "y"), after("x", "z"), hold("x", Until::After(50 * MS))]));
    assert!(!rig.ask(0, "x") && rig.ask(0, "y") && rig.ask(0, "z"));
    rig.over(1, "y");
    assert!(rig.at(60).is_empty(), "z is not over");
    rig.over(70, "z");
    assert_eq!(rig.at(70), ["x"]);
}

#[test]
fn two_that_wait_for_each_other_are_given_up_by_name_and_not_by_arrival() {
    for order in [["a", "b"], ["b", "a"]] {
        let mut rig = Harness::new(with(vec![after("a", "b"), after("b", "a")]));
        assert!(order.iter().all(|job| !rig.ask(0, job)));
        assert_eq!(rig.at(500), ["a", "b"]);
        assert_eq!(rig.gate.trace().infeasible.len(), 2);
    }
}

#[test]
fn a_copy_of_an_attempt_has_a_name_of_its_own() {
    let copy = RequestKey { repeat: 1, ..key("x") };
    let mut rig = Harness::new(with(vec![Hold { request: copy, until: Until::Disconnect }]));
    assert!(rig.ask(0, "x"));
    assert!(!rig.ask(1, "x"), "the second copy is the one that is held");
    assert_eq!(rig.gate.trace().steps.last().expect("a step").request.to_string(), "x#1+1");
}

#[test]
fn at_silence_the_fallback_chooses() {
    let asked = ["c", "a", "d", "b"];
    let order = |schedule| {
        let mut rig = Harness::new(schedule);
        assert!(asked.iter().zip(0..).all(|(job, ms)| !rig.ask(ms, job)));
        assert_eq!(rig.gate.next_advance(), Some(13 * MS), "10 ms behind the last");
        assert!(rig.at(12).is_empty());
        rig.drain()
    };
    assert_eq!(order(fallback(Fallback::Fifo)), asked);
    assert_eq!(order(fallback(Fallback::Reverse)), ["b", "d", "a", "c"]);
    assert_eq!(order(fallback(Fallback::Burst)), asked);
    let mut burst = Harness::new(fallback(Fallback::Burst));
    assert!(asked.iter().all(|job| !burst.ask(0, job)));
    assert_eq!(burst.at(10).len(), 4, "all at once");
}

#[test]
fn a_seed_means_the_same_order_whatever_the_order_of_arrival() {
    for kind in [Fallback::Random, Fallback::Lanes { depth: 3 }] {
        let order = |seed: u64, asked: [&str; 4]| {
            let mut rig = Harness::new(Schedule { seed, ..fallback(kind) });
            assert!(asked.iter().all(|job| !rig.ask(0, job)));
            rig.drain()
        };
        let mut orders = HashSet::new();
        for seed in 0..200 {
            let one = order(seed, ["a", "b", "c", "d"]);
            assert_eq!(one, order(seed, ["c", "b", "d", "a"]), "{kind:?} {seed}");
            orders.insert(one);
        }
        assert_eq!(orders.len(), 24, "{kind:?}: every order of four comes up");
    }
}

#[test]
fn a_lane_keeps_its_priority_until_a_change() {
    let order = |depth: u32, seed: u64| {
        let mut rig = Harness::new(Schedule { seed, ..fallback(Fallback::Lanes { depth }) });
        for _ in 0..4 {
            assert!(["a", "b"].iter().all(|job| !rig.ask(0, job)));
        }
        rig.drain()
    };
    let blocks = |order: &[String]| order.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!((0..50).all(|seed| blocks(&order(1, seed)) == 1), "one lane, then the other");
    let changed = (0..50).filter(|seed| blocks(&order(2, *seed)) > 1).count();
    assert!((5..45).contains(&changed), "{changed} of 50 had a change of priority within seven releases");
}

#[test]
fn while_a_released_answer_is_on_its_way_none_follows_but_not_for_ever() {
    let mut rig = Harness::new(fallback(Fallback::Fifo));
    assert!(!rig.ask(0, "a") && !rig.ask(0, "b") && !rig.ask(0, "c"));
    assert_eq!(rig.at(10), ["a"]);
    assert!(rig.at(300).is_empty(), "a is still being written");
    rig.over(300, "a");
    assert!(rig.at(309).is_empty());
    assert_eq!(rig.at(310), ["b"]);
    assert_eq!(rig.gate.next_advance(), Some(810 * MS));
    assert_eq!(rig.at(810), ["c"], "b never ends");
}

#[test]
fn an_arrival_breaks_the_silence() {
    let mut rig = Harness::new(fallback(Fallback::Reverse));
    assert!(!rig.ask(0, "a") && !rig.ask(9, "b"));
    assert!(rig.at(18).is_empty());
    assert_eq!(rig.at(19), ["b"]);
}

#[test]
fn a_fault_is_for_its_request_alone_and_one_that_never_struck_is_told() {
    let strike = |job| Strike { request: key(job), kind: FaultKind::from(Status { code: 503 }) };
    let mut gate =
        Gate::<u64>::new(Schedule { faults: vec![strike("x"), strike("y")], ..Schedule::default() });
    let name = gate.arrive(MS, 1, &JobKey::from("x"), 1);
    assert_eq!(gate.strike(&name), Some(FaultKind::from(Status { code: 503 })));
    let again = gate.arrive(MS, 2, &JobKey::from("x"), 2);
    assert_eq!(gate.strike(&again), None);
    gate.struck(MS, 1, "status");
    assert!(gate.trace().steps.iter().any(|step| step.event == TraceEvent::Struck { fault: "status" }));
    assert_eq!(gate.trace().unseen, [Unseen::Fault(strike("y"))]);
}

#[test]
fn a_schedule_that_is_taken_away_lets_everything_go() {
    let mut rig =
        Harness::new(Schedule { holds: vec![hold("x", Until::Disconnect)], ..fallback(Fallback::Fifo) });
    assert!(!rig.ask(0, "x") && !rig.ask(0, "y"));
    let mut free = Vec::new();
    rig.gate.close(MS, &mut |seq| free.push(seq));
    assert_eq!(free, [1, 2]);
    assert!(rig.whys().iter().all(|(_, why)| *why == Why::Closed));
    let next = rig.gate.follow(with(vec![after("z", "y")]));
    let mut rig = Harness { gate: next, ..rig };
    assert!(!rig.ask(2, "z"));
    rig.over(3, "y");
    assert_eq!(rig.at(3), ["z"], "what was in progress is known to the next schedule");
}

#[test]
fn time_that_has_passed_is_not_waited_for_again() {
    let mut rig = Harness::new(with(vec![after("x", "y"), hold("x", Until::Disconnect)]));
    assert!(!rig.ask(0, "x"));
    assert!(rig.at(600).is_empty());
    assert_eq!(rig.gate.next_advance(), None, "patience is over, and only the client can end it");
}
