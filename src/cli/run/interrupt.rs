//! Ctrl-C: once stops, drains and reports; twice ends the process.

use crate::cli::output;
use crate::engine::{Cause, Stop};
use crate::gate::Exit;
use std::sync::Arc;

/// Watches for Ctrl-C (and SIGTERM, which CI systems send) on a thread of its own, until the process ends.
pub(super) fn watch(stop: Arc<Stop>) {
    let watcher = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            runtime.block_on(listen(&stop));
        }
    });
    if let Err(error) = watcher {
        output::say(&format!("Ctrl-C will end the run without a report: {error}"));
    }
}

async fn listen(stop: &Stop) {
    if signal().await.is_err() {
        return;
    }
    stop.stop(Cause::Interrupted);
    output::say(
        "stopping: answers in flight are waited for, then the report is written; Ctrl-C again ends at once",
    );
    if signal().await.is_ok() {
        std::process::exit(i32::from(Exit::Interrupted.code()));
    }
}

async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
