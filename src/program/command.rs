//! How a program is run, and what is left of a run.

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
    /// What it reads from standard input; nothing is an empty one.
    pub stdin: Option<Vec<u8>>,
    /// After how long it is stopped.
    pub timeout: Duration,
    /// Whether whoever runs it said so.
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

/// Whose line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Voice {
    /// Which process, from 0.
    pub process: u32,
    /// Whether it is on standard error.
    pub error: bool,
}

/// Takes every line that a program writes, when it was read; on threads of their own.
pub type Ear = Arc<dyn Fn(Voice, Duration, &str) + Send + Sync>;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessEnd {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    /// It was stopped: its time was up.
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

/// What is left of a run.
#[derive(Debug, Clone)]
pub struct Ran {
    /// How each process ended.
    pub ends: Vec<ProcessEnd>,
    /// When the first of them was started.
    pub begun: Duration,
    /// When the last of them ended by itself, or had to be stopped.
    pub ended: Duration,
    /// When the first one was killed on purpose.
    pub killed: Option<Duration>,
    /// When they were last seen at work on a processor; [`Self::begun`] if never, or where nobody tells.
    pub busy: Duration,
    /// Whether somebody outlived the program that had started them.
    pub orphans: bool,
    /// What they wrote, by process: standard output, standard error.
    pub output: Vec<[Captured; 2]>,
    /// Lines that were too long to be looked at whole.
    pub long_lines: u64,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

/// Why a program did not run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// No command.
    #[error("there is no command: write it behind `--`")]
    Empty,
    /// The system did not start it.
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
    /// A thread could not be made.
    #[error("cannot watch the program: {0}")]
    Thread(io::Error),
}
