//! Somebody else's program as what is hunted: started against the built-in provider, heard, judged by what both sides
//! wrote down.
//!
//! Nothing is asked of the program. It is started with the environment in which it finds the provider, in a process group
//! of its own, and ended with all that it has started; what it claims is taken from its output as it is.

mod capture;
mod claims;
mod command;
mod dotenv;
mod drive;
mod environment;
mod group;
mod hearing;
mod hunt;
mod notes;
mod numbers;
mod pairs;
mod perturb;
mod process;
mod providers;
mod scratch;
mod secrets;
mod settings;
mod subject;
mod testimony;
mod verdicts;

/// Ends this process at once and leaves nobody and nothing behind: programs are killed, their folders removed.
pub fn leave(code: i32) -> ! {
    group::kill_all(|| {
        scratch::clear();
        std::process::exit(code)
    })
}

pub use capture::Captured;
pub use claims::{ClaimReader, ResultSaid, Said, TotalsSaid};
pub use command::{Command, Ear, ProcessEnd, ProgramError, Ran, Voice};
pub use drive::Address;
pub use environment::{Given, THROW_AWAY_KEY, environment};
pub use hearing::{Hearing, Patterns};
pub use hunt::{Search, search};
pub use notes::{is_doubtful, last_lines, not_covered, program_row};
pub use perturb::perturb_for;
pub use process::{Answers, Run, Watch};
pub use scratch::Scratch;
pub use secrets::{Secrets, filled};
pub use settings::{Place, Settings, TARGET};
pub use subject::{ProgramSubject, Seen};
pub use verdicts::verdicts;
