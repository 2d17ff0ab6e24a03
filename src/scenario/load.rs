//! From a text to a plan.

use super::schema::SCHEMA;
use super::{build, fill, raw, strategies};
use crate::document::{self, Diagnostics};
use crate::plan::{Plan, Source};

/// Looks an environment variable up; `None` if it is not set.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a scenario, with `--set key=value` pairs applied before it is checked.
///
/// A pair's value is read as TOML, and taken as a string if it is none. `env` looks environment variables up.
///
/// # Errors
/// Everything that is wrong with the scenario at once, each with its place and what to write instead.
pub fn load(source: &Source, overrides: &[(String, String)], env: Env<'_>) -> Result<Plan, Diagnostics> {
    read(source, overrides, Some(env), false)
}

/// Reads a run's `plan.toml` again. `${VARIABLE}` stays as it is: judging a run needs no variable of the
/// machine that made it, and sends nothing.
///
/// # Errors
/// As [`load`].
pub fn load_stored(source: &Source) -> Result<Plan, Diagnostics> {
    read(source, &[], None, false)
}

/// Reads the `plan.toml` of a run that made one block (`only_block`) as the plan of all its blocks.
///
/// # Errors
/// As [`load`].
pub fn load_whole(source: &Source) -> Result<Plan, Diagnostics> {
    read(source, &[], None, true)
}

fn read(
    source: &Source,
    overrides: &[(String, String)],
    env: Option<Env<'_>>,
    all_blocks: bool,
) -> Result<Plan, Diagnostics> {
    document::read(source, overrides, &SCHEMA, unknown_setting, |mut scenario: raw::Scenario, findings| {
        if all_blocks {
            scenario.only_block = None;
        }
        fill::fill(&mut scenario);
        build::build(&scenario, env, findings)
    })
}

/// What to say of a setting that this strategy does not have.
fn unknown_setting(path: &[String]) -> Option<(String, String)> {
    match path {
        [table, strategy, key] if table == "strategy" => strategies::why_not(strategy, key),
        _ => None,
    }
}
