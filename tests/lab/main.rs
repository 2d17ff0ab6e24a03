//! Runs in virtual time.
#![cfg(not(loom))]

#[path = "../support/cases.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cases;
#[path = "../support/cli.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cli;
#[path = "../support/table.rs"]
mod table;

mod properties;
mod time;
