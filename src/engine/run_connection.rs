//! The connection of a worker process to its run.

use super::cell::CellState;
use super::stop::StopCause;
use super::worker_protocol::{Notes, ToRun, price};
use crate::shared::Charge;
use crate::sync::lock;
use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use tokio::sync::oneshot;

/// Sends messages to the run from any thread of the worker, a whole line at a time.
pub(super) struct RunConnection {
    out: Mutex<Box<dyn Write + Send>>,
    cell: Arc<CellState>,
    /// Whether a job that has taken a lock waits for the run's permission.
    armed: bool,
    grants: Mutex<mpsc::Receiver<bool>>,
    grant: mpsc::Sender<bool>,
    holders: Mutex<HashMap<u64, oneshot::Sender<bool>>>,
    acquired: AtomicU64,
}

impl std::fmt::Debug for RunConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunConnection")
    }
}

impl RunConnection {
    pub(super) fn new(out: Box<dyn Write + Send>, cell: Arc<CellState>, armed: bool) -> Self {
        let (grant, grants) = mpsc::channel();
        Self {
            out: Mutex::new(out),
            cell,
            armed,
            grants: Mutex::new(grants),
            grant,
            holders: Mutex::default(),
            acquired: AtomicU64::new(0),
        }
    }

    /// Sends a message now, in one write.
    pub(super) fn send(&self, up: &ToRun) {
        let mut line = serde_json::to_vec(up).unwrap_or_default();
        line.push(b'\n');
        let mut out = lock(&self.out);
        // A run that has ended closes this process's input, which ends the process.
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }

    pub(super) fn notes(&self, mut notes: Notes) {
        let booked = self.cell.booked();
        notes.totals = (booked.requests, booked.prompt_tokens, booked.completion_tokens);
        self.send(&ToRun::Notes(notes));
    }

    /// Asks the run to reserve this much of the budget, which the run alone keeps. Blocks the thread for some
    /// tens of microseconds.
    pub(super) fn reserve(&self, job: u64, most: Charge) -> bool {
        let grants = lock(&self.grants);
        self.send(&ToRun::Reserve { job, most: price(most) });
        grants.recv().unwrap_or(false)
    }

    pub(super) fn settle(&self, job: u64, reserved: Charge, spent: Charge) {
        self.send(&ToRun::Settle { job, reserved: price(reserved), spent: price(spent) });
    }

    /// The run's answer to the oldest request.
    pub(super) fn granted(&self, granted: bool) {
        // The requesting thread holds the receiver.
        let _ = self.grant.send(granted);
    }

    /// Tells the run that a lock was taken, and waits until it may be used. Returns whether the answer to its
    /// unlock is to be lost.
    pub(super) async fn holding(&self, lock_name: &str, token: u64) -> bool {
        let id = self.acquired.fetch_add(1, Relaxed);
        let (go, gone) = oneshot::channel();
        if self.armed {
            lock(&self.holders).insert(id, go);
        }
        self.send(&ToRun::Holding { id, lock: lock_name.to_owned(), token });
        self.armed && gone.await.unwrap_or(false)
    }

    /// The run lets the holder of a lock continue.
    pub(super) fn go(&self, id: u64, lose_unlock: bool) {
        if let Some(holder) = lock(&self.holders).remove(&id) {
            // The job may have been cancelled while it waited.
            let _ = holder.send(lose_unlock);
        }
    }

    pub(super) fn stop(&self, cause: StopCause) {
        self.send(&ToRun::Stop(cause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::nemesis::Nemeses;
    use crate::plan::Cell;
    use crate::strategy::{Books, Hands, LocalFuture, OwnCounts, Strategy, Task};
    use std::rc::Rc;

    /// A strategy that counts by itself.
    struct Accountant;

    impl Strategy for Accountant {
        fn run<'a>(&'a self, _task: Task, _hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
            Box::pin(async {})
        }

        fn books(&self) -> Books {
            Books::Own(OwnCounts { requests: 7, prompt_tokens: 8, completion_tokens: 9 })
        }
    }

    struct Line(Arc<Mutex<Vec<u8>>>);

    impl Write for Line {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            lock(&self.0).write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_strategy_s_own_counts_are_sent_with_every_message() {
        let place = Cell { index: 0, target: 0, strategy: 0 };
        let cell = Arc::new(CellState::new(place, Arc::new(Accountant), Nemeses::default()));
        let said = Arc::new(Mutex::new(Vec::new()));
        RunConnection::new(Box::new(Line(said.clone())), cell, false).notes(Notes::default());
        let Ok(ToRun::Notes(notes)) = serde_json::from_slice(&lock(&said)) else { panic!("notes") };
        assert_eq!(notes.totals, (7, 8, 9));
    }
}
