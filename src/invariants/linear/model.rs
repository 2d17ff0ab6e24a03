//! What the objects do when one thread uses them.

use std::fmt::Debug;
use std::hash::Hash;

/// An object as a single thread sees it.
pub trait Model: Debug + Clone + PartialEq + Eq {
    /// What it is asked.
    type Input: Debug + Clone + Eq + Hash;
    /// What it answers.
    type Output: Debug + Clone + Eq + Hash;
    /// What it remembers.
    type State: Debug + Clone + Eq + Hash + Default;

    /// What it is after `input`, if it could give that answer; an answer that is not known is any.
    fn step(state: &Self::State, input: &Self::Input, output: Option<&Self::Output>) -> Option<Self::State>;

    /// Whether it changes nothing in any state in which it could give that answer. It may be `false` where that is
    /// so, at the price of a longer search.
    fn only_looks(input: &Self::Input, output: Option<&Self::Output>) -> bool;
}

/// A number that is added to and read; at first 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counter {}

/// What a counter is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CounterInput {
    /// To add so much.
    Add(i64),
    /// To say its number.
    Read,
}

/// What a counter answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CounterOutput {
    /// Added; what to, it does not say.
    Added,
    /// Its number: when read, that which was read; when added to, the sum.
    Number(i64),
}

impl Model for Counter {
    type Input = CounterInput;
    type Output = CounterOutput;
    type State = i64;

    fn step(state: &i64, input: &CounterInput, output: Option<&CounterOutput>) -> Option<i64> {
        let next = match input {
            CounterInput::Add(more) => state.wrapping_add(*more),
            CounterInput::Read => *state,
        };
        let possible = match output {
            None => true,
            Some(CounterOutput::Added) => *input != CounterInput::Read,
            Some(CounterOutput::Number(number)) => *number == next,
        };
        possible.then_some(next)
    }

    fn only_looks(input: &CounterInput, _: Option<&CounterOutput>) -> bool {
        *input == CounterInput::Read
    }
}

/// A number that is read, written, and written if it is another; at first 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Register {}

/// What a register is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegisterInput {
    /// To say its number.
    Read,
    /// To hold this number.
    Write(i64),
    /// To hold `to` if it holds `from`.
    CompareAndSet {
        /// What it must hold.
        from: i64,
        /// What it holds then.
        to: i64,
    },
}

/// What a register answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegisterOutput {
    /// To a read: its number.
    Number(i64),
    /// To a write.
    Written,
    /// To a compare-and-set: whether it was set.
    Set(bool),
}

impl Model for Register {
    type Input = RegisterInput;
    type Output = RegisterOutput;
    type State = i64;

    fn step(state: &i64, input: &RegisterInput, output: Option<&RegisterOutput>) -> Option<i64> {
        let (next, answer) = match *input {
            RegisterInput::Read => (*state, RegisterOutput::Number(*state)),
            RegisterInput::Write(number) => (number, RegisterOutput::Written),
            RegisterInput::CompareAndSet { from, to } if *state == from => (to, RegisterOutput::Set(true)),
            RegisterInput::CompareAndSet { .. } => (*state, RegisterOutput::Set(false)),
        };
        output.is_none_or(|output| *output == answer).then_some(next)
    }

    fn only_looks(input: &RegisterInput, output: Option<&RegisterOutput>) -> bool {
        *input == RegisterInput::Read || output == Some(&RegisterOutput::Set(false))
    }
}

/// A lock that one owner holds at a time, who may take it with a fencing token; at first nobody.
///
/// It does not end by itself: the history of a lease that ran out says so with a release by its owner, at
/// any time from its grant on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {}

/// What a lock is asked, by an owner that no other acquisition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockInput {
    /// To be held by this owner.
    Acquire(u64),
    /// To be free, if this owner holds it.
    Release(u64),
}

/// What a lock answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockOutput {
    /// Held from now on.
    Granted {
        /// Above all that came before, if the lock gives any.
        token: Option<u64>,
    },
    /// Somebody holds it, perhaps the owner.
    Refused,
    /// Free from now on.
    Released,
    /// The owner did not hold it.
    NotHeld,
}

/// Who holds a lock, and the least that its newest token can be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct LockState {
    holder: Option<u64>,
    token: u64,
}

impl Model for Lock {
    type Input = LockInput;
    type Output = LockOutput;
    type State = LockState;

    fn step(state: &LockState, input: &LockInput, output: Option<&LockOutput>) -> Option<LockState> {
        let LockState { holder, token: newest } = *state;
        match (input, output) {
            (LockInput::Acquire(owner), Some(LockOutput::Granted { token })) if holder.is_none() => {
                let token = token.map_or(Some(newest), |token| (token > newest).then_some(token))?;
                Some(LockState { holder: Some(*owner), token })
            }
            // Of a token that nobody saw nothing is known, so nothing is asked of the next one.
            (LockInput::Acquire(owner), None) if holder.is_none() => {
                Some(LockState { holder: Some(*owner), token: newest })
            }
            (LockInput::Acquire(_), Some(LockOutput::Refused) | None) if holder.is_some() => {
                Some(state.clone())
            }
            (LockInput::Release(owner), Some(LockOutput::Released) | None) if holder == Some(*owner) => {
                Some(LockState { holder: None, token: newest })
            }
            (LockInput::Release(owner), Some(LockOutput::NotHeld) | None) if holder != Some(*owner) => {
                Some(state.clone())
            }
            _ => None,
        }
    }

    fn only_looks(_: &LockInput, output: Option<&LockOutput>) -> bool {
        matches!(output, Some(LockOutput::Refused | LockOutput::NotHeld))
    }
}
