//! OpenAI Chat Completions, as a client: `POST {base}/chat/completions`, streamed and not.

mod error_body;
mod json;
mod request;
mod stream;
mod unary;

pub(super) use error_body::read_refusal;
pub use request::Body;
pub use stream::StreamDecoder;
pub use unary::read_unary;
