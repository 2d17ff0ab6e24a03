//! Runs an external program as a subject of the hunt: started against the built-in provider, its output read,
//! judged by what both sides recorded.
//!
//! The program needs no change. It is started with an environment in which it finds the provider, in a
//! process group of its own, and ended with all its descendants; its claims are read from its output.

mod capture;
mod claims;
mod command;
mod dotenv;
mod drive;
mod environment;
mod group;
mod hunt;
mod notes;
mod numbers;
mod output;
mod pairs;
mod perturb;
mod process;
mod providers;
mod run_evidence;
mod scratch;
mod secrets;
mod settings;
mod subject;
mod verdicts;

/// Ends this process at once: kills the programs it runs and removes their folders.
pub fn leave(code: i32) -> ! {
    group::kill_all(|| {
        scratch::clear();
        std::process::exit(code)
    })
}

pub use command::Command;
pub use drive::ServerUrl;
pub use environment::THROW_AWAY_KEY;
pub use hunt::{Search, search};
pub use notes::{is_doubtful, last_lines, not_covered, program_row};
pub use output::Patterns;
pub use perturb::perturb_for;
pub use secrets::{Secrets, filled};
pub use settings::{Settings, TARGET, WorkDir};
pub use subject::{Observations, ProgramSubject};
pub use verdicts::{Declaration, judge_ledger, verdicts};
