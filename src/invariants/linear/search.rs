//! The search for an order: depth first, with a cache of where it has been.

use super::cache::{Bits, Mixer, Place, Seen, Taken};
use super::list::{EDGE, List};
use super::{Model, Op};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

/// Among how many operations one is looked for that goes first.
const RIVALS: usize = 32;

/// What a search came to. Operations are named by their places in what it was given.
pub(super) enum Found {
    Order,
    NoOrder { order: Vec<u32>, stuck: u32, state: String },
    OutOfSteps,
}

/// A call or an answer, in the order of time.
#[derive(Clone, Copy)]
struct Event {
    /// Which of the operations that were answered, in the order of their calls.
    op: u32,
    /// Where its answer stands; `None` for an answer.
    answer: Option<u32>,
}

/// An operation that was answered.
struct Answered {
    /// Its place in what was given.
    given: u32,
    /// Equal for all that asked the same and were answered the same; `None` if no other did.
    kind: Option<u32>,
    /// It changes nothing. So whatever can go on without it can go on with it as soon as it can be taken.
    looks: bool,
}

/// An operation without an answer.
struct Open {
    /// Its place in what was given.
    given: u32,
    /// The number of events before its call.
    after: u32,
    /// The one before it that asked the same.
    twin: Option<u32>,
}

/// What is tried next.
#[derive(Clone, Copy)]
enum Next {
    /// One that changes nothing and whose call is this event, or the end of all that are called before the
    /// first answer.
    Look(u32),
    /// Likewise one that does, tried when none of the others can be taken.
    Answered(u32),
    /// An operation that was not answered, tried when no other goes on, for it need not have happened; and
    /// the answer that is in the way.
    Open(u32, u32),
}

/// A step that was taken, and what was before it.
struct Step<S> {
    tried: Next,
    given: u32,
    low: u32,
    high: u32,
    state: S,
}

/// The longest order so far, and what stopped it.
struct Longest<S> {
    order: Vec<u32>,
    /// How much of it is still the present order.
    shared: usize,
    stuck: Option<(u32, S)>,
}

/// One object's operations, and how far they are ordered.
pub(super) struct Search<'a, M: Model> {
    ops: &'a [&'a Op<M>],
    answered: Vec<Answered>,
    events: Vec<Event>,
    open: Vec<Open>,
    left: List,
    open_left: List,
    taken: Taken,
    open_taken: Taken,
    /// All that were answered below are taken, and none from `high` on.
    low: u32,
    high: u32,
    state: M::State,
    path: Vec<Step<M::State>>,
    longest: Longest<M::State>,
    seen: Seen<M::State>,
}

