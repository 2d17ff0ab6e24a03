//! A finding: one broken rule, the smallest schedule that shows it, and its file.

use super::cause::Cause;
use super::family::Family;
use super::subject::Trial;
use crate::history::JobKey;
use crate::schedule::Schedule;
use crate::secret::PLACEHOLDER;
use crate::summary::{FindingRow, Invariant, Moment, Verdict};
use crate::units::shown::shell_word;
use serde::{Deserialize, Serialize};

/// The version of the finding's file that this build reads and writes.
pub const FINDING_VERSION: u32 = 1;

/// Least runs of a replay that is not told how many.
const REPLAYS_MIN: u32 = 5;

/// Where a subject comes from: what replay needs to build it again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The scenario's file, if the subject is one of deadheat's own strategies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// What was changed of it, each as KEY=VALUE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// The command line, if the subject is an external program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Seed of the run: sizes of jobs, latencies, the client's own draws.
    pub seed: u64,
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
}

/// A broken rule with the smallest schedule that was found for it, and a run that shows it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where the subject comes from.
    pub origin: Origin,
    /// Which rule.
    pub invariant: Invariant,
    /// What was done to the client, and what that made it do.
    pub cause: Cause,
    /// With how many jobs; `None` is all.
    pub jobs: Option<u64>,
    /// The jobs of the schedule and of the witness.
    pub involved: Vec<JobKey>,
    /// What shows it.
    pub schedule: Schedule,
    /// How often it broke under the schedule, of how many runs.
    pub reproduced: [u32; 2],
    /// How often it broke without the schedule's holds, faults and order, of how many runs.
    pub without: [u32; 2],
    /// Which family of schedules found it.
    pub family: Family,
    /// How many schedules were run until it was found, that one included.
    pub schedules_to_find: u64,
    /// A run that shows it.
    pub trial: Trial,
}

/// A [`Found`] in words: what its file and its row of a summary hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Where the subject comes from.
    pub origin: Origin,
    /// Which rule.
    pub invariant: Invariant,
    /// One sentence: what was done to the client, and what that made it do.
    pub cause: String,
    /// With how many jobs; `None` is all.
    pub jobs: Option<u64>,
    /// The jobs of the schedule and of the witness.
    pub involved: Vec<JobKey>,
    /// What shows it.
    pub schedule: Schedule,
    /// How often it broke under the schedule, of how many runs.
    pub reproduced: [u32; 2],
    /// How often it broke without the schedule's holds, faults and order, of how many runs.
    pub without: [u32; 2],
    /// Which family of schedules found it.
    pub family: String,
    /// How many schedules were run until it was found, that one included.
    pub schedules_to_find: u64,
    /// What happened, one column a job.
    pub table: Vec<String>,
    /// The same, moment by moment; not part of the finding's file.
    pub moments: Vec<Moment>,
}

/// Why a text is no finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindingError {
    /// Not TOML, or not these keys.
    #[error("{name}: {what}; a finding is written by `deadheat run --explore` or `deadheat audit`")]
    Form {
        /// The file.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// Another format.
    #[error(
        "{name} has version {found}, and this build reads version {FINDING_VERSION}; use the deadheat that \
         wrote it"
    )]
    Version {
        /// The file.
        name: String,
        /// Its version.
        found: u64,
    },
    /// Its `[schedule]` is wrong.
    #[error("{name}, in [schedule]:\n{what}")]
    Schedule {
        /// The file.
        name: String,
        /// Everything that is wrong, with what to write instead.
        what: String,
    },
}

/// The file without its schedule, its table and where it comes from.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    version: u64,
    invariant: Invariant,
    expected: Verdict,
    cause: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jobs: Option<u64>,
    involved: Vec<JobKey>,
    family: String,
    schedules_to_find: u64,
    reproduced: [u32; 2],
    without: [u32; 2],
}

/// The table as one text of several lines.
#[derive(Serialize)]
struct Picture {
    table: String,
}

/// Where it comes from.
#[derive(Serialize)]
struct Run<'a> {
    run: &'a Origin,
}

