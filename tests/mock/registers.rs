//! The provider's registers, seen from outside as their clients see them: each read and each write is one
//! step; a read and a write that depends on it are not, and a token that only writes show does not make them
//! so.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::client;
use crate::linear::{Counter, CounterOp, Register, RegisterOp, operation};

use client::{Answer, connect, get, instant, post, read, serve};
use deadheat::clock::Clock;
use deadheat::mock::{LedgerSink, Server};
use porcupine_rs::{Operation, check_operations};
use std::io::Write;
use std::sync::Mutex;

const PATH: &str = "/deadheat/registers/balance";

struct Registers {
    server: Server,
    clock: Clock,
}

impl Registers {
    fn new() -> Self {
        Self { server: serve(instant(), Vec::new(), LedgerSink::Keep), clock: Clock::start() }
    }

    fn ask(&self, request: &str) -> Answer {
        let mut stream = connect(&self.server);
        stream.write_all(request.as_bytes()).unwrap();
        read(&mut stream)
    }

    fn read(&self) -> i64 {
        self.ask(&get(PATH)).json()["value"].as_i64().unwrap()
    }

    fn write(&self, value: i64, token: Option<u64>) -> bool {
        let body = serde_json::json!({ "value": value, "token": token }).to_string();
        self.ask(&post(PATH, "", &body).replacen("POST", "PUT", 1)).status == 200
    }
}

#[test]
fn each_read_and_each_write_is_one_step() {
    const CLIENTS: u64 = 4;
    let (registers, history) = (Registers::new(), Mutex::new(Vec::<Operation<Register>>::new()));
    let turn = |process: u64, n: u64| {
        let call_ns = registers.clock.now_ns();
        let seen = if n.is_multiple_of(3) {
            let value = i64::try_from(process * 100 + n).unwrap();
            assert!(registers.write(value, None));
            RegisterOp::Write(value)
        } else {
            RegisterOp::Read(registers.read())
        };
        let op = operation(process, (call_ns, registers.clock.now_ns()), seen);
        history.lock().unwrap().push(op);
    };
    std::thread::scope(|scope| {
        for process in 0..CLIENTS {
            let turn = &turn;
            scope.spawn(move || (0..30).for_each(|n| turn(process, n)));
        }
    });
    let mut history = history.into_inner().unwrap();
    assert!(check_operations(&history));
    // The planted mistake: a register that answers one read with its first value.
    let at_ns = registers.clock.now_ns();
    history.push(operation(CLIENTS, (at_ns, at_ns + 1), RegisterOp::Read(0)));
    assert!(!check_operations(&history));
}

/// Two clients count up by reading and writing, and the second one reads before the first one writes.
/// Returns which writes were admitted, and whether the counter's history is linearizable.
fn count_up_twice(tokens: [Option<u64>; 2], first_writes_first: bool) -> ([bool; 2], bool) {
    let registers = Registers::new();
    let called_ns = registers.clock.now_ns();
    let reads = [registers.read(), registers.read()];
    let mut admitted = [false; 2];
    for client in if first_writes_first { [0, 1] } else { [1, 0] } {
        admitted[client] = registers.write(reads[client] + 1, tokens[client]);
    }
    let op = |process, seen| operation::<Counter>(process, (called_ns, registers.clock.now_ns()), seen);
    // A refused write has certainly changed nothing.
    let counted = (0..).zip(reads).zip(admitted).filter(|(_, admitted)| *admitted);
    let mut history: Vec<_> =
        counted.map(|((process, read), _)| op(process, CounterOp::Add { sum: read + 1 })).collect();
    history.push(op(2, CounterOp::Read(registers.read())));
    (admitted, check_operations(&history))
}

#[test]
fn a_read_and_a_write_that_depends_on_it_are_two_steps() {
    let (admitted, linear) = count_up_twice([None, None], true);
    assert!(!linear, "an update was lost");
    assert_eq!(admitted, [true, true]);
}

#[test]
fn a_token_saves_the_update_from_a_late_writer_but_not_from_an_early_one() {
    // The first holder pauses until after the second one's write: it is refused, and nothing is lost.
    assert_eq!(count_up_twice([Some(1), Some(2)], false), ([false, true], true));
    // It writes in between: its token is still the newest that the register has seen, for reads show none.
    let (admitted, linear) = count_up_twice([Some(1), Some(2)], true);
    assert!(!linear, "an update was lost");
    assert_eq!(admitted, [true, true]);
}
