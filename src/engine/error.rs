//! Why load could not be made.

use crate::provider::SetupError;
use std::io;

/// Why load could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A client could not be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// No thread could be started.
    #[error("cannot start an engine thread: {0}")]
    Thread(io::Error),
    /// An engine thread ended early; its jobs have no results.
    #[error("an engine thread ended before its work was done; this is a bug in deadheat")]
    ThreadLost,
    /// No worker process could be started.
    #[error("cannot start a worker process: {0}")]
    WorkerStart(io::Error),
    /// A strategy lacks what it needs to make load at all, be it in a worker process.
    #[error("load cannot be made: {0}")]
    CannotWork(String),
    /// A worker process does not follow the protocol, or does not answer.
    #[error("worker process: {0}")]
    Worker(String),
}
