//! deadheat load-tests LLM APIs and finds the races in the programs that call them.
//!
//! The rooms, in the order in which data flows through them:
//!
//! - [`document`]: TOML files of any kind, and everything that is wrong with one at once
//! - [`faults`]: what the built-in provider does wrong on purpose
//! - [`prices`]: dated rate cards, and what a request costs by one
//! - [`plan`]: what a run is told, every default filled in
//! - [`scenario`]: TOML in, a checked plan out
//! - [`profile`]: when each job is due
//! - [`strategy`]: how jobs become attempts under concurrency
//! - [`shared`]: everything two tasks may touch at once
//! - [`provider`]: speaks one LLM API, as a client
//! - [`engine`]: makes the load
//! - [`mock`]: the built-in provider and its ledger
//! - [`schedule`]: in which order, and with which faults, a provider answers; and the trace of it
//! - [`history`]: the vocabulary of evidence and its files
//! - [`explore`]: hunts for the schedule under which a client breaks a rule
//! - [`program`]: runs an external program against the built-in provider, and reads what it claims
//! - [`metrics`]: folds evidence into histograms, counters and fidelity
//! - [`cost`]: what a run cost and wasted, what a month would cost
//! - [`invariants`]: judges evidence
//! - [`summary`]: the vocabulary of results
//! - [`judge`]: thresholds, validity, the exit code
//! - [`compare`]: the statistics of one run against another
//! - [`live`]: a run while it lasts, for a display
//! - [`report`]: renders a summary
//! - [`lab`]: runs a plan in virtual time
//! - [`cli`]: one file per verb
//!
//! [`clock`], [`secret`], [`seed`], [`units`] and [`sync`] are the leaves that all rooms may use.
//! `ARCHITECTURE.md` walks one request through them.

// The model checks compile these two rooms alone: under `--cfg loom` neither the others nor the crates that
// they need exist, so what is checked cannot reach the network.
pub mod shared;
pub mod sync;

#[cfg(not(loom))]
pub mod clock;
#[cfg(not(loom))]
pub mod secret;
#[cfg(not(loom))]
pub mod seed;
#[cfg(not(loom))]
pub mod units;

#[cfg(not(loom))]
pub mod cli;
#[cfg(not(loom))]
pub mod compare;
#[cfg(not(loom))]
pub mod cost;
#[cfg(not(loom))]
pub mod document;
#[cfg(not(loom))]
pub mod engine;
#[cfg(not(loom))]
pub mod explore;
#[cfg(not(loom))]
pub mod faults;
#[cfg(not(loom))]
pub mod history;
#[cfg(not(loom))]
pub mod invariants;
#[cfg(not(loom))]
pub mod judge;
#[cfg(not(loom))]
pub mod lab;
#[cfg(not(loom))]
pub mod live;
#[cfg(not(loom))]
pub mod metrics;
#[cfg(not(loom))]
pub mod mock;
#[cfg(not(loom))]
pub mod plan;
#[cfg(not(loom))]
pub mod prices;
#[cfg(not(loom))]
pub mod profile;
#[cfg(not(loom))]
pub mod program;
#[cfg(not(loom))]
pub mod provider;
#[cfg(not(loom))]
pub(crate) mod ranking;
#[cfg(not(loom))]
pub mod report;
#[cfg(not(loom))]
pub mod scenario;
#[cfg(not(loom))]
pub mod schedule;
#[cfg(not(loom))]
pub mod strategy;
#[cfg(not(loom))]
pub mod summary;
