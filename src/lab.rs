//! Runs a plan in virtual time: client, strategy and built-in provider in one thread, without sockets. Also
//! makes single cells of a plan subjects of the hunt, in virtual time or over sockets.
//!
//! The runtime's clock is paused: it stands still while a task can run, and jumps to the next timer when none
//! can. So a storm of ten minutes takes as long as its events take to compute, and one seed gives one result.
//! Nothing here makes load or judges it: the engine, the provider's core and the transport between them are
//! those of a run over sockets, or models of them.

mod cell_plan;
mod lock_faults;
mod memory;
mod run;
mod socket_cell;
mod trial;
mod virtual_cell;

pub use cell_plan::JOBS_MAX;
pub use lock_faults::check_lock_faults;
pub use memory::{RunRecord, run_in_memory};
pub use run::{LabError, RunConfig, RunResult, Sink, run};
pub use socket_cell::SocketCell;
pub use virtual_cell::VirtualCell;