impl<'a, M: Model> Search<'a, M> {
    /// Of at most two thousand million operations.
    pub(super) fn new(ops: &'a [&'a Op<M>]) -> Self {
        let places = || 0..u32::try_from(ops.len()).unwrap_or(u32::MAX / 2);
        let of = |place: u32| ops[place as usize];
        let (mut closed, mut open): (Vec<u32>, Vec<u32>) =
            places().partition(|place| of(*place).return_ns.is_some());
        closed.sort_by_key(|place| of(*place).call_ns);
        open.sort_by_key(|place| of(*place).call_ns);
        let events = events(&closed, ops);
        let called_before = |call_ns: u64| {
            let time = |event: &Event| match (of(closed[event.op as usize]), event.answer) {
                (op, Some(_)) => op.call_ns,
                (op, None) => op.return_ns.unwrap_or(u64::MAX),
            };
            // Before an answer of the same moment: the two have no order.
            events.partition_point(|event| time(event) < call_ns)
        };
        let mut twins = HashMap::<_, u32, BuildHasherDefault<Mixer>>::default();
        let open: Vec<Open> = (1..)
            .zip(&open)
            .map(|(number, place)| Open {
                given: *place,
                after: u32::try_from(called_before(of(*place).call_ns)).unwrap_or(u32::MAX),
                twin: twins.insert((&of(*place).input, &of(*place).output), number),
            })
            .collect();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            ops,
            left: List::new(count(events.len())),
            open_left: List::new(count(open.len())),
            taken: Taken::with_room_for(closed.len()),
            open_taken: Taken::with_room_for(open.len() + 1),
            answered: kinds(&closed, ops),
            events,
            open,
            low: 0,
            high: 0,
            state: M::State::default(),
            path: Vec::new(),
            longest: Longest { order: Vec::new(), shared: 0, stuck: None },
            seen: Seen::with_capacity_and_hasher(2 * ops.len(), BuildHasherDefault::default()),
        }
    }

    /// Searches; also says how many operations it tried.
    pub(super) fn run(mut self, budget: u64) -> (Found, u64) {
        let mut steps = 0;
        let mut next = Next::Look(self.left.first());
        loop {
            next = match next {
                Next::Look(EDGE) => return (Found::Order, steps),
                Next::Look(at) if self.event(at).answer.is_none() => Next::Answered(self.left.first()),
                Next::Answered(at) if self.event(at).answer.is_none() => {
                    Next::Open(self.open_left.first(), at)
                }
                Next::Open(at, answer) if at == EDGE || self.open(at).after >= answer => {
                    self.note(answer);
                    match self.back() {
                        Some(next) => next,
                        None => return (self.no_order(), steps),
                    }
                }
                tried if self.needless(tried) => self.after(tried),
                _ if steps == budget => return (Found::OutOfSteps, steps),
                tried => {
                    steps += 1;
                    if self.step(tried) { Next::Look(self.left.first()) } else { self.after(tried) }
                }
            };
        }
    }

    fn event(&self, at: u32) -> Event {
        self.events[at as usize - 1]
    }

    fn open(&self, at: u32) -> &Open {
        &self.open[at as usize - 1]
    }

    fn after(&self, tried: Next) -> Next {
        match tried {
            Next::Look(at) => Next::Look(self.left.after(at)),
            Next::Answered(at) => Next::Answered(self.left.after(at)),
            Next::Open(at, answer) => Next::Open(self.open_left.after(at), answer),
        }
    }

    /// Whether it has its turn at another time, or another operation, which asked the same and was answered the same, goes first: of those that were
    /// answered, the one whose answer came first, for the other can stand wherever that one can; of those
    /// that were not, for the same reason, the one that was called first.
    fn needless(&self, tried: Next) -> bool {
        match tried {
            Next::Look(at) => !self.answered[self.event(at).op as usize].looks,
            Next::Answered(at) => {
                let event = self.event(at);
                let Answered { kind, looks, .. } = self.answered[event.op as usize];
                let (Some(kind), false) = (kind, looks) else { return looks };
                let mut other = self.left.first();
                for _ in 0..RIVALS {
                    let Event { op, answer: Some(answer) } = self.event(other) else { break };
                    if Some(answer) < event.answer && self.answered[op as usize].kind == Some(kind) {
                        return true;
                    }
                    other = self.left.after(other);
                }
                false
            }
            Next::Open(at, _) => self.open(at).twin.is_some_and(|twin| !self.open_taken.has(twin)),
        }
    }

    /// Takes the operation next, if it can be and does not lead to where the search has been.
    fn step(&mut self, tried: Next) -> bool {
        let given = match tried {
            Next::Look(at) | Next::Answered(at) => self.answered[self.event(at).op as usize].given,
            Next::Open(at, _) => self.open(at).given,
        };
        let op = self.ops[given as usize];
        let Some(state) = M::step(&self.state, &op.input, op.output.as_ref()) else { return false };
        let (low, high) = (self.low, self.high);
        match tried {
            Next::Look(at) | Next::Answered(at) => {
                let number = self.event(at).op;
                self.taken.put(number);
                self.high = high.max(number + 1);
                while self.taken.has(self.low) {
                    self.low += 1;
                }
            }
            // It may as well not have happened.
            Next::Open(..) if state == self.state => return false,
            Next::Open(at, _) => self.open_taken.put(at),
        }
        let place = Place {
            low: self.low,
            window: self.taken.between(self.low, self.high),
            open: self.open_places(),
            state: state.clone(),
        };
        let state = std::mem::replace(&mut self.state, state);
        self.take_out(tried);
        self.path.push(Step { tried, given, low, high, state });
        if self.seen.insert(place) {
            return true;
        }
        self.take_back();
        false
    }

    fn open_places(&self) -> Bits {
        match self.open.len() {
            0 => Bits::default(),
            count => self.open_taken.between(1, u32::try_from(count).unwrap_or(u32::MAX) + 1),
        }
    }

    fn take_out(&mut self, tried: Next) {
        match tried {
            Next::Look(at) | Next::Answered(at) => {
                self.left.take(at);
                self.event(at).answer.into_iter().for_each(|answer| self.left.take(answer));
            }
            Next::Open(at, _) => self.open_left.take(at),
        }
    }

    /// Undoes the last step. Returns what it was.
    fn take_back(&mut self) -> Option<Next> {
        let Step { tried, low, high, state, .. } = self.path.pop()?;
        match tried {
            Next::Look(at) | Next::Answered(at) => {
                let Event { op, answer } = self.event(at);
                answer.into_iter().for_each(|answer| self.left.put_back(answer));
                self.left.put_back(at);
                self.taken.remove(op);
            }
            Next::Open(at, _) => {
                self.open_left.put_back(at);
                self.open_taken.remove(at);
            }
        }
        (self.low, self.high, self.state) = (low, high, state);
        self.longest.shared = self.longest.shared.min(self.path.len());
        Some(tried)
    }

    /// Goes back to the last step that could have been another one; that other one is next.
    fn back(&mut self) -> Option<Next> {
        loop {
            match self.take_back()? {
                Next::Look(_) => {}
                tried => return Some(self.after(tried)),
            }
        }
    }

    /// Notes how far the present order goes, if none went further, and whose answer it cannot pass.
    fn note(&mut self, answer: u32) {
        let longest = &self.longest;
        if longest.stuck.is_some() && self.path.len() <= longest.order.len() {
            return;
        }
        let stuck = self.answered[self.event(answer).op as usize].given;
        let Longest { order, shared, stuck: known } = &mut self.longest;
        order.truncate(*shared);
        order.extend(self.path[*shared..].iter().map(|step| step.given));
        *shared = self.path.len();
        *known = Some((stuck, self.state.clone()));
    }

    fn no_order(self) -> Found {
        match self.longest.stuck {
            Some((stuck, state)) => {
                Found::NoOrder { order: self.longest.order, stuck, state: format!("{state:?}") }
            }
            None => Found::OutOfSteps,
        }
    }
}

