//! Model checks of single flight.

use crate::loom_model;

use deadheat::shared::{FlightTicket, Flights, Joined, Woken};
use loom::model::Builder;
use loom::sync::Mutex;
use loom_model::{Bell, bounded, check, exhaustive, note, spawn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

const QUESTION: u32 = 7;
const ANSWER: u32 = 42;

type Answers = Flights<u32, u32, Bell>;

/// Waits behind the leader: `None` if the lead passed to this thread.
fn follow(flights: &Answers, ticket: FlightTicket, bell: &Bell) -> Option<u32> {
    bell.wait();
    match flights.woken(&QUESTION, ticket) {
        Woken::Done(value) => Some(value),
        Woken::Lead => None,
        Woken::Still => panic!("woken for nothing"),
    }
}

/// Asks as a task does whose first attempt as leader fails so often.
fn ask(flights: &Answers, mut failures: u32, led: &AtomicU32) -> u32 {
    loop {
        let bell = Bell::default();
        let answer = match flights.join(&QUESTION, bell.clone()) {
            Joined::Done(value) => Some(value),
            Joined::Lead => None,
            Joined::Wait(ticket) => {
                note("wait");
                follow(flights, ticket, &bell)
            }
        };
        if let Some(value) = answer {
            note(format!("answer {value}"));
            return value;
        }
        note("lead");
        if failures == 0 {
            led.fetch_add(1, SeqCst);
            flights.land(&QUESTION, ANSWER).into_iter().for_each(|next| next.ring());
            note("land");
            return ANSWER;
        }
        failures -= 1;
        if let Some(next) = flights.fail(&QUESTION) {
            next.ring();
        }
        note("fail");
    }
}

fn all_get_one_answer(name: &str, builder: &Builder, failures: &'static [u32]) {
    check(name, builder, move || {
        let (flights, led) = (Arc::new(Flights::new()), Arc::new(AtomicU32::new(0)));
        let handles: Vec<_> = failures[1..]
            .iter()
            .map(|failures| {
                let (flights, led) = (flights.clone(), led.clone());
                spawn("task", move || ask(&flights, *failures, &led))
            })
            .collect();
        assert_eq!(ask(&flights, failures[0], &led), ANSWER);
        for handle in handles {
            assert_eq!(handle.join().expect("a thread"), ANSWER);
        }
        assert_eq!(led.load(SeqCst), 1, "the question was asked twice");
    });
}

#[test]
fn one_asks_and_all_get_the_answer() {
    all_get_one_answer("flights", &exhaustive(), &[0, 0]);
    all_get_one_answer("flights, 3 threads", &exhaustive(), &[0, 0, 0]);
}

#[test]
fn three_who_come_while_the_answer_lands_get_it() {
    check("flights, 4 threads", &bounded(), || {
        let (flights, led) = (Arc::new(Flights::new()), Arc::new(AtomicU32::new(0)));
        assert_eq!(flights.join(&QUESTION, Bell::default()), Joined::Lead);
        let tasks = [0; 3].map(|_| {
            let (flights, led) = (flights.clone(), led.clone());
            spawn("task", move || ask(&flights, 0, &led))
        });
        flights.land(&QUESTION, ANSWER).into_iter().for_each(|next| next.ring());
        note("land");
        for task in tasks {
            assert_eq!(task.join().expect("a thread"), ANSWER);
        }
        assert_eq!(led.load(SeqCst), 0, "the question was asked twice");
    });
}

#[test]
fn a_leader_that_fails_passes_the_lead_on() {
    all_get_one_answer("flights, leaders fail", &exhaustive(), &[1, 1]);
    all_get_one_answer("flights, leaders fail, 3 threads", &bounded(), &[1, 1, 0]);
}

/// One leads and fails, one waits and leaves, as `leave` does it, and one waits to the end.
fn no_caller_is_lost(name: &str, builder: &Builder, leave: fn(&Answers, FlightTicket)) {
    check(name, builder, move || {
        let (flights, led) = (Arc::new(Flights::new()), Arc::new(AtomicU32::new(0)));
        assert_eq!(flights.join(&QUESTION, Bell::default()), Joined::Lead);
        let Joined::Wait(ticket) = flights.join(&QUESTION, Bell::default()) else {
            panic!("two led one question")
        };
        let leaver = {
            let flights = flights.clone();
            spawn("leaver", move || {
                leave(&flights, ticket);
                note("leave");
            })
        };
        let stayer = {
            let (flights, led) = (flights.clone(), led.clone());
            spawn("stayer", move || ask(&flights, 0, &led))
        };
        if let Some(next) = flights.fail(&QUESTION) {
            next.ring();
        }
        note("fail");
        leaver.join().expect("a thread");
        assert_eq!(stayer.join().expect("a thread"), ANSWER);
    });
}

#[test]
fn a_waiter_that_leaves_takes_no_lead_along() {
    no_caller_is_lost("flights, a waiter leaves", &exhaustive(), |flights, ticket| {
        if let Some(next) = flights.leave(&QUESTION, ticket) {
            next.ring();
        }
    });
}

/// The planted bug: a waiter that leaves just goes, and takes the lead along that may have come to it.
#[test]
#[should_panic(expected = "deadlock")]
fn loom_catches_a_lead_that_left() {
    no_caller_is_lost("flights forgetful leaver", &exhaustive(), |_, _| ());
}

/// The planted bug: whether a task asks is looked up, and the question entered as asked in a second step.
#[test]
#[should_panic(expected = "the question was asked twice")]
fn loom_catches_look_then_insert() {
    check("flights look-then-insert", &exhaustive(), || {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let other = asked.clone();
        let join = |asked: &Mutex<Vec<u32>>| {
            let free = !asked.lock().expect("a lock").contains(&QUESTION);
            note(format!("no task asks ➜ {free}"));
            if free {
                asked.lock().expect("a lock").push(QUESTION);
                note("lead");
            }
            free
        };
        let handle = spawn("thread 1", move || join(&other));
        let mine = join(&asked);
        assert!(!(handle.join().expect("a thread") && mine), "the question was asked twice");
    });
}
