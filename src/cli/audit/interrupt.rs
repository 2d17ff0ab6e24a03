//! Ctrl-C: once ends the run in progress and still reports, twice ends the process.

use crate::cli::output;
use crate::cli::signals::Signals;
use crate::gate::Exit;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Watches for Ctrl-C on a thread of its own, until the process ends.
pub(in crate::cli) fn watch(stop: Arc<AtomicBool>) {
    let watcher = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        if let Err(error) = listen(&stop) {
            output::say(&format!("Ctrl-C will end the audit without a report: {error}"));
        }
    });
    if let Err(error) = watcher {
        output::say(&format!("Ctrl-C will end the audit without a report: {error}"));
    }
}

fn listen(stop: &AtomicBool) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        signals.next().await;
        stop.store(true, Ordering::Relaxed);
        output::say(
            "stopping: the run in progress is ended, then the report is written; Ctrl-C again ends at once",
        );
        signals.next().await;
        std::process::exit(i32::from(Exit::Interrupted.code()))
    })
}
