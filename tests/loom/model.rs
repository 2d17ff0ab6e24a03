//! Takes a model through its interleavings, and shows the one that fails as a table.
//!
//! Loom says which assertion failed; how the threads came there it can only log. So models note what they
//! do, and a failure prints the notes in the manner of Lincheck: one column per thread, read downwards,
//! with `switch` where a thread was left in the midst of its work.
#![allow(dead_code, reason = "each test uses what it needs")]

use loom::model::Builder;
use loom::sync::Notify;
use loom::thread::{self, JoinHandle, ThreadId};
use std::any::Any;
use std::cell::RefCell;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::time::Instant;

thread_local! {
    /// What the threads of the present interleaving did. Loom runs a model's threads as coroutines of the
    /// test's own thread, so this is theirs together.
    static NOTES: RefCell<Notes> = const { RefCell::new(Notes { columns: Vec::new(), rows: Vec::new() }) };
}

#[derive(Default)]
struct Notes {
    columns: Vec<(ThreadId, String)>,
    rows: Vec<(usize, String)>,
}

impl Notes {
    fn column(&mut self, thread: ThreadId, name: &str) -> usize {
        self.columns.iter().position(|(known, _)| *known == thread).unwrap_or_else(|| {
            self.columns.push((thread, name.to_owned()));
            self.columns.len() - 1
        })
    }

    /// The rows, with `switch` where a thread is left that goes on later.
    fn with_switches(&self) -> Vec<(usize, &str)> {
        let mut shown = Vec::new();
        for (at, (column, text)) in self.rows.iter().enumerate() {
            shown.push((*column, text.as_str()));
            let left = self.rows.get(at + 1).is_some_and(|(next, _)| next != column);
            let goes_on = self.rows[at + 1..].iter().any(|(later, _)| later == column);
            if left && goes_on {
                shown.push((*column, "switch"));
            }
        }
        shown
    }

    fn table(&self) -> String {
        let rows = self.with_switches();
        let width = |column: usize| {
            let cells = rows.iter().filter(|(at, _)| *at == column).map(|(_, text)| *text);
            cells.chain([self.columns[column].1.as_str()]).map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cell: &dyn Fn(usize) -> String| {
            let cells = widths.iter().enumerate().map(|(at, width)| format!(" {:width$} |", cell(at)));
            format!("|{}\n", cells.collect::<String>())
        };
        let mut table = line(&|at| self.columns[at].1.clone());
        table += &line(&|at| "-".repeat(widths[at]));
        for (column, text) in rows {
            table += &line(&|at| if at == column { text.to_owned() } else { String::new() });
        }
        table
    }
}

/// Every interleaving, whatever `LOOM_MAX_PREEMPTIONS` says.
pub(crate) fn exhaustive() -> Builder {
    let mut builder = Builder::new();
    builder.preemption_bound = None;
    builder
}

/// Every interleaving in which threads are interrupted at most three times: for four threads, which have
/// too many.
pub(crate) fn bounded() -> Builder {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder
}

/// Notes what the thread that calls this has just done. Not a point at which loom switches threads, so it
/// stands where it happened. An atomic may be read stale, as on real machines: the table then shows an old
/// value below the new one, and no switch.
pub(crate) fn note(text: impl Into<String>) {
    let thread = thread::current().id();
    NOTES.with_borrow_mut(|notes| {
        let column = notes.column(thread, "main");
        notes.rows.push((column, text.into()));
    });
}

/// Spawns a thread of the model whose column bears this name.
pub(crate) fn spawn<T: 'static>(name: &'static str, run: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    thread::spawn(move || {
        let thread = thread::current().id();
        NOTES.with_borrow_mut(|notes| notes.column(thread, name));
        run()
    })
}

/// Wakes one waiter: the `W` of the structs that have one. Unlike a flag that is spun on it costs loom no
/// interleaving per turn, and a bell that is not rung is a deadlock, which loom reports.
#[derive(Clone, Default)]
pub(crate) struct Bell(Arc<(Notify, AtomicBool)>);

impl Bell {
    /// Wakes the waiter, now or when it waits.
    pub(crate) fn ring(&self) {
        self.0.1.store(true, SeqCst);
        self.0.0.notify();
    }

    /// Waits until it has rung.
    pub(crate) fn wait(&self) {
        while !self.0.1.load(SeqCst) {
            self.0.0.wait();
        }
    }
}

/// An interleaving that failed.
pub(crate) struct Failed {
    /// What the threads did.
    pub(crate) table: String,
    /// The assertion's message, or loom's.
    pub(crate) message: String,
    payload: Box<dyn Any + Send>,
}

/// Takes the model through its interleavings until one fails: how many there were, and the failure.
pub(crate) fn explore(builder: &Builder, model: impl Fn() + Send + Sync + 'static) -> (u64, Option<Failed>) {
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    let run = move || {
        counted.fetch_add(1, Relaxed);
        NOTES.with_borrow_mut(|notes| *notes = Notes::default());
        let main = thread::current().id();
        NOTES.with_borrow_mut(|notes| notes.column(main, "main"));
        model();
    };
    let failed = catch_unwind(AssertUnwindSafe(|| builder.check(run))).err().map(|payload| Failed {
        table: NOTES.with_borrow(Notes::table),
        message: said(payload.as_ref()),
        payload,
    });
    (count.load(Relaxed), failed)
}

fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

/// Takes the model through its interleavings and says how many there were and how long it took.
///
/// # Panics
/// As the model does, in the first interleaving in which it does; its table goes to stderr.
#[allow(clippy::disallowed_methods, reason = "the time a check takes is told to people, and decides nothing")]
#[allow(clippy::print_stderr, reason = "shown with the test that fails")]
pub(crate) fn check(name: &str, builder: &Builder, model: impl Fn() + Send + Sync + 'static) {
    let begun = Instant::now();
    let (count, failed) = explore(builder, model);
    let seconds = begun.elapsed().as_secs_f64();
    let found = if failed.is_some() { " until the failure" } else { "" };
    // Past the test harness, which shows nothing of a test that passes; in one piece, as tests run side by
    // side.
    let line = format!("loom {name}: {count} interleavings{found}, {seconds:.2} s\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(Failed { table, message, payload }) = failed {
        eprintln!("{table}loom {name}: {message}");
        resume_unwind(payload);
    }
}
