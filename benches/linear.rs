//! Operations per second that the search for a linear order goes through: histories of clients that ask one
//! object after another answer, all of which have an order, and one whose last read is stale.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use deadheat::invariants::linear::*;
use deadheat::seed;
use rand::Rng;
use std::hint::black_box;

const OPERATIONS: usize = 20_000;
const STALE_AFTER: usize = 2_000;

/// What the next operation is, and what is answered to it.
trait Asked: Model {
    fn ask(draw: &mut impl Rng, client: u64, n: usize) -> Self::Input;
    fn answers(input: &Self::Input, state: &Self::State) -> Self::Output;
}

impl Asked for Counter {
    fn ask(draw: &mut impl Rng, _: u64, _: usize) -> CounterInput {
        if draw.random_bool(0.5) { CounterInput::Add(1) } else { CounterInput::Read }
    }

    fn answers(input: &CounterInput, state: &i64) -> CounterOutput {
        match input {
            CounterInput::Add(_) => CounterOutput::Added,
            CounterInput::Read => CounterOutput::Number(*state),
        }
    }
}

impl Asked for Register {
    fn ask(draw: &mut impl Rng, _: u64, n: usize) -> RegisterInput {
        match draw.random_range(0..10) {
            0..5 => RegisterInput::Read,
            5..8 => RegisterInput::Write(n as i64),
            _ => RegisterInput::CompareAndSet { from: n as i64 - 3, to: n as i64 },
        }
    }

    fn answers(input: &RegisterInput, state: &i64) -> RegisterOutput {
        match input {
            RegisterInput::Read => RegisterOutput::Number(*state),
            RegisterInput::Write(_) => RegisterOutput::Written,
            RegisterInput::CompareAndSet { from, .. } => RegisterOutput::Set(from == state),
        }
    }
}

/// Each client asks, waits for the answer, and asks again; an operation takes effect somewhere in between.
fn history<M: Asked>(clients: u64, operations: usize) -> Vec<Op<M>> {
    let mut draw = seed::stream(1, "linear bench", clients);
    let mut free_at = vec![0_u64; usize::try_from(clients).expect("a few")];
    let mut planned: Vec<(u64, Op<M>)> = (0..operations)
        .map(|n| {
            let client = (0..clients).min_by_key(|client| free_at[*client as usize]).expect("a client");
            let call_ns = free_at[client as usize] + draw.random_range(1..200);
            let effect_ns = call_ns + draw.random_range(1..1000);
            let return_ns = effect_ns + draw.random_range(1..1000);
            free_at[client as usize] = return_ns;
            let (input, object) = (M::ask(&mut draw, client, n), String::new());
            let return_ns = Some(return_ns);
            (effect_ns, Op { process: client, object, call_ns, return_ns, input, output: None })
        })
        .collect();
    planned.sort_by_key(|(effect_ns, _)| *effect_ns);
    let mut state = M::State::default();
    for (_, op) in &mut planned {
        op.output = Some(M::answers(&op.input, &state));
        state = M::step(&state, &op.input, op.output.as_ref()).expect("what it answers itself");
    }
    planned.into_iter().map(|(_, op)| op).collect()
}

fn of<M: Asked>(c: &mut Criterion, name: &str) {
    let mut group = c.benchmark_group(format!("linear {name}"));
    group.sample_size(10).throughput(Throughput::Elements(OPERATIONS as u64));
    for clients in [5, 10, 20] {
        let history = history::<M>(clients, OPERATIONS);
        // Of one whose budget does not suffice the time is that to use it up.
        let name = if check(&history) == Linear::Linearizable { "clients" } else { "out of steps, clients" };
        group.bench_with_input(BenchmarkId::new(name, clients), &history, |b, history| {
            b.iter(|| check(black_box(history)));
        });
    }
    group.finish();
}

/// What it takes to be sure that there is no order.
fn stale(c: &mut Criterion) {
    let mut group = c.benchmark_group("linear stale read");
    group.sample_size(10).throughput(Throughput::Elements(STALE_AFTER as u64));
    for clients in [5, 10, 20] {
        let mut history = history::<Register>(clients, STALE_AFTER);
        let read = history.iter_mut().rev().find(|op| op.input == RegisterInput::Read).expect("a read");
        read.output = Some(RegisterOutput::Number(-1));
        group.bench_with_input(BenchmarkId::new("clients", clients), &history, |b, history| {
            b.iter(|| check(black_box(history)));
        });
    }
    group.finish();
}

fn all(c: &mut Criterion) {
    of::<Counter>(c, "counter");
    of::<Register>(c, "register");
    stale(c);
}

criterion_group!(benches, all);
criterion_main!(benches);
