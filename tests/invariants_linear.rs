//! The search for a linear order finds one where there is one, and nowhere else: against every order there
//! is, and against another program.
#![cfg(not(loom))]

mod linear;
#[path = "linear/porcupine.rs"]
mod porcupine;

use deadheat::invariants::linear::*;
use linear::{Drawn, brute_force, histories};
use porcupine::{OfCounter, OfLock, OfRegister};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::cell::Cell;

/// Judges random histories by ours and by another. Both kinds must come up often.
fn agree<M: Drawn>(cases: u32, most: usize, other: impl Fn(&[Op<M>]) -> bool) {
    let (linear, not) = (Cell::new(0_u32), Cell::new(0_u32));
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let agreed = runner.run(&histories::<M>(most), |history| {
        let (ours, theirs) = (check(&history), other(&history));
        let answered = history.iter().any(|op| op.return_ns.is_some() && op.output.is_some());
        match &ours {
            Linear::Unknown { steps: 0 } if !answered => return Ok(()),
            Linear::Linearizable if theirs => linear.set(linear.get() + 1),
            Linear::NotLinearizable(witness) if !theirs => {
                not.set(not.get() + 1);
                proves(&history, witness);
            }
            _ => return Err(TestCaseError::fail(format!("{ours:?}, and the other says {theirs}"))),
        }
        Ok(())
    });
    agreed.unwrap_or_else(|error| panic!("{error}"));
    let (linear, not) = (linear.get(), not.get());
    println!("{linear} linearizable, {not} not");
    assert!(linear > cases / 8 && not > cases / 8, "{linear} and {not} of {cases}");
}

/// The witness is an order of a part of the object's operations, and what is stuck was answered before any
/// that is left out was called.
fn proves<M: Model>(history: &[Op<M>], witness: &Witness) {
    let mut state = M::State::default();
    for (n, place) in witness.order.iter().enumerate() {
        let op = &history[*place];
        assert_eq!(op.object, witness.object);
        let later = &witness.order[n + 1..];
        let in_time = |later: &usize| history[*later].return_ns.is_none_or(|end| end >= op.call_ns);
        assert!(later.iter().chain([&witness.stuck]).all(in_time), "out of order: {witness:?}");
        state = M::step(&state, &op.input, op.output.as_ref()).expect("an order that can be");
    }
    assert_eq!(format!("{state:?}"), witness.state);
    let stuck = &history[witness.stuck];
    assert!(stuck.object == witness.object && !witness.order.contains(&witness.stuck));
    assert_eq!(M::step(&state, &stuck.input, stuck.output.as_ref()), None, "it fits: {witness}");
}

#[test]
fn every_order_of_a_few_operations_says_the_same() {
    agree::<Counter>(2000, 7, brute_force);
    agree::<Register>(2000, 7, brute_force);
    agree::<Lock>(2000, 7, brute_force);
}

#[test]
fn porcupine_says_the_same_of_longer_histories() {
    for most in [12, 40] {
        agree::<Counter>(500, most, porcupine::is_linearizable::<Counter, OfCounter>);
        agree::<Register>(500, most, porcupine::is_linearizable::<Register, OfRegister>);
        agree::<Lock>(500, most, porcupine::is_linearizable::<Lock, OfLock>);
    }
}
