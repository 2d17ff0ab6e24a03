//! The provider client.
#![cfg(not(loom))]

mod answers;
mod openai;
mod sse;
mod streams;
