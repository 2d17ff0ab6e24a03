//! Makes the load.
//!
//! The dispatcher decides which block of which cell runs now. A block is made by one of three makers
//! (`maker`): the engine threads of this process, the caller's own thread in virtual time, or worker
//! processes. Each engine thread runs its own single-threaded runtime with its own connections and its own
//! record. It begins the jobs of its stripe of the arrivals when they are due and gives each a pair of
//! [`crate::strategy::Hands`].
//!
//! A worker process is this very program, started as `deadheat worker`, with engine threads of its own. It
//! takes orders on standard input and reports on standard output, in the protocol of `worker_protocol`.

mod account;
mod blocking;
mod cell;
mod current_thread;
mod dispatch;
mod error;
mod hands;
mod load;
mod maker;
mod nemesis;
mod pacer;
mod part;
mod pending;
mod process;
mod ranges;
mod recorder;
mod redis_server;
mod run_connection;
mod run_context;
mod stop;
mod stuck;
mod task_set;
mod thread;
mod thread_context;
mod threads;
mod worker;
mod worker_protocol;
mod workers;

pub use cell::{BuildContext, BuildStrategy};
pub use current_thread::VirtualRuntime;
pub use dispatch::{CellRedis, EngineConfig, LoadReport, WorkerSetup, run, run_on};
pub use error::EngineError;
pub use nemesis::RestartRedis;
pub use pacer::Pacer;
pub use redis_server::{RedisServer, RedisServerError};
pub use stop::{Stop, StopCause};
pub use worker::{BuildInWorker, WorkerEnvironment, work};
pub use worker_protocol::Assignment;
