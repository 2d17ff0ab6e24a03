//! Ctrl-C: once stops, drains and reports; twice ends the process.

use crate::cli::output;
use crate::cli::signals::Signals;
use crate::engine::{Stop, StopCause};
use crate::summary::Exit;
use std::io;
use std::sync::{Arc, mpsc};

/// Watches for Ctrl-C on a thread of its own, until the process ends. When it returns, the watch is on.
pub(super) fn watch(stop: Arc<Stop>) {
    let (on, ready) = mpsc::channel();
    let watcher = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        if let Err(error) = listen(&stop, &on) {
            let _ = on.send(Err(error));
        }
    });
    let watching = watcher.and_then(|_| ready.recv().unwrap_or_else(|gone| Err(io::Error::other(gone))));
    if let Err(error) = watching {
        output::say(&format!("Ctrl-C will end the run without a report: {error}"));
    }
}

fn listen(stop: &Stop, on: &mpsc::Sender<io::Result<()>>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        // The receiver is gone only if the process is about to end.
        let _ = on.send(Ok(()));
        signals.next().await;
        stop.stop(StopCause::Interrupted);
        output::say(
            "stopping: answers in flight are waited for, then the report is written; Ctrl-C again ends at \
             once",
        );
        signals.next().await;
        super::progress::leave();
        std::process::exit(i32::from(Exit::Interrupted.code()))
    })
}
