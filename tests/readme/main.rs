//! What the README claims, run.
#![cfg(not(loom))]

#[path = "../support/cli.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cli;

#[cfg(unix)]
mod commands;
#[cfg(unix)]
mod matrix;
