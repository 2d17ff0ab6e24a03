//! Makes the load.

mod pacer;

pub use pacer::Pacer;
