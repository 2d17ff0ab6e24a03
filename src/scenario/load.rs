//! From a text to a plan.

use super::checks::Findings;
use super::document::{Document, Text};
use super::fault::{Fault, Faults};
use super::schema::SCHEMA;
use super::{build, file, fill, raw};
use crate::plan::{Plan, Source};

/// Looks an environment variable up; `None` if it is not set.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a scenario, with `--set key=value` pairs applied before it is checked.
///
/// A pair's value is read as TOML, and taken as a string if it is none. `env` looks environment variables up.
///
/// # Errors
/// Everything that is wrong with the scenario at once, each with its place and what to write instead.
pub fn load(source: &Source, overrides: &[(String, String)], env: Env<'_>) -> Result<Plan, Faults> {
    read(source, overrides, Some(env), false)
}

/// Reads a run's `plan.toml` again. `${VARIABLE}` stays as it is: judging a run needs no variable of the machine
/// that made it, and sends nothing.
///
/// # Errors
/// As [`load`].
pub fn load_stored(source: &Source) -> Result<Plan, Faults> {
    read(source, &[], None, false)
}

/// Reads the `plan.toml` of a run that made one block (`only_block`) as the plan of all its blocks.
///
/// # Errors
/// As [`load`].
pub fn load_whole(source: &Source) -> Result<Plan, Faults> {
    read(source, &[], None, true)
}

fn read(
    source: &Source,
    overrides: &[(String, String)],
    env: Option<Env<'_>>,
    all_blocks: bool,
) -> Result<Plan, Faults> {
    let file = Text { name: source.path.display().to_string(), text: source.text.clone() };
    let mut faults = Vec::new();
    let mut document = Document::parse(file, &mut faults);
    if !faults.is_empty() {
        // Behind broken syntax every further fault would be a guess.
        return Err(Faults::new(faults, &document.texts));
    }
    for (key, value) in overrides {
        document.set(key, value, &mut faults);
    }
    match check(&document, env, all_blocks) {
        Ok(plan) if faults.is_empty() => Ok(plan),
        Ok(_) => Err(Faults::new(faults, &document.texts)),
        Err(more) => {
            faults.extend(more);
            Err(Faults::new(faults, &document.texts))
        }
    }
}

fn check(document: &Document, env: Option<Env<'_>>, all_blocks: bool) -> Result<Plan, Vec<Fault>> {
    let mut findings = Findings::new(document);
    let Some(mut scenario) = file::sound::<raw::Scenario>(document, &SCHEMA, &mut findings) else {
        return Err(findings.faults);
    };
    if all_blocks {
        scenario.only_block = None;
    }
    fill::fill(&mut scenario);
    let plan = build::build(&scenario, env, &mut findings);
    if findings.faults.is_empty() { Ok(plan) } else { Err(findings.faults) }
}
