//! Report formats.
#![cfg(not(loom))]

#[path = "../support/summary.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod summary;
#[path = "../support/judged.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod support;

mod explored;
mod hostile;
mod text;
