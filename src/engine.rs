//! Makes the load.
//!
//! The dispatcher owns the truth: which block of which cell runs now, on which threads. Each engine
//! thread runs its own single-threaded runtime with its own connections and its own record; it begins the
//! jobs of its stripe of the arrivals when they are due and lends each a pair of [`crate::strategy::Hands`].
//!
//! A strategy over several processes has workers instead: each is this very program again, with threads of its own,
//! and a line to the run by which it is given orders and says what it does before it does it.

mod account;
mod bench;
mod blocking;
mod cell;
mod crew;
mod dispatch;
mod hands;
mod here;
mod load;
mod nemesis;
mod pacer;
mod part;
mod pending;
mod process;
mod ranges;
mod recorder;
mod redis_server;
mod stop;
mod stuck;
mod thread;
mod threads;
mod uplink;
mod wire;
mod worker;
mod workers;

pub use cell::{Berth, BuildStrategy};
pub use dispatch::{CellRedis, Config, EngineError, Made, WorkerSetup, run, run_on};
pub use here::Stage;
pub use nemesis::RestartRedis;
pub use pacer::Pacer;
pub use redis_server::{RedisServer, RedisServerError};
pub use stop::{Cause, Stop};
pub use wire::Seat;
pub use worker::{BuildSeated, Outfit, work};
