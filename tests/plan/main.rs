//! Scenarios, profiles and schedules.
#![cfg(not(loom))]

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
