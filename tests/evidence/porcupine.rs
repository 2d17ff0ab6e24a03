//! The same objects as the crate porcupine-rs has them, written down anew.

use deadheat::invariants::linear::{
    CounterInput, CounterOutput, LockInput, LockOutput, Model, Op, RegisterInput, RegisterOutput,
};
use porcupine_rs::{Operation, check_operations};
use std::collections::BTreeMap;

/// What it says of a history.
pub(crate) fn is_linearizable<M: Model, P>(history: &[Op<M>]) -> bool
where
    P: porcupine_rs::Model<Op = (M::Input, Option<M::Output>), Metadata = ()>,
{
    let mut objects = BTreeMap::<&str, Vec<Operation<P>>>::new();
    for op in history {
        // It knows no operation that never ends; one that ends after all others may as well not have happened.
        // A call comes before an answer of the same moment.
        let time = |ns: u64| i64::try_from(2 * ns).expect("a small number");
        objects.entry(&op.object).or_default().push(Operation {
            client_id: None,
            call_time: time(op.call_ns),
            return_time: op.return_ns.map_or(i64::MAX, |ns| time(ns) + 1),
            op: (op.input.clone(), op.output.clone()),
            metadata: None,
        });
    }
    objects.values().all(|operations| check_operations(operations))
}

#[derive(Debug, Clone)]
pub(crate) struct OfCounter;

impl porcupine_rs::Model for OfCounter {
    type State = i64;
    type Op = (CounterInput, Option<CounterOutput>);
    type Metadata = ();

    fn init() -> i64 {
        0
    }

    fn step(total: &i64, op: &Self::Op) -> (bool, i64) {
        match *op {
            (CounterInput::Add(more), None | Some(CounterOutput::Added)) => (true, total + more),
            (CounterInput::Add(more), Some(CounterOutput::Number(sum))) => (total + more == sum, sum),
            (CounterInput::Read, Some(CounterOutput::Number(number))) => (*total == number, *total),
            (CounterInput::Read, answer) => (answer.is_none(), *total),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct OfRegister;

impl porcupine_rs::Model for OfRegister {
    type State = i64;
    type Op = (RegisterInput, Option<RegisterOutput>);
    type Metadata = ();

    fn init() -> i64 {
        0
    }

    fn step(held: &i64, op: &Self::Op) -> (bool, i64) {
        match *op {
            (RegisterInput::Read, answer) => {
                (answer.is_none_or(|answer| answer == RegisterOutput::Number(*held)), *held)
            }
            (RegisterInput::Write(number), answer) => {
                (matches!(answer, None | Some(RegisterOutput::Written)), number)
            }
            (RegisterInput::CompareAndSet { from, to }, answer) => {
                let equal = *held == from;
                let as_told = answer.is_none() || answer == Some(RegisterOutput::Set(equal));
                (as_told, if equal { to } else { *held })
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct OfLock;

impl porcupine_rs::Model for OfLock {
    type State = (Option<u64>, u64);
    type Op = (LockInput, Option<LockOutput>);
    type Metadata = ();

    fn init() -> Self::State {
        (None, 0)
    }

    fn step(state: &Self::State, op: &Self::Op) -> (bool, Self::State) {
        let (holder, newest) = *state;
        let is_free = holder.is_none();
        match *op {
            (LockInput::Acquire(by), Some(LockOutput::Granted { token: Some(token) })) => {
                (is_free && token > newest, (Some(by), token))
            }
            (LockInput::Acquire(by), Some(LockOutput::Granted { token: None })) => {
                (is_free, (Some(by), newest))
            }
            (LockInput::Acquire(_), Some(LockOutput::Refused)) => (!is_free, *state),
            (LockInput::Acquire(by), None) => (true, if is_free { (Some(by), newest) } else { *state }),
            (LockInput::Release(by), Some(LockOutput::Released)) => (holder == Some(by), (None, newest)),
            (LockInput::Release(by), Some(LockOutput::NotHeld)) => (holder != Some(by), *state),
            (LockInput::Release(by), None) => {
                (true, if holder == Some(by) { (None, newest) } else { *state })
            }
            _ => (false, *state),
        }
    }
}
