//! The built-in provider.
#![cfg(not(loom))]

mod client;
mod core;
mod dialects;
mod faults;
mod fencing;
mod hold;
mod hold_socket;
mod idempotency;
mod registers;
mod socket;
mod wire;
mod world;
