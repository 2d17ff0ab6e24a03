//! Model checks of the results.

use crate::loom_model;

use deadheat::shared::Results;
use loom::model::Builder;
use loom::sync::Mutex;
use loom_model::{bounded, check, exhaustive, note, spawn};
use std::collections::BTreeMap;
use std::sync::Arc;

const JOB: u32 = 7;

fn one_stands(name: &str, builder: &Builder, putters: u32) {
    check(name, builder, move || {
        let results = Arc::new(Results::new());
        assert!(results.open(JOB));
        let handles: Vec<_> = (1..=putters)
            .map(|n| {
                let results = results.clone();
                spawn("putter", move || {
                    let first = results.put(&JOB, n);
                    note(format!("put {n} ➜ {first}"));
                    first.then_some(n)
                })
            })
            .collect();
        let early = results.take(&JOB);
        note(format!("take ➜ {early:?}"));
        let firsts: Vec<u32> =
            handles.into_iter().filter_map(|handle| handle.join().expect("a thread")).collect();
        let late = results.take(&JOB);
        // One that comes after the first was taken finds no place: what is done with leaves nothing behind.
        assert_eq!(firsts.len(), 1, "two results of one job");
        let taken: Vec<u32> = early.into_iter().chain(late).collect();
        assert_eq!(taken, firsts, "what was taken is not what was first");
        assert!(results.is_empty());
    });
}

#[test]
fn the_first_result_of_a_job_is_the_one_that_is_taken() {
    one_stands("results", &exhaustive(), 2);
    one_stands("results, 4 threads", &bounded(), 3);
}

#[test]
fn results_of_different_jobs_do_not_meet() {
    check("results of two jobs", &exhaustive(), || {
        let results = Arc::new(Results::new());
        assert!(results.open(1) && results.open(2));
        let other = results.clone();
        let handle = spawn("thread 1", move || (other.put(&1, 'a'), other.take(&2)));
        assert!(results.put(&2, 'b'));
        let mine = results.take(&1);
        let (put, theirs) = handle.join().expect("a thread");
        assert!(put && mine.is_none_or(|value| value == 'a') && theirs.is_none_or(|value| value == 'b'));
        assert_eq!(results.len(), usize::from(mine.is_none()) + usize::from(theirs.is_none()));
    });
}

#[test]
fn a_place_that_is_given_up_keeps_nothing() {
    check("results given up", &exhaustive(), || {
        let results = Arc::new(Results::new());
        assert!(results.open(JOB));
        let other = results.clone();
        let putter = spawn("putter", move || other.put(&JOB, 1));
        results.close(&JOB);
        note("close");
        let put = putter.join().expect("a thread");
        note(format!("put ➜ {put}"));
        assert!(results.is_empty() && results.take(&JOB).is_none());
        assert!(!results.put(&JOB, 2), "a late result found a place");
    });
}

/// Two answers to one job, filed as `put` files them: what stands must be what a putter was told stands.
fn told_and_stands(name: &str, put: fn(&Mutex<BTreeMap<u32, u32>>, u32) -> bool) {
    check(name, &exhaustive(), move || {
        let results = Arc::new(Mutex::new(BTreeMap::new()));
        let other = results.clone();
        let theirs = spawn("thread 1", move || put(&other, 1));
        let firsts = [put(&results, 2), theirs.join().expect("a thread")];
        assert_eq!(firsts.into_iter().filter(|first| *first).count(), 1, "two results of one job");
    });
}

/// The planted bug: the later answer replaces the earlier, and both are told that theirs stands.
#[test]
#[should_panic(expected = "two results of one job")]
fn loom_catches_a_map_that_overwrites() {
    told_and_stands("results overwritten", |results, n| {
        results.lock().expect("a lock").insert(JOB, n);
        note(format!("put {n}"));
        true
    });
}

/// The planted bug: whether there is a result is looked up, and the result filed in a second step.
#[test]
#[should_panic(expected = "two results of one job")]
fn loom_catches_look_then_put() {
    told_and_stands("results look-then-put", |results, n| {
        let none = !results.lock().expect("a lock").contains_key(&JOB);
        note(format!("no result yet ➜ {none}"));
        if none {
            results.lock().expect("a lock").insert(JOB, n);
            note(format!("put {n}"));
        }
        none
    });
}
