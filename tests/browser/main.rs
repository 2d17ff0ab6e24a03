//! What a person sees: the page in Chromium, the live display in tmux.
#![cfg(not(loom))]

#[path = "../support/cli.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cli;
#[path = "../support/summary.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod summary;

#[path = "chromium.rs"]
mod browser;
mod html;
#[cfg(unix)]
mod live;
mod page;
