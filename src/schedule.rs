//! In which order, and with which faults, a provider answers: a schedule as data, and the trace of what its
//! gate saw.
//!
//! Requests are named by whose they are, never by when they came: the same schedule means the same requests
//! in the next run. A [`Schedule`] is a small TOML file, made to be read in a diff and committed as a test.

mod form;
mod nemesis_form;
mod request_key;
mod trace;

pub use request_key::{RequestKey, RequestKeyError};
#[doc(hidden)]
pub use trace::{Trace, TraceEvent, TraceStep, Unseen, Why};

use crate::faults::FaultKind;
pub use crate::plan::{Nemesis, NemesisKind};
use crate::units::format_duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The version of the schedule file that this build reads and writes.
pub const VERSION: u32 = 1;

/// What is done to which request, and to all others.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Seeds the draws of `fallback` and of `perturb`, and nothing else; at most `i64::MAX`, as TOML has no
    /// larger number.
    pub seed: u64,
    /// Which answers are held back. Several holds of one request must all be met.
    pub holds: Vec<Hold>,
    /// Which requests a fault strikes, before the scenario's own rules are asked.
    pub faults: Vec<Strike>,
    /// What goes wrong around those that hold locks. A run's strategies meet it; a provider knows of no
    /// locks.
    pub nemeses: Vec<Nemesis>,
    /// What happens to requests that no hold names.
    pub fallback: Fallback,
    /// Silence after which the fallback releases the next request.
    pub quiet: Duration,
    /// A hold until another request is answered is given up this long after its own request arrived.
    pub patience: Duration,
    /// What is done to the client itself, by the process that starts it. No provider asks for it.
    pub perturb: Option<Perturb>,
}

impl Default for Schedule {
    /// Holds nothing. 25 ms are quiet, 2 s are patience.
    fn default() -> Self {
        Self {
            seed: 42,
            holds: Vec::new(),
            faults: Vec::new(),
            nemeses: Vec::new(),
            fallback: Fallback::Respond,
            quiet: Duration::from_millis(25),
            patience: Duration::from_secs(2),
            perturb: None,
        }
    }
}

/// How a program's own steps are made to change places: seeded pauses that it was never asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Perturb {
    /// Between two bytecodes of a Python program's own code.
    Python,
    /// At promises, timers and answers of a Node program.
    Node,
}

impl Perturb {
    /// The name in files and options.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
        }
    }
}

/// An answer that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hold {
    /// Whose.
    pub request: RequestKey,
    /// Until when.
    pub until: Until,
}

/// What ends a hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Until {
    /// This other request is over: answered whole, cut, reset, or left by its client.
    Answered(RequestKey),
    /// So long after the held request arrived.
    After(Duration),
    /// The held request's client hangs up.
    Disconnect,
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(other) => write!(f, "until {other} is answered"),
            Self::After(time) => write!(f, "for {}", format_duration(*time)),
            Self::Disconnect => f.write_str("until its client hangs up"),
        }
    }
}

/// A fault that strikes one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Strike {
    /// Which.
    pub request: RequestKey,
    /// What happens to it.
    pub kind: FaultKind,
}

/// What happens to requests that no hold names. All but [`Fallback::Respond`] hold them, and release at
/// silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// They are answered as if there were no gate.
    Respond,
    /// The oldest is released.
    Fifo,
    /// The newest is released.
    Reverse,
    /// All are released at once.
    Burst,
    /// A seeded choice is released.
    Random,
    /// The first of the job with the highest priority is released. Priorities are drawn from the seed; at
    /// `depth` − 1 of the releases, drawn from the seed as well, the job whose turn it is falls to the
    /// lowest.
    Lanes {
        /// Depth of the bugs that it aims at, at least 1.
        depth: u32,
    },
}
