//! What a failing model shows.

use crate::loom_model;

use loom::sync::Mutex;
use loom_model::{exhaustive, explore, note, spawn};
use std::sync::Arc;

fn read(requests: &Mutex<u64>) -> u64 {
    *requests.lock().expect("a lock")
}

/// The planted bug: two steps, each under the lock.
fn book(requests: &Mutex<u64>) {
    let before = read(requests);
    note(format!("requests ➜ {before}"));
    *requests.lock().expect("a lock") = before + 1;
    note(format!("requests := {}", before + 1));
}

fn books_twice() {
    let requests = Arc::new(Mutex::new(0));
    let other = requests.clone();
    let handle = spawn("thread 1", move || book(&other));
    book(&requests);
    handle.join().expect("a thread");
    assert_eq!(read(&requests), 2, "a request was lost");
}

const TABLE: &str = "\
| main          | thread 1      |
| ------------- | ------------- |
| requests ➜ 0  |               |
| switch        |               |
|               | requests ➜ 0  |
|               | requests := 1 |
| requests := 1 |               |
";

#[test]
fn a_failure_is_shown_one_column_a_thread() {
    let (count, failed) = explore(&exhaustive(), books_twice);
    let failed = failed.expect("a lost update");
    assert!(failed.message.contains("a request was lost"), "{}", failed.message);
    assert_eq!(failed.table, TABLE, "\n{}", failed.table);
    assert!(count > 0);
}

#[test]
fn a_model_that_holds_shows_nothing() {
    let (count, failed) = explore(&exhaustive(), || {
        let requests = Arc::new(Mutex::new(0));
        let other = requests.clone();
        let handle = spawn("thread 1", move || *other.lock().expect("a lock") += 1);
        *requests.lock().expect("a lock") += 1;
        handle.join().expect("a thread");
        assert_eq!(read(&requests), 2, "a request was lost");
    });
    assert!(failed.is_none() && count > 1, "{count} interleavings");
}
