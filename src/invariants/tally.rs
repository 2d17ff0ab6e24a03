//! Counting towards a verdict, with the earliest violation kept for the witness.

use crate::history::{JobId, JobKey};
use crate::summary::{Verdict, Witness};
use crate::units::format_duration;
use std::time::Duration;

/// What one check found in one cell.
#[derive(Debug)]
pub(super) struct Ruling {
    pub(super) verdict: Verdict,
    pub(super) relevant: u64,
    pub(super) violations: u64,
    pub(super) why: Option<String>,
    pub(super) witness: Option<Witness>,
}

impl Ruling {
    /// Cannot be decided from this evidence.
    pub(super) fn unknown(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, relevant: 0, violations: 0, why: Some(why.into()), witness: None }
    }

    /// The run holds nothing that the rule speaks of.
    pub(super) fn not_applicable(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotApplicable, ..Self::unknown(why) }
    }
}

/// Counts what was checked and what broke the rule. `T` is what the witness's sentence will need; it is
/// only put into words once, at the end.
#[derive(Debug)]
pub(super) struct Tally<T> {
    pub(super) relevant: u64,
    pub(super) violations: u64,
    earliest: Option<(u64, T)>,
}

impl<T> Tally<T> {
    pub(super) fn new() -> Self {
        Self { relevant: 0, violations: 0, earliest: None }
    }

    /// One violation at `at_ns`.
    pub(super) fn violation(&mut self, at_ns: u64, what: T) {
        self.violations += 1;
        if self.earliest.as_ref().is_none_or(|(earliest_ns, _)| at_ns < *earliest_ns) {
            self.earliest = Some((at_ns, what));
        }
    }

    /// Broken if anything broke it, holds if anything was checked, else `nothing`.
    pub(super) fn ruling(
        self,
        witness: impl FnOnce(T) -> (Vec<JobKey>, String),
        nothing: impl FnOnce() -> Ruling,
    ) -> Ruling {
        let Self { relevant, violations, earliest } = self;
        if let Some((at_ns, what)) = earliest {
            let (jobs, text) = witness(what);
            let witness = Some(Witness { jobs, at_ns, text });
            return Ruling { verdict: Verdict::Broken, relevant, violations, why: None, witness };
        }
        if relevant == 0 {
            return nothing();
        }
        Ruling { verdict: Verdict::Holds, relevant, violations: 0, why: None, witness: None }
    }
}

/// A witness that is one job.
pub(super) fn one(job: JobId) -> Vec<JobKey> {
    vec![JobKey::Own(job)]
}

/// A stamp or a length in words.
pub(super) fn time(ns: u64) -> String {
    format_duration(Duration::from_nanos(ns))
}

/// `1 attempt`, `2 attempts`.
pub(super) fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
