//! Speaks one LLM API per file, as a client.
//!
//! A [`Client`] makes one attempt: it stamps it, reads the answer as it comes and says what became of it
//! in three arms. It never repeats anything; that is for the strategy.

mod answer;
mod client;
mod endpoint;
mod hint;
pub mod openai_chat;
mod outcome;
mod request;
pub mod sse;
mod transport;
mod watch;

pub use answer::Answer;
pub use client::{Client, Done};
pub use endpoint::{ApiKey, Endpoint, Peer, PeerBody, Respond, Responding, SetupError};
pub use outcome::Fault;
pub use request::Request;
