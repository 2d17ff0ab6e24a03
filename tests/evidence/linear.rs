//! The search for a linear order finds one where there is one, and nowhere else: against every order there
//! is, and against another program.

use crate::linear;
use crate::porcupine;

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

/// An operation from `call` to `end`.
fn op<M: Model>(object: &str, (call, end): (u64, u64), input: M::Input, output: M::Output) -> Op<M> {
    let (object, return_ns) = (object.to_owned(), Some(end));
    Op { process: call, object, call_ns: call, return_ns, input, output: Some(output) }
}

/// One whose answer nobody heard.
fn unheard<M: Model>(object: &str, call: u64, input: M::Input) -> Op<M> {
    Op { process: call, object: object.to_owned(), call_ns: call, return_ns: None, input, output: None }
}

fn stuck<M: Model>(history: &[Op<M>]) -> usize {
    match check(history) {
        Linear::NotLinearizable(witness) => {
            proves(history, &witness);
            witness.stuck
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stale_read_fits_nowhere() {
    let read = |when, number| op::<Register>("r", when, RegisterInput::Read, RegisterOutput::Number(number));
    let write =
        |when, number| op::<Register>("r", when, RegisterInput::Write(number), RegisterOutput::Written);
    // While it is written both may be read; once the new one was read, the old one may not.
    let good = [write((0, 100), 7), read((10, 20), 0), read((30, 40), 7), read((35, 50), 7)];
    assert_eq!(check(&good), Linear::Linearizable);
    let bad = [write((0, 100), 7), read((10, 20), 7), read((30, 40), 0)];
    assert_eq!(stuck(&bad), 2);
    let Linear::NotLinearizable(witness) = check(&bad) else { panic!("a stale read") };
    assert_eq!(witness.order, [0, 1]);
    assert_eq!(
        witness.to_string(),
        "r: Read of process 30, answered Number(0), fits nowhere: after the 2 operations that can be ordered it is 7"
    );
    let set = |when, set| {
        let input = RegisterInput::CompareAndSet { from: 0, to: 1 };
        op::<Register>("r", when, input, RegisterOutput::Set(set))
    };
    assert_eq!(check(&[set((0, 9), true), set((0, 9), false)]), Linear::Linearizable);
    assert_eq!(stuck(&[set((0, 9), true), set((10, 19), true)]), 1, "two set it from 0");
}

#[test]
fn a_lost_update_fits_nowhere() {
    let add = |when, sum| op::<Counter>("c", when, CounterInput::Add(1), CounterOutput::Number(sum));
    let blind = |when| op::<Counter>("c", when, CounterInput::Add(1), CounterOutput::Added);
    let read = |when, sum| op::<Counter>("c", when, CounterInput::Read, CounterOutput::Number(sum));
    assert_eq!(check(&[add((0, 10), 2), add((5, 15), 1), read((20, 30), 2)]), Linear::Linearizable);
    stuck(&[add((0, 10), 1), add((5, 15), 1)]);
    assert_eq!(stuck(&[blind((0, 10)), blind((5, 15)), read((20, 30), 1)]), 2);
    assert_eq!(stuck(&[blind((0, 10)), read((20, 30), 0)]), 1);
    // Whose answer was lost may have been counted or not, and at any time; but once only.
    let lost = unheard("c", 5, CounterInput::Add(1));
    for seen in [[0, 0], [0, 1], [1, 1]] {
        let reads = [read((20, 30), seen[0]), read((1000, 1010), seen[1])];
        assert_eq!(
            check(&[std::slice::from_ref(&lost), &reads[..]].concat()),
            Linear::Linearizable,
            "{seen:?}"
        );
    }
    assert_eq!(stuck(&[lost.clone(), read((20, 30), 1), read((40, 50), 0)]), 2);
    stuck(&[lost.clone(), read((20, 30), 2)]);
    stuck(&[read((0, 4), 1), lost]);
}

#[test]
fn two_holders_at_once_fit_nowhere() {
    let acquire = |when, owner, output| op::<Lock>("l", when, LockInput::Acquire(owner), output);
    let release = |when, owner, output| op::<Lock>("l", when, LockInput::Release(owner), output);
    let granted = |token| LockOutput::Granted { token };
    let (one, two) = (acquire((0, 1), 1, granted(Some(1))), |token| acquire((10, 30), 2, granted(token)));
    let released = release((20, 25), 1, LockOutput::Released);
    assert_eq!(check(&[one.clone(), two(Some(2)), released.clone()]), Linear::Linearizable);
    assert_eq!(stuck(&[one.clone(), two(Some(2))]), 1, "two hold it");
    assert_eq!(stuck(&[one.clone(), two(Some(1)), released.clone()]), 1, "one token twice");
    assert_eq!(
        check(&[one.clone(), two(None), unheard("l", 20, LockInput::Release(1))]),
        Linear::Linearizable
    );
    let refused = acquire((2, 3), 2, LockOutput::Refused);
    assert_eq!(check(&[one.clone(), refused.clone()]), Linear::Linearizable);
    stuck(&[refused]);
    let not_held = release((40, 50), 2, LockOutput::NotHeld);
    assert_eq!(stuck(&[one, two(None), released, not_held]), 3, "it held it");
}

#[test]
fn objects_are_judged_each_by_itself_and_one_is_enough() {
    let add =
        |object, when, sum| op::<Counter>(object, when, CounterInput::Add(1), CounterOutput::Number(sum));
    let good = [add("a", (0, 1), 1), add("b", (2, 3), 1), add("a", (4, 5), 2)];
    assert_eq!(check(&good), Linear::Linearizable);
    let bad = [&good[..], &[add("b", (6, 7), 1)]].concat();
    assert_eq!(stuck(&bad), 3);
}

#[test]
fn what_was_not_seen_or_not_searched_to_the_end_is_unknown() {
    assert_eq!(check::<Counter>(&[]), Linear::Unknown { steps: 0 });
    assert_eq!(check(&[unheard::<Counter>("c", 0, CounterInput::Read)]), Linear::Unknown { steps: 0 });
    let add = |n| op::<Counter>("c", (n, n + 1), CounterInput::Add(1), CounterOutput::Added);
    let adds: Vec<_> = (0..10).map(|n| add(10 * n)).collect();
    let seen = |steps| {
        check_within(
            &[&adds[..], &[op("c", (200, 210), CounterInput::Read, CounterOutput::Number(10))]].concat(),
            steps,
        )
    };
    assert_eq!(seen(11), Linear::Linearizable);
    assert_eq!(seen(10), Linear::Unknown { steps: 10 });
    // One object that has no order is enough, however little is known of another.
    let bad = op("b", (0, 1), CounterInput::Read, CounterOutput::Number(5));
    let both = [&[bad], &adds[..]].concat();
    assert!(matches!(check_within(&both, 5), Linear::NotLinearizable(_)));
}

#[test]
fn many_unheard_answers_and_many_clients_do_not_use_the_budget_up() {
    let blind = |n: u64| op::<Counter>("c", (n, 1000 + n), CounterInput::Add(1), CounterOutput::Added);
    let read =
        |n: u64, sum| op::<Counter>("c", (500 + n, 501 + n), CounterInput::Read, CounterOutput::Number(sum));
    let mut history: Vec<_> = (0..60).map(|n| unheard("c", n, CounterInput::Add(1))).collect();
    history.extend((0..60).map(blind));
    history.extend((0..30).map(|n| read(2 * n, 4 * i64::try_from(n).expect("a few"))));
    assert_eq!(check(&history), Linear::Linearizable);
    history.push(read(300, 115));
    assert!(matches!(check(&history), Linear::NotLinearizable(_)), "it went back from 116 to 115");
}
