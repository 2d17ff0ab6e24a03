//! The files of a run, and what is folded and judged from them.
#![cfg(not(loom))]

#[path = "../support/evidence/mod.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod evidence;

mod bound;
#[cfg(unix)]
mod broken_off;
mod claims;
mod course;
mod edges;
mod files;
mod fold;
mod good;
mod ledger;
mod locks;
mod place;
mod random;
mod retries;
mod shared;
mod small;
