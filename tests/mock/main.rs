//! The built-in provider.
#![cfg(not(loom))]

#[path = "../support/linear.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod linear;

mod client;
mod core;
mod dialects;
mod faults;
mod fencing;
mod hold;
mod hold_socket;
mod idempotency;
mod names;
mod registers;
mod socket;
mod wire;
mod world;
