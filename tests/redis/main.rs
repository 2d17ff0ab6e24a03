//! Strategies that share state in Redis, against a real server.
#![cfg(not(loom))]

#[path = "../support/cases.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cases;
#[path = "../support/cli.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cli;
#[cfg(unix)]
#[path = "../support/ground.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod ground;
#[path = "../support/linear.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod linear;
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
mod jepsen;
mod locks;
#[cfg(unix)]
mod lost;
#[cfg(unix)]
mod matrix;
mod model;
#[cfg(unix)]
mod nemesis;
#[cfg(unix)]
mod properties;
mod server;
mod steps;
mod tls;
