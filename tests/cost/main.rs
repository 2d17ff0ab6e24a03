//! Prices and cost.
#![cfg(not(loom))]

#[path = "../support/cli.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cli;
#[path = "../support/evidence/mod.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod evidence;

mod cards;
mod import;
mod oracle;
mod properties;
mod rates;
mod run;
