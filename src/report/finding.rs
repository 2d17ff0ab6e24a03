//! A finding in words: its sentence, its table, and the moments of its picture.

mod cause;
mod moments;
mod table;
mod words;

use crate::explore::{Finding, Found};

/// Puts what a hunt found into words.
#[must_use]
pub fn finding(found: &Found) -> Finding {
    let Found { schedule, trial, invariant, involved, .. } = found;
    Finding {
        origin: found.origin.clone(),
        invariant: *invariant,
        cause: cause::cause(found),
        jobs: found.jobs,
        involved: involved.clone(),
        schedule: schedule.clone(),
        reproduced: found.reproduced,
        without: found.without,
        family: found.family.name().to_owned(),
        schedules_to_find: found.schedules_to_find,
        table: table::table(schedule, trial, involved),
        moments: moments::moments(schedule, trial, *invariant, involved),
    }
}