/// The calls and answers of these operations, sorted by their calls, in the order of time; of one moment, calls
/// before answers.
fn events<M: Model>(closed: &[u32], ops: &[&Op<M>]) -> Vec<Event> {
    let mut times = Vec::with_capacity(2 * closed.len());
    for (op, place) in (0..).zip(closed) {
        let Op { call_ns, return_ns, .. } = ops[*place as usize];
        times.push((*call_ns, false, op));
        times.push((return_ns.unwrap_or(u64::MAX).max(*call_ns), true, op));
    }
    times.sort_unstable();
    let mut answers = vec![0; closed.len()];
    for (at, (_, is_answer, op)) in (1..).zip(&times) {
        if *is_answer {
            answers[*op as usize] = at;
        }
    }
    let event = |(_, is_answer, op): (u64, bool, u32)| Event {
        op,
        answer: (!is_answer).then(|| answers[op as usize]),
    };
    times.into_iter().map(event).collect()
}

fn kinds<'a, M: Model>(closed: &[u32], ops: &[&'a Op<M>]) -> Vec<Answered> {
    let mut known = HashMap::<_, u32, BuildHasherDefault<Mixer>>::default();
    let mut counts = Vec::new();
    let mut kind_of = |op: &'a Op<M>| {
        let next = u32::try_from(counts.len()).unwrap_or(u32::MAX);
        let kind = *known.entry((&op.input, &op.output)).or_insert(next);
        if kind == next {
            counts.push(0_u32);
        }
        counts[kind as usize] += 1;
        kind
    };
    let kinds: Vec<u32> = closed.iter().map(|place| kind_of(ops[*place as usize])).collect();
    let answered = |(place, kind): (&u32, u32)| Answered {
        given: *place,
        kind: (counts[kind as usize] > 1).then_some(kind),
        looks: M::only_looks(&ops[*place as usize].input, ops[*place as usize].output.as_ref()),
    };
    closed.iter().zip(kinds).map(answered).collect()
}
