//! The built-in provider, and its ledger.
//!
//! [`Core`] is sans-I/O: a request and a time in, a [`Play`] out, which says what to hand over and when and
//! keeps the attempt's ledger entry. It reads no clock and knows no socket, so that a virtual clock can
//! drive it. [`Server`] wraps it in HTTP/1.1 on threads of its own.

mod admin;
mod arrival;
mod body;
mod connection;
mod core;
mod dialect;
mod errors;
mod excerpt;
mod fault_json;
mod faults;
mod fence;
mod hold;
mod identity;
mod keys;
mod latency;
mod limits;
mod local;
mod play;
mod registers;
mod routes;
mod server;
mod shared;
mod stats;
mod store;
mod stream;
mod text;
mod turns;

pub use self::core::{Admitted, Core, CoreConfig, Started};
pub use admin::NO_LOCKS;
pub use arrival::{Arrival, Ask, BadRequest};
pub use fault_json::{fault_from_json, fault_to_json};
pub use faults::fault_name;
pub use local::Local;
pub use play::{Head, Move, Play, PlayEnd};
pub use server::{Judge, LedgerSink, MockConfig, Server};
pub use stats::Stats;
