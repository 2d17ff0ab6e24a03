//! External programs under audit.
#![cfg(not(loom))]

#[path = "../support/cli.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cli;

mod audit;
#[cfg(target_os = "linux")]
mod audit_ends;
mod drive;
mod honest;
mod perturb;
mod processes;
mod programs;
mod secrets;
mod verdicts;
