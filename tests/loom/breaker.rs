//! Model checks of the circuit breaker.

use crate::loom_model;

use deadheat::shared::{Admission, Breaker};
use loom::model::Builder;
use loom::sync::Mutex;
use loom_model::{bounded, check, exhaustive, note, spawn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

const OPEN_FOR: Duration = Duration::from_secs(1);
const FAILED_AT: Duration = Duration::ZERO;
/// When an opened breaker lets a probe through.
const PROBE_AT: Duration = OPEN_FOR;
const LATER: Duration = Duration::from_secs(60);

/// Opens after one failure, closes after one good probe.
fn opened() -> Breaker {
    let breaker = Breaker::new(1, OPEN_FOR, 1);
    if let Admission::Go(pass) = breaker.admit(FAILED_AT) {
        breaker.ended(FAILED_AT, pass, false);
    }
    assert_eq!(breaker.admit(FAILED_AT), Admission::Wait(PROBE_AT));
    breaker
}

#[derive(Clone, Copy)]
enum End {
    Well,
    Badly,
    Abandoned,
}

/// Asks for leave once and uses it; `out` counts the probes, which close nothing before they end. Whether it
/// closed the breaker, if it was let through.
fn probe(breaker: &Breaker, out: &AtomicU32, end: End) -> Option<bool> {
    let Admission::Go(pass) = breaker.admit(PROBE_AT) else {
        note("wait");
        return None;
    };
    note("probe");
    // A breaker that a probe has closed lets everyone through; until then there is one.
    if !matches!(end, End::Well) {
        assert!(out.fetch_add(1, SeqCst) < 1, "two probes at once");
        out.fetch_sub(1, SeqCst);
    }
    let closed = match end {
        End::Well => breaker.ended(PROBE_AT, pass, true),
        End::Badly => breaker.ended(PROBE_AT, pass, false),
        End::Abandoned => {
            breaker.abandon(pass);
            false
        }
    };
    note(match end {
        End::Well => "well",
        End::Badly => "badly",
        End::Abandoned => "abandon",
    });
    Some(closed)
}

fn probes(name: &str, builder: &Builder, ends: &'static [End]) {
    check(name, builder, move || {
        let (breaker, out) = (Arc::new(opened()), Arc::new(AtomicU32::new(0)));
        let handles: Vec<_> = ends[1..]
            .iter()
            .map(|end| {
                let (breaker, out) = (breaker.clone(), out.clone());
                spawn("task", move || probe(&breaker, &out, *end))
            })
            .collect();
        let mine = probe(&breaker, &out, ends[0]);
        let theirs = handles.into_iter().map(|handle| handle.join().expect("a thread"));
        let went: Vec<bool> = theirs.chain([mine]).flatten().collect();
        assert!(!went.is_empty(), "a breaker that was due let no attempt through");
        let closed = went.iter().filter(|closed| **closed).count();
        assert_eq!(closed, usize::from(matches!(ends[0], End::Well)), "who waits is told once");
        let Admission::Go(pass) = breaker.admit(LATER) else { panic!("wedged") };
        breaker.abandon(pass);
    });
}

#[test]
fn one_probe_at_a_time_and_never_wedged() {
    probes("breaker, abandoned probes", &exhaustive(), &[End::Abandoned, End::Abandoned]);
    probes("breaker, failed probes", &exhaustive(), &[End::Badly, End::Badly]);
    probes("breaker, 3 threads", &exhaustive(), &[End::Abandoned, End::Badly, End::Abandoned]);
    probes("breaker, a good probe", &exhaustive(), &[End::Well, End::Well, End::Well]);
    let four = &[End::Abandoned, End::Badly, End::Abandoned, End::Badly];
    probes("breaker, 4 threads", &bounded(), four);
}

/// The planted bug: whether a probe is out is looked at, and the probe sent in a second step.
#[test]
#[should_panic(expected = "two probes at once")]
fn loom_catches_two_probes() {
    check("breaker look-then-probe", &exhaustive(), || {
        let probing = Arc::new(Mutex::new(false));
        let other = probing.clone();
        let admit = |probing: &Mutex<bool>| {
            let free = !*probing.lock().expect("a lock");
            note(format!("no probe is out ➜ {free}"));
            if free {
                *probing.lock().expect("a lock") = true;
                note("probe");
            }
            free
        };
        let handle = spawn("task", move || admit(&other));
        let mine = admit(&probing);
        assert!(!(handle.join().expect("a thread") && mine), "two probes at once");
    });
}

/// The planted bug: a probe that is given up is just dropped, and its place never comes free.
#[test]
#[should_panic(expected = "wedged")]
fn loom_catches_a_dropped_probe() {
    check("breaker dropped probe", &exhaustive(), || {
        let breaker = Arc::new(opened());
        let other = breaker.clone();
        let task = spawn("task", move || {
            if let Admission::Go(_dropped) = other.admit(PROBE_AT) {
                note("probe, dropped");
            }
        });
        if let Admission::Go(pass) = breaker.admit(PROBE_AT) {
            breaker.abandon(pass);
            note("probe, abandoned");
        }
        task.join().expect("a thread");
        assert!(matches!(breaker.admit(LATER), Admission::Go(_)), "wedged");
    });
}
