//! deadheat load-tests LLM APIs and finds the races in the programs that call them.
//!
//! Most of it is a program, `deadheat`. As a library it serves Rust tests and tools, in three ways.
//!
//! # The built-in provider inside a test
//!
//! A [`Provider`] speaks the APIs of OpenAI, Anthropic and Gemini on a loopback port and keeps a ledger of
//! every request. Point your client at [`Provider::base_url`], run it, and assert on the verdicts: rules that
//! the ledger shows to hold or to be broken.
//!
//! ```
//! use deadheat::summary::{Invariant, Verdict};
//! use deadheat::{Declaration, Provider};
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = Provider::start()?;
//!
//! // This function stands for the client under test.
//! let ask = |job: &str| -> std::io::Result<String> {
//!     let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"Hello [job:{job}]"}}]}}"#);
//!     let mut stream = TcpStream::connect(provider.address())?;
//!     write!(stream, "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n")?;
//!     write!(stream, "content-length: {}\r\n\r\n{body}", body.len())?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer)?;
//!     Ok(answer)
//! };
//! assert!(ask("0001")?.starts_with("HTTP/1.1 200"));
//! assert!(ask("0002")?.starts_with("HTTP/1.1 200"));
//!
//! let declared = Declaration { concurrency: Some(1), requests: Some(2), ..Declaration::default() };
//! let verdicts = provider.verdicts(&declared);
//! assert_eq!(verdicts.broken().count(), 0, "{verdicts}");
//! assert_eq!(verdicts.of(Invariant::InFlightCapped), Verdict::Holds);
//!
//! // A client that asks again after it was answered is billed twice.
//! ask("0002")?;
//! let verdicts = provider.verdicts(&declared);
//! assert_eq!(verdicts.of(Invariant::BilledOnce), Verdict::Broken);
//! # Ok(())
//! # }
//! ```
//!
//! # Judging a run's directory
//!
//! A run leaves its evidence in a directory. [`judge_dir`] judges it again and gives the [`summary::Summary`]
//! that all reports are made of. [`run_virtual`] makes such a run, in virtual time and without sockets.
//!
//! ```
//! use deadheat::summary::Verdict;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let dir = folder.path().join("run");
//! let made = deadheat::run_virtual(
//!     r#"
//!         version = 1
//!         name = "eight-at-once"
//!         clock = "virtual"
//!
//!         [target.mock]
//!         api = "openai-chat"
//!         model = "mock-1"
//!
//!         [workload]
//!         jobs = 100
//!
//!         [profile.constant-vus]
//!         vus = 8
//!
//!         [strategy.unbounded]
//!
//!         [declared]
//!         concurrency = 4
//!     "#,
//!     &dir,
//! )?;
//!
//! let judged = deadheat::judge_dir(&dir)?;
//! let broken: Vec<&str> = judged
//!     .verdicts
//!     .iter()
//!     .filter(|row| row.verdict == Verdict::Broken)
//!     .map(|row| row.invariant.name())
//!     .collect();
//! assert_eq!(broken, ["in-flight-capped"]);
//! assert_eq!(judged.exit_code, 6);
//! assert_eq!(judged.verdicts, made.verdicts);
//! # Ok(())
//! # }
//! ```
//!
//! # Writing a schedule
//!
//! A [`schedule::Schedule`] says in which order, and with which faults, a provider answers. Give it to
//! [`Provider::play`], or store it as a file for `deadheat replay` and `deadheat mock --schedule`.
//!
//! ```
//! use deadheat::faults::{FaultKind, Status};
//! use deadheat::schedule::{Hold, RequestKey, Schedule, Strike, Until};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let first: RequestKey = "job:0001#1".parse()?;
//! let second: RequestKey = "job:0002#1".parse()?;
//! let schedule = Schedule {
//!     // The first answer leaves only when the second request is over, and that one fails.
//!     holds: vec![Hold { request: first, until: Until::Answered(second.clone()) }],
//!     faults: vec![Strike { request: second, kind: FaultKind::from(Status { code: 503 }) }],
//!     ..Schedule::default()
//! };
//! let text = schedule.to_toml();
//! assert!(text.contains(r#"kind.status = { code = 503 }"#));
//! assert_eq!(Schedule::from_toml("swapped.toml", &text)?, schedule);
//!
//! let provider = deadheat::Provider::start()?;
//! provider.play(Some(schedule))?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything that this page does not show belongs to the program and may change with any release.

// The model checks compile these two rooms alone: under `--cfg loom` neither the others nor the crates that
// they need exist, so what is checked cannot reach the network.
#[doc(hidden)]
pub mod shared;
pub(crate) mod sync;

#[cfg(not(loom))]
#[doc(hidden)]
pub mod clock;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod secret;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod seed;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod units;

#[cfg(not(loom))]
#[doc(hidden)]
pub mod cli;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod compare;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod cost;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod document;
#[cfg(not(loom))]
mod embed;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod engine;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod explore;
#[cfg(not(loom))]
pub mod faults;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod history;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod invariants;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod judge;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod lab;
#[cfg(not(loom))]
pub(crate) mod live;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod metrics;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod mock;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod plan;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod prices;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod profile;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod program;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod provider;
#[cfg(not(loom))]
pub(crate) mod ranking;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod report;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod scenario;
#[cfg(not(loom))]
pub mod schedule;
#[cfg(not(loom))]
#[doc(hidden)]
pub mod strategy;
#[cfg(not(loom))]
pub mod summary;

#[cfg(not(loom))]
pub use document::{Diagnostic, Diagnostics};
#[cfg(not(loom))]
pub use embed::{Error, Provider, Verdicts, judge_dir, run_virtual};
#[cfg(not(loom))]
pub use program::Declaration;
