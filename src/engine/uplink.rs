//! A worker process's line to its run.

use super::cell::CellState;
use super::stop::Cause;
use super::wire::{Notes, Up, price};
use crate::shared::Charge;
use crate::sync::lock;
use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use tokio::sync::oneshot;

/// Says things to the run, from any thread of the worker, whole lines at a time.
pub(super) struct Uplink {
    out: Mutex<Box<dyn Write + Send>>,
    cell: Arc<CellState>,
    /// Whether those that hold locks ask before they go on.
    armed: bool,
    grants: Mutex<mpsc::Receiver<bool>>,
    grant: mpsc::Sender<bool>,
    holders: Mutex<HashMap<u64, oneshot::Sender<bool>>>,
    acquired: AtomicU64,
}

impl std::fmt::Debug for Uplink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Uplink")
    }
}

impl Uplink {
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

    /// Says it now, in one write.
    pub(super) fn say(&self, up: &Up) {
        let mut line = serde_json::to_vec(up).unwrap_or_default();
        line.push(b'\n');
        let mut out = lock(&self.out);
        // A run that is gone is seen at the other end of the line, which ends this process.
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }

    pub(super) fn notes(&self, mut notes: Notes) {
        let booked = self.cell.booked();
        notes.totals = (booked.requests, booked.prompt_tokens, booked.completion_tokens);
        self.say(&Up::Notes(notes));
    }

    /// Asks the run to set this aside. It waits for the answer with its thread, some tens of microseconds: a
    /// budget has one keeper.
    pub(super) fn reserve(&self, job: u64, most: Charge) -> bool {
        let grants = lock(&self.grants);
        self.say(&Up::Reserve { job, most: price(most) });
        grants.recv().unwrap_or(false)
    }

    pub(super) fn settle(&self, job: u64, reserved: Charge, spent: Charge) {
        self.say(&Up::Settle { job, reserved: price(reserved), spent: price(spent) });
    }

    /// The run's answer to the oldest question.
    pub(super) fn granted(&self, granted: bool) {
        // Whoever asked holds the other end.
        let _ = self.grant.send(granted);
    }

    /// Tells the run that a lock was taken, and waits until it may be used; whether its release is to look lost.
    pub(super) async fn holding(&self, lock_name: &str, token: u64) -> bool {
        let id = self.acquired.fetch_add(1, Relaxed);
        let (go, gone) = oneshot::channel();
        if self.armed {
            lock(&self.holders).insert(id, go);
        }
        self.say(&Up::Holding { id, lock: lock_name.to_owned(), token });
        self.armed && gone.await.unwrap_or(false)
    }

    /// The run lets a holder go on.
    pub(super) fn go(&self, id: u64, lose_unlock: bool) {
        if let Some(holder) = lock(&self.holders).remove(&id) {
            // A job that was given up while it waited is not there any more.
            let _ = holder.send(lose_unlock);
        }
    }

    pub(super) fn stop(&self, cause: Cause) {
        self.say(&Up::Stop(cause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::nemesis::Nemeses;
    use crate::plan::Cell;
    use crate::strategy::{Booked, Books, Hands, LocalFuture, Strategy, Task};
    use std::rc::Rc;

    /// Keeps its own books.
    struct Accountant;

    impl Strategy for Accountant {
        fn run<'a>(&'a self, _task: Task, _hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
            Box::pin(async {})
        }

        fn books(&self) -> Books {
            Books::Own(Booked { requests: 7, prompt_tokens: 8, completion_tokens: 9 })
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
    fn what_a_strategy_has_on_its_own_books_is_known_before_its_process_can_die() {
        let place = Cell { index: 0, target: 0, strategy: 0 };
        let cell = Arc::new(CellState::new(place, Arc::new(Accountant), Nemeses::default()));
        let said = Arc::new(Mutex::new(Vec::new()));
        Uplink::new(Box::new(Line(said.clone())), cell, false).notes(Notes::default());
        let Ok(Up::Notes(notes)) = serde_json::from_slice(&lock(&said)) else { panic!("notes") };
        assert_eq!(notes.totals, (7, 8, 9));
    }
}
