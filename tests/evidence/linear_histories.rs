//! Histories of operations whose true order is known, and what another program says of them.
#![allow(dead_code, reason = "each test uses its part")]

use deadheat::invariants::linear::*;
use proptest::prelude::*;

/// What the random histories of an object are made of.
pub(crate) trait Drawn: Model + 'static {
    fn inputs() -> Vec<Self::Input>;
    /// All answers that there are; not each to every input.
    fn outputs() -> Vec<Self::Output>;
}

impl Drawn for Counter {
    fn inputs() -> Vec<CounterInput> {
        vec![CounterInput::Add(1), CounterInput::Read, CounterInput::Add(2), CounterInput::Read]
    }

    fn outputs() -> Vec<CounterOutput> {
        (0..100).map(CounterOutput::Number).chain([CounterOutput::Added]).collect()
    }
}

impl Drawn for Register {
    fn inputs() -> Vec<RegisterInput> {
        let set = |from, to| RegisterInput::CompareAndSet { from, to };
        let (read, write) = (RegisterInput::Read, RegisterInput::Write);
        vec![read, write(1), read, write(2), read, set(0, 1), set(1, 2), set(2, 0)]
    }

    fn outputs() -> Vec<RegisterOutput> {
        let set = [true, false].map(RegisterOutput::Set);
        (0..3).map(RegisterOutput::Number).chain([RegisterOutput::Written]).chain(set).collect()
    }
}

impl Drawn for Lock {
    fn inputs() -> Vec<LockInput> {
        (0..3).flat_map(|owner| [LockInput::Acquire(owner), LockInput::Release(owner)]).collect()
    }

    fn outputs() -> Vec<LockOutput> {
        let granted = [None, Some(1), Some(2), Some(3), Some(5), Some(8)];
        let granted = granted.map(|token| LockOutput::Granted { token });
        granted.into_iter().chain([LockOutput::Refused, LockOutput::Released, LockOutput::NotHeld]).collect()
    }
}

/// One operation as it was drawn.
#[derive(Debug, Clone)]
struct Draft {
    object: u8,
    call: u64,
    length: u64,
    /// When it takes effect, as a part of its length.
    at: f64,
    input: usize,
    answer: usize,
    /// Nobody heard its answer; and whether it took effect all the same.
    lost: Option<bool>,
    /// The answer was heard and thrown away.
    unread: bool,
}

fn draft(span: u64) -> impl Strategy<Value = Draft> {
    let lost = prop_oneof![6 => Just(None), 1 => any::<bool>().prop_map(Some)];
    let shape = (0..2_u8, 0..span, 0..8_u64, 0.0..1.0);
    (shape, any::<usize>(), any::<usize>(), lost, proptest::bool::weighted(0.05)).prop_map(
        |((object, call, length, at), input, answer, lost, unread)| Draft {
            object,
            call,
            length,
            at,
            input,
            answer,
            lost,
            unread,
        },
    )
}

/// Histories of up to `most` operations on two objects, all linearizable but for `bent` answers in them.
pub(crate) fn histories<M: Drawn>(most: usize) -> impl Strategy<Value = Vec<Op<M>>> {
    let span = most as u64 * 2;
    let bent = prop_oneof![1 => Just(0), 2 => 1..3_usize];
    let bends = proptest::collection::vec((any::<prop::sample::Index>(), any::<usize>()), 2);
    (proptest::collection::vec(draft(span), 1..=most), bent, bends).prop_map(|(drafts, bent, bends)| {
        let mut history = played::<M>(&drafts);
        for (which, answer) in bends.into_iter().take(bent) {
            let at = which.index(history.len());
            let outputs = M::outputs();
            if history[at].output.is_some() {
                history[at].output = Some(outputs[answer % outputs.len()].clone());
            }
        }
        history
    })
}

/// What the objects answer when each operation takes effect at its moment.
fn played<M: Drawn>(drafts: &[Draft]) -> Vec<Op<M>> {
    let (inputs, outputs) = (M::inputs(), M::outputs());
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    let effect = |draft: &Draft| draft.call as f64 + draft.at * draft.length as f64;
    order.sort_by(|a, b| effect(&drafts[*a]).total_cmp(&effect(&drafts[*b])));
    let mut states = [M::State::default(), M::State::default()];
    let mut answers = vec![None; drafts.len()];
    for at in order {
        let draft = &drafts[at];
        let state = &mut states[usize::from(draft.object)];
        let input = &inputs[draft.input % inputs.len()];
        let candidates = outputs.iter().cycle().skip(draft.answer % outputs.len()).take(outputs.len());
        let given =
            candidates.filter_map(|output| Some((output, M::step(state, input, Some(output))?))).next();
        if let (Some((output, next)), None | Some(true)) = (given, draft.lost) {
            *state = next;
            answers[at] = Some(output.clone());
        }
    }
    let op = |(at, draft): (usize, &Draft)| Op {
        process: at as u64,
        object: format!("object-{}", draft.object),
        call_ns: draft.call,
        return_ns: (draft.lost.is_none() && answers[at].is_some()).then_some(draft.call + draft.length),
        input: inputs[draft.input % inputs.len()].clone(),
        output: answers[at].clone().filter(|_| draft.lost.is_none() && !draft.unread),
    };
    drafts.iter().enumerate().map(op).collect()
}

/// Every order there is, one after the other: few operations only.
pub(crate) fn brute_force<M: Model>(history: &[Op<M>]) -> bool {
    let mut objects: Vec<&str> = history.iter().map(|op| op.object.as_str()).collect();
    objects.sort_unstable();
    objects.dedup();
    objects.into_iter().all(|object| {
        let ops: Vec<&Op<M>> = history.iter().filter(|op| op.object == object).collect();
        goes_on(&ops, &M::State::default())
    })
}

fn goes_on<M: Model>(left: &[&Op<M>], state: &M::State) -> bool {
    if left.iter().all(|op| op.return_ns.is_none()) {
        return true;
    }
    (0..left.len()).any(|at| {
        let op = left[at];
        let too_early = left.iter().any(|other| other.return_ns.is_some_and(|end| end < op.call_ns));
        let rest: Vec<&Op<M>> = left[..at].iter().chain(&left[at + 1..]).copied().collect();
        !too_early && M::step(state, &op.input, op.output.as_ref()).is_some_and(|next| goes_on(&rest, &next))
    })
}
