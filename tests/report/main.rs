//! Report formats.
#![cfg(not(loom))]

#[path = "../support/cli.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cli;
#[path = "../support/junit.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod junit;
#[path = "../support/summary.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod summary;
#[path = "../support/judged.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod support;

#[cfg(unix)]
mod compared;
mod explored;
mod formats;
mod shapes;
mod text;
