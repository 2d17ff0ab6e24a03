//! The load that the engine makes.
#![cfg(not(loom))]

#[path = "../support/live/mod.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod live;

mod ends;
mod honesty;
mod load;
mod planted;
#[cfg(unix)]
mod processes;
#[cfg(unix)]
mod spread;
mod strategies;
