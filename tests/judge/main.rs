//! Thresholds, ranking, comparisons, exit codes.
#![cfg(not(loom))]

#[path = "../support/judged.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod support;

mod assemble;
mod check;
mod exit;
mod ranking;
mod simulation;
mod thresholds;
