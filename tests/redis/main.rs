//! Strategies that share state in Redis, against a real server.
#![cfg(not(loom))]

#[path = "../support/cli.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cli;
#[path = "../support/live/mod.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod live;
#[path = "../support/redis.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod redis_support;

#[cfg(unix)]
mod article;
#[cfg(unix)]
mod counter;
mod in_process;
mod jepsen;
mod locks;
#[cfg(unix)]
mod lost;
#[cfg(unix)]
mod matrix;
mod model;
#[cfg(unix)]
mod nemesis;
mod server;
mod steps;
mod tls;
