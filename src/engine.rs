//! Makes the load.
//!
//! The dispatcher owns the truth: which block of which cell runs now, on which threads. Each engine
//! thread runs its own single-threaded runtime with its own connections and its own record; it begins the
//! jobs of its stripe of the schedule when they are due and lends each a pair of [`crate::strategy::Hands`].

mod blocking;
mod cell;
mod crew;
mod dispatch;
mod hands;
mod load;
mod pacer;
mod recorder;
mod redis_server;
mod stop;
mod thread;

pub use cell::BuildStrategy;
pub use dispatch::{Config, EngineError, Made, run};
pub use pacer::Pacer;
pub use redis_server::{RedisServer, RedisServerError};
pub use stop::{Cause, Stop};
