//! Servers and readers that other projects wrote: llmock, llm-d's benchmark report, xmllint.
#![cfg(not(loom))]

#[path = "../support/cli.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod cli;
#[path = "../support/junit.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod junit;
#[path = "../support/summary.rs"]
#[allow(dead_code, reason = "this binary needs a part of it")]
mod summary;

#[cfg(unix)]
mod compared;
mod formats;
mod llmock;
mod shapes;
mod xml;
