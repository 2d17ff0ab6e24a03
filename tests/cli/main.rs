//! The binary, run as a user runs it.
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

mod action;
#[cfg(unix)]
mod compare;
#[cfg(unix)]
mod compare_pairs;
mod cost;
mod endpoints;
mod evidence;
mod exit;
#[cfg(unix)]
mod explore;
mod hunt;
#[cfg(unix)]
mod interrupt;
#[cfg(unix)]
mod merge;
mod merge_blocks;
#[cfg(unix)]
mod mock;
mod output;
mod plan_verb;
#[cfg(unix)]
mod readme;
mod report;
mod scenarios;
mod secrets;
#[cfg(target_os = "linux")]
mod setup;
#[cfg(target_os = "linux")]
mod workers;
