//! Scenarios, profiles and schedules.
#![cfg(not(loom))]

#[path = "../support/table.rs"]
mod table;

mod arrivals;
mod blocks;
mod faults;
mod files;
mod forecast;
mod load;
mod plans;
mod random;
mod schedule;
mod schema;
mod strategies;
