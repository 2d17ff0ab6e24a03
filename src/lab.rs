//! Runs a plan in virtual time: client, strategy and built-in provider in one thread, without sockets; and makes
//! cells of a plan what is hunted for schedules, in virtual time or over sockets.
//!
//! The runtime's clock is paused: it stands still while anybody has something to do, and jumps to the next timer
//! when nobody has. So a storm of ten minutes takes as long as its events take to compute, and one seed gives one
//! result. Nothing here makes load or judges it; the engine, the provider's core and the transport between them are
//! those of a run over sockets, or their models.

mod cut;
mod memory;
mod run;
mod sockets;
mod strategies;
mod trial;

pub use cut::JOBS_MAX;
pub use memory::{Kept, run_in_memory};
pub use run::{LabError, Ran, Run, Sink, run};
pub use sockets::SocketCell;
pub use strategies::VirtualCell;
