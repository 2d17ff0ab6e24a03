//! Concurrency strategies.
#![cfg(not(loom))]

#[path = "../support/cases.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cases;
#[cfg(unix)]
#[path = "../support/ground.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod ground;
#[path = "../support/live/mod.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod live;

mod drive;
mod hold;
mod in_process;
mod laws;
mod pool;
#[cfg(unix)]
mod properties;
mod retry;
mod rounds;
