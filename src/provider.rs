//! Speaks LLM APIs as a client, one folder per wire protocol.
//!
//! A [`Client`] makes one attempt: it stamps it, reads the answer as it arrives and classifies the result as
//! ok, failed or unknown. It never retries; that is for the strategy.

mod answer;
mod client;
mod endpoint;
mod hint;
mod outcome;
mod protocol;
mod request;
pub mod sse;
mod transport;
mod watch;

pub use answer::DecodedAnswer;
pub use client::{Client, Done};
pub use endpoint::{ApiKey, Endpoint, Peer, PeerBody, Respond, Responding, SetupError};
pub use outcome::Fault;
pub use protocol::{StreamDecoder, openai_chat};
pub use request::Request;
pub use transport::is_proxied;
