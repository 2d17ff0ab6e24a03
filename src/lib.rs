//! deadheat load-tests LLM APIs and finds the races in the programs that call them.
//!
//! The rooms, in the order in which data flows through them:
//!
//! - [`scenario`]: TOML in, a checked plan out
//! - [`profile`]: when each job is due
//! - [`strategy`]: how jobs become attempts under concurrency
//! - [`shared`]: everything two tasks may touch at once
//! - [`provider`]: speaks one LLM API, as a client
//! - [`engine`]: makes the load
//! - [`mock`]: the built-in provider and its ledger
//! - [`history`]: the vocabulary of evidence and its files
//! - [`metrics`]: folds evidence into histograms, counters and fidelity
//! - [`invariants`]: judges evidence
//! - [`gate`]: thresholds, the summary, the exit code
//! - [`report`]: renders a summary
//! - [`cli`]: one file per verb
//!
//! [`clock`], [`seed`], [`units`] and [`sync`] are the leaves that all rooms may use.
//! `ARCHITECTURE.md` walks one request through them.

pub mod clock;
pub mod seed;
pub mod sync;
pub mod units;

pub mod scenario;

pub mod profile;

pub mod shared;
pub mod strategy;

pub mod history;

pub mod invariants;
pub mod metrics;

#[cfg(not(loom))]
pub mod cli;
#[cfg(not(loom))]
pub mod engine;
#[cfg(not(loom))]
pub mod gate;
#[cfg(not(loom))]
pub mod mock;
#[cfg(not(loom))]
pub mod provider;
#[cfg(not(loom))]
pub mod report;
