//! Model checks of everything that tasks share.
#![cfg(loom)]

mod breaker;
mod bucket;
mod budget;
mod drain;
mod flights;
mod limit;
mod lock_server;
#[path = "model.rs"]
mod loom_model;
mod permits;
mod results;
mod retry_budget;
mod slot;
mod table;
mod tally;
mod totals;
