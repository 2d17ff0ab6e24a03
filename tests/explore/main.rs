//! The hunt for schedules.
#![cfg(not(loom))]

mod calm;
mod planted;
mod world;
