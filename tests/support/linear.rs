//! Objects as a single thread sees them, for `porcupine_rs`: whether what concurrent clients saw of one could
//! have been one step each.

use porcupine_rs::{Model, Operation};

/// An operation that was called and answered at these times. Two moments that are equal have no order.
pub(crate) fn operation<M: Model>(client: u64, (call_ns, return_ns): (u64, u64), op: M::Op) -> Operation<M> {
    let time = |ns: u64| i64::try_from(2 * ns).expect("a moment of a test");
    Operation {
        client_id: Some(u32::try_from(client).expect("a few clients")),
        call_time: time(call_ns),
        return_time: time(return_ns) + 1,
        op,
        metadata: None,
    }
}

/// A number that clients add one to; at first 0.
#[derive(Debug, Clone)]
pub(crate) struct Counter;

/// What a client saw of a counter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CounterOp {
    /// It added one and was answered the sum.
    Add { sum: i64 },
    /// It read this number.
    Read(i64),
}

impl Model for Counter {
    type State = i64;
    type Op = CounterOp;
    type Metadata = ();

    fn init() -> i64 {
        0
    }

    fn step(total: &i64, op: &CounterOp) -> (bool, i64) {
        match *op {
            CounterOp::Add { sum } => (sum == total + 1, sum),
            CounterOp::Read(number) => (number == *total, *total),
        }
    }
}

/// A number that clients read and write; at first 0.
#[derive(Debug, Clone)]
pub(crate) struct Register;

/// What a client saw of a register.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RegisterOp {
    /// It read this number.
    Read(i64),
    /// It wrote this number.
    Write(i64),
}

impl Model for Register {
    type State = i64;
    type Op = RegisterOp;
    type Metadata = ();

    fn init() -> i64 {
        0
    }

    fn step(value: &i64, op: &RegisterOp) -> (bool, i64) {
        match *op {
            RegisterOp::Read(number) => (number == *value, *value),
            RegisterOp::Write(number) => (true, number),
        }
    }
}

/// A lock with fencing tokens that one owner holds at a time; at first free.
#[derive(Debug, Clone)]
pub(crate) struct Lock;

/// What a client saw of a lock. Every acquisition has an owner of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LockOp {
    /// It was granted the lock with a token above all earlier ones.
    Acquired { owner: u64, token: u64 },
    /// It released the lock that it held.
    Released { owner: u64 },
}

impl Model for Lock {
    /// The holder, and the newest token.
    type State = (Option<u64>, u64);
    type Op = LockOp;
    type Metadata = ();

    fn init() -> Self::State {
        (None, 0)
    }

    fn step((holder, newest): &Self::State, op: &LockOp) -> (bool, Self::State) {
        match *op {
            LockOp::Acquired { owner, token } => (holder.is_none() && token > *newest, (Some(owner), token)),
            LockOp::Released { owner } => (*holder == Some(owner), (None, *newest)),
        }
    }
}
