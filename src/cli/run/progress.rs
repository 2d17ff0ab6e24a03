//! The progress line: reads the engine's counters, never its hot path.

use crate::cli::output;
use crate::engine::{Cause, Stop};
use crate::history::BatchSender;
use crate::profile;
use crate::scenario::Plan;
use crate::shared::{Progress, Snapshot};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(100);
/// Without a terminal: one line so often.
const TICKS_PER_LINE: u32 = 50;

/// A display that runs until it is stopped; it also stops the run when evidence cannot be written.
pub(super) struct Display {
    quit: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    pub(super) fn start(
        quiet: bool,
        plan: &Plan,
        progress: &Arc<Progress>,
        history: BatchSender,
        stop: &Arc<Stop>,
    ) -> Self {
        let (quit, quitting) = mpsc::channel();
        let total = profile::planned(plan).map(|jobs| jobs * plan.cells().len() as u64);
        let (progress, stop) = (progress.clone(), stop.clone());
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            show(quiet, total, &progress, &history, &stop, &quitting);
        });
        Self { quit, thread: thread.ok() }
    }

    /// Clears the line.
    pub(super) fn stop(mut self) {
        // The display may have ended by itself; both are fine.
        let _ = self.quit.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn show(
    quiet: bool,
    total: Option<u64>,
    progress: &Progress,
    history: &BatchSender,
    stop: &Stop,
    quitting: &mpsc::Receiver<()>,
) {
    let terminal = std::io::stderr().is_terminal();
    let bar = bar(total, terminal && !quiet);
    let mut ticks = 0;
    let mut last = Snapshot::default();
    while let Err(mpsc::RecvTimeoutError::Timeout) = quitting.recv_timeout(TICK) {
        if history.failed() {
            stop.stop(Cause::EvidenceFailed);
        }
        let seen = progress.read();
        bar.set_position(seen.jobs_ended);
        bar.set_message(figures(&seen));
        ticks += 1;
        if !quiet && !terminal && ticks % TICKS_PER_LINE == 0 && seen != last {
            let of = total.map_or_else(String::new, |total| format!(" of {total}"));
            output::say(&format!("{}{of} jobs, {}", seen.jobs_ended, figures(&seen)));
            last = seen;
        }
    }
    bar.finish_and_clear();
}

fn figures(seen: &Snapshot) -> String {
    let in_progress = seen.jobs_begun - seen.jobs_ended.min(seen.jobs_begun);
    format!("{in_progress} in progress, {} attempts, {} failed", seen.attempts, seen.attempts_failed)
}

fn bar(total: Option<u64>, visible: bool) -> ProgressBar {
    let target = if visible { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(total, target);
    let style = match total {
        Some(_) => "{elapsed:>5} [{bar:30}] {pos}/{len} jobs, {msg}",
        None => "{elapsed:>5} {spinner} {pos} jobs, {msg}",
    };
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
