//! One arm of a comparison: a scenario that this deadheat runs, or a command that prints a run's summary.

use super::interrupt::Interrupt;
use crate::cli::run::plan_of;
use crate::plan::Plan;
use crate::summary::{SUMMARY_VERSION, Summary};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is run for an arm.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Arm {
    /// As the user wrote it.
    pub(in crate::cli) text: String,
    /// Whether it is a scenario, with flags of `deadheat run` behind it.
    scenario: bool,
}

/// The only parts of an error that every version prints.
#[derive(Deserialize)]
struct Printed {
    version: Option<u32>,
    error: Option<Told>,
}

#[derive(Deserialize)]
struct Told {
    exit_code: u8,
    message: String,
}

/// Why an arm gave no summary.
#[derive(Debug)]
pub(in crate::cli) struct NoSummary {
    /// The exit code to end with, if the arm said one.
    pub(in crate::cli) exit_code: Option<u8>,
    /// What to print.
    pub(in crate::cli) message: String,
}

impl Arm {
    /// A text whose first word names a `.toml` file is a scenario; else it is a command line.
    pub(in crate::cli) fn of(text: &str) -> Self {
        let first = text.split_whitespace().next().unwrap_or_default();
        Self {
            text: text.to_owned(),
            scenario: Path::new(first).extension().is_some_and(|end| end == "toml"),
        }
    }

    /// The plan of a scenario, if it has no fault.
    pub(in crate::cli) fn plan(&self) -> Option<Plan> {
        self.plan_with("")
    }

    /// Its plan, but for the seed, which every pair has its own of.
    pub(in crate::cli) fn at_seed_0(&self) -> Option<Plan> {
        self.plan_with(" --set seed=0")
    }

    fn plan_with(&self, flags: &str) -> Option<Plan> {
        if !self.scenario {
            return None;
        }
        // The shell splits it, as it will when it is run.
        let split =
            Command::new("sh").arg("-c").arg(format!("printf '%s\\0' {}{flags}", self.text)).output().ok()?;
        let text = String::from_utf8(split.stdout).ok()?;
        let words: Vec<String> = text.split_terminator('\0').map(str::to_owned).collect();
        plan_of(&words)
    }

    /// Runs it once, in a process of its own, and waits for it. Evidence of a scenario goes to `place`; a
    /// command finds that place in `DEADHEAT_OUT`, and the seed in `DEADHEAT_SEED`.
    ///
    /// Of a scenario, a `block` (its number, and how many there are) is run alone.
    pub(in crate::cli) fn run(
        &self,
        place: &Path,
        seed: u64,
        block: Option<(u32, u32)>,
        interrupt: &Interrupt,
    ) -> Result<Summary, NoSummary> {
        let fault =
            |message: String| NoSummary { exit_code: None, message: format!("{}: {message}", self.text) };
        let block = block
            .map_or_else(String::new, |(number, of)| format!("--set blocks={of} --set only_block={number}"));
        let line = if self.scenario {
            // The shell splits the flags, so that they are quoted as the user is used to.
            format!(
                "exec \"$0\" run {} {block} --quiet --format json --seed \"$DEADHEAT_SEED\" --out \
                 \"$DEADHEAT_OUT\"",
                self.text
            )
        } else {
            self.text.clone()
        };
        let this =
            std::env::current_exe().map_err(|error| fault(format!("cannot find deadheat: {error}")))?;
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(line)
            .arg(this)
            .env("DEADHEAT_OUT", place)
            .env("DEADHEAT_SEED", seed.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let made = interrupt.output(&mut command);
        let made = made.map_err(|error| fault(format!("cannot start sh: {error}")))?;
        let printed: Printed = serde_json::from_slice(&made.stdout).map_err(|_| {
            fault(format!(
                "ended with {} and printed no summary; a command must print what `deadheat run … --format \
                 json` prints",
                made.status
            ))
        })?;
        match printed {
            Printed { error: Some(told), .. } => {
                Err(NoSummary { exit_code: Some(told.exit_code), ..fault(told.message) })
            }
            Printed { version: Some(SUMMARY_VERSION), .. } => {
                let summary: Summary = serde_json::from_slice(&made.stdout)
                    .map_err(|error| fault(format!("its summary cannot be read: {error}")))?;
                made_now(summary, seed).map_err(fault)
            }
            Printed { version, .. } => Err(fault(format!(
                "printed version {version:?} of a summary, and this build reads {SUMMARY_VERSION}"
            ))),
        }
    }
}

/// Refuses a run of another seed, which was not made for this pair: a command that prints a stored run would
/// have it counted once for each pair.
fn made_now(summary: Summary, seed: u64) -> Result<Summary, String> {
    if summary.seed == seed {
        return Ok(summary);
    }
    Err(format!(
        "printed a run of seed {}, and this pair's is {seed}: a command makes a run anew each time, with \
         the seed in DEADHEAT_SEED",
        summary.seed
    ))
}

/// Where the evidence of a pair's arm goes.
pub(in crate::cli) fn place(dir: &Path, number: u64, arm: &str) -> PathBuf {
    dir.join(format!("pair-{number:02}-{arm}"))
}
