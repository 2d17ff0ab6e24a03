//! How a program is run, and how a run ended.

use super::capture::Captured;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How a program is run.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// What it reads from standard input; `None` is an empty one.
    pub stdin: Option<Vec<u8>>,
    /// After how long it is stopped.
    pub timeout: Duration,
    /// Whether the user gave that limit.
    pub limit_given: bool,
    /// How long it may take to end once it is asked to.
    pub grace: Duration,
    /// How many of it run at once, at least 1.
    pub processes: u32,
    /// After how many answers its first process is killed, to be started again.
    pub kill_at: Option<u64>,
}

impl Command {
    /// One process, stopped after half a minute.
    #[must_use]
    pub fn new(words: Vec<String>) -> Self {
        let (timeout, grace) = (Duration::from_secs(30), Duration::from_secs(2));
        Self { words, stdin: None, timeout, limit_given: false, grace, processes: 1, kill_at: None }
    }
}

/// An output stream of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stream {
    /// Which process, from 0.
    pub process: u32,
    /// Whether it is on standard error.
    pub error: bool,
}

/// Receives every line of a program's output and the time it was read, on the threads that read.
pub(super) type LineSink = Arc<dyn Fn(Stream, Duration, &str) + Send + Sync>;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProcessEnd {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that deadheat did not send.
    Signalled(i32),
    /// It was stopped at its time limit.
    Stopped,
}

impl fmt::Display for ProcessEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit {code}"),
            Self::Signalled(signal) => write!(f, "signal {signal}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

/// How a run ended, and its output.
#[derive(Debug, Clone)]
pub(super) struct ProgramOutcome {
    /// How each process ended.
    pub ends: Vec<ProcessEnd>,
    /// When the last of them ended by itself, or had to be stopped.
    pub ended: Duration,
    /// When the first one was killed on purpose.
    pub killed: Option<Duration>,
    /// When they last used a processor; the start if never, or where the system does not say.
    pub busy: Duration,
    /// Whether processes outlived the program that had started them.
    pub orphans: bool,
    /// Their standard output and standard error, by process.
    pub output: Vec<[Captured; 2]>,
    /// Lines that were too long to be read whole.
    pub long_lines: u64,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

/// Why a program did not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProgramError {
    /// The command is empty.
    #[error("there is no command: write it behind `--`")]
    Empty,
    /// The system could not start it.
    #[error("cannot start `{program}`: {source}; is it installed, and spelt as the shell finds it?")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It was killed on purpose, as `--kill-at` says, and did not start a second time.
    #[error("the program was killed to be started again, and that failed: {0}")]
    Restart(Box<ProgramError>),
    /// A thread could not be started.
    #[error("cannot watch the program: {0}")]
    Thread(io::Error),
}
