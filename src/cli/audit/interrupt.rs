//! Ctrl-C: once ends the run in progress and still reports, twice ends the process and the program with it.

use crate::cli::output;
use crate::cli::signals::Signals;
use crate::program;
use crate::summary::Exit;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

/// Watches for Ctrl-C on a thread of its own, until the process ends. When it returns, the watch is on.
pub(in crate::cli) fn watch(stop: Arc<AtomicBool>) {
    let (on, ready) = mpsc::channel();
    let watcher = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        if let Err(error) = listen(&stop, &on) {
            let _ = on.send(Err(error));
        }
    });
    let watching = watcher.and_then(|_| ready.recv().unwrap_or_else(|gone| Err(io::Error::other(gone))));
    if let Err(error) = watching {
        output::say(&format!("Ctrl-C will end the audit without a report: {error}"));
    }
}

fn listen(stop: &AtomicBool, on: &mpsc::Sender<io::Result<()>>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        // No receiver is left only if the process is about to end.
        let _ = on.send(Ok(()));
        signals.next().await;
        stop.store(true, Ordering::Relaxed);
        output::say(
            "stopping: the run in progress is ended, then the report is written; Ctrl-C again ends at once",
        );
        signals.next().await;
        program::leave(i32::from(Exit::Interrupted.code()))
    })
}