impl Finding {
    /// The text of its file: a head, and the schedule as schedules are written, under `[schedule]`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let head = Head {
            version: u64::from(FINDING_VERSION),
            invariant: self.invariant,
            expected: Verdict::Broken,
            cause: self.cause.clone(),
            jobs: self.jobs,
            involved: self.involved.clone(),
            family: self.family.clone(),
            schedules_to_find: self.schedules_to_find,
            reproduced: self.reproduced,
            without: self.without,
        };
        // Texts, small numbers and tables of them: TOML has a form for each.
        let head = toml::to_string(&head).unwrap_or_default();
        let table = toml::to_string_pretty(&Picture { table: self.table.join("\n") }).unwrap_or_default();
        let run = toml::to_string(&Run { run: &self.origin }).unwrap_or_default();
        let schedule = self.schedule.to_toml();
        let nested = schedule.lines().map(|line| match line.strip_prefix("[[") {
            Some(name) => format!("[[schedule.{name}\n"),
            None => format!("{line}\n"),
        });
        let nested: String = nested.collect();
        format!(
            "# `deadheat replay` with this file exits 6 while the rule breaks, and 0 once the client is \
             mended.\n\
             {head}{table}\n{run}\n[schedule]\n{nested}"
        )
    }

    /// Reads back what [`Self::to_toml`] wrote; `name` is what errors call it.
    ///
    /// # Errors
    /// What is wrong, and what to do instead.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, FindingError> {
        let form = |what: String| FindingError::Form { name: name.to_owned(), what };
        let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| form(e.to_string()))?;
        let version = table.get("version").and_then(toml::Value::as_integer);
        let found = version
            .and_then(|v| u64::try_from(v).ok())
            .ok_or_else(|| form("`version` is missing".to_owned()))?;
        if found != u64::from(FINDING_VERSION) {
            return Err(FindingError::Version { name: name.to_owned(), found });
        }
        table.remove("schedule").ok_or_else(|| form("`[schedule]` is missing".to_owned()))?;
        let schedule = Schedule::from_toml(name, text)
            .map_err(|faults| FindingError::Schedule { name: name.to_owned(), what: faults.to_string() })?;
        let run = table.remove("run").ok_or_else(|| form("`[run]` is missing".to_owned()))?;
        let origin = run.try_into().map_err(|e: toml::de::Error| form(format!("[run]: {e}")))?;
        let picture = table.remove("table").and_then(|table| table.as_str().map(str::to_owned));
        let head: Head = table.try_into().map_err(|e: toml::de::Error| form(e.to_string()))?;
        if head.expected != Verdict::Broken {
            return Err(form("`expected` is not \"broken\"".to_owned()));
        }
        Ok(Self {
            origin,
            invariant: head.invariant,
            cause: head.cause,
            jobs: head.jobs,
            involved: head.involved,
            schedule,
            reproduced: head.reproduced,
            without: head.without,
            family: head.family,
            schedules_to_find: head.schedules_to_find,
            table: picture.unwrap_or_default().lines().map(str::to_owned).collect(),
            moments: Vec::new(),
        })
    }

    /// Runs after which it would have shown again with 95 %, were it still there, by how often it did when it
    /// was found.
    #[must_use]
    pub fn runs_needed(&self) -> u32 {
        let [times, of] = self.reproduced.map(f64::from);
        let rate = if times > 0.0 { times / of } else { 1.0 / (of + 2.0) };
        if rate >= 1.0 {
            return 1;
        }
        (0.05_f64.ln() / (1.0 - rate).ln()).ceil() as u32
    }

    /// How often a replay runs it unless it is told otherwise.
    #[must_use]
    pub fn replay_runs(&self) -> u32 {
        REPLAYS_MIN.max(self.runs_needed())
    }

    /// The command that shows it again, once it lies in this file.
    #[must_use]
    pub fn replay(&self, file: &str) -> String {
        let mut words = vec!["deadheat".to_owned(), "replay".to_owned(), quoted(file)];
        if !self.origin.command.is_empty() {
            words.push("--".to_owned());
            words.extend(self.origin.command.iter().map(|word| quoted(word)));
        }
        words.join(" ")
    }

    /// Its row in `summary.json`, for a finding that lies in this file.
    #[must_use]
    pub fn row(&self, file: &str) -> FindingRow {
        FindingRow {
            target: self.origin.target.clone(),
            strategy: self.origin.strategy.clone(),
            invariant: self.invariant,
            cause: self.cause.clone(),
            jobs: self.involved.clone(),
            jobs_needed: self.jobs,
            schedule: self.schedule.to_toml(),
            size: [
                self.schedule.holds.len() as u64,
                (self.schedule.faults.len() + self.schedule.nemeses.len()) as u64,
            ],
            reproduced: self.reproduced,
            without: self.without,
            family: self.family.clone(),
            schedules_to_find: self.schedules_to_find,
            replay: self.replay(file),
            table: self.table.clone(),
            moments: self.moments.clone(),
        }
    }
}

/// A word as a POSIX shell reads it.
fn quoted(word: &str) -> String {
    if word.contains(PLACEHOLDER) {
        // The shell fills the secret in, and refuses if its variable is not set.
        let mut pieces = word.split(PLACEHOLDER);
        let mut whole = pieces.next().filter(|first| !first.is_empty()).map(quoted).unwrap_or_default();
        for piece in pieces {
            let end = piece.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
            let (name, rest) = piece.split_at(end.unwrap_or(piece.len()));
            whole += &format!("\"${{{}{name}:?}}\"", &PLACEHOLDER[1..]);
            if !rest.is_empty() {
                whole += &quoted(rest);
            }
        }
        return whole;
    }
    shell_word(word)
}
