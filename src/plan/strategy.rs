//! What goes wrong around strategies with locks, and by what strategies are ranked.

use std::time::Duration;

/// Something that goes wrong around a client that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nemesis {
    /// What.
    pub kind: NemesisKind,
    /// At which acquisition of a lock in the cell, from 1.
    pub acquisition: u64,
    /// Only with this strategy; `None` is with every one that holds locks.
    pub strategy: Option<String>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NemesisKind {
    /// The process that has just acquired the lock is stopped (SIGSTOP) for so long before it can use it.
    PauseHolder(Duration),
    /// The process that has just acquired the lock is killed.
    KillHolder,
    /// Redis is killed and started again, empty.
    RestartRedis,
    /// The answer to the holder's unlock is lost on its way.
    LoseUnlock,
}

/// By what strategies are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimise {
    /// Most good jobs per second.
    Goodput,
    /// Least response at the 99th percentile.
    P99,
    /// Least cost per good job.
    Cost,
}
