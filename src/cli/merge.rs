//! `deadheat merge`: parts of one plan, made by several processes or machines, as one run.

mod coverage;

use super::output::{Format, fail, print_summary};
use super::render::{self, ReportExtras};
use crate::history::{Part, RunDir, Survey, survey};
use crate::judge::{self, BASELINE, Hunted};
use crate::plan::{Plan, Source};
use crate::report;
use crate::scenario::{load_stored, load_whole};
use crate::summary::Exit;
use crate::summary::{ExploredRow, FindingRow, Host, Summary};
use coverage::{Coverage, coverage};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Put the evidence of several runs together that made parts of one plan, and judge it as one run
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directories of finished runs, or of parts that were merged before
    #[arg(value_name = "RUN", num_args = 2.., required = true)]
    runs: Vec<PathBuf>,
    /// Directory for the whole; must not exist or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> u8 {
    match merged(args) {
        Ok(summary) => print_summary(&summary, args.format, &args.out, None, summary.exit_code),
        Err((exit, message)) => fail(args.format, exit, &message),
    }
}

type Failed = (Exit, String);

fn usage(error: impl ToString) -> Failed {
    (Exit::Usage, error.to_string())
}

fn internal(error: impl ToString) -> Failed {
    (Exit::Internal, error.to_string())
}

fn refused(faults: &[String]) -> Failed {
    usage(format!("these runs cannot be merged:\n  {}", faults.join("\n  ")))
}

fn merged(args: &Args) -> Result<Summary, Failed> {
    let mut dirs = Vec::new();
    for run in &args.runs {
        dirs.extend(RunDir::parts_of(run).map_err(usage)?);
    }
    let shared = Shared::of(&dirs)?;
    let parts = dirs.iter().zip(&shared.blocks);
    let parts = parts.map(|(dir, block)| Part { dir: dir.clone(), block: *block }).collect();
    let survey = survey(parts).map_err(usage)?;
    let Coverage { mut faults, lacks } = coverage(&shared.plan, &survey.parts);
    faults.splice(0..0, survey.faults.iter().cloned());
    if !faults.is_empty() {
        return Err(refused(&faults));
    }
    let dir = RunDir::create_at(&args.out).map_err(usage)?;
    if lacks.is_empty() {
        return whole(&shared, &survey, dir);
    }
    for (number, part) in (1..).zip(&survey.parts) {
        dir.keep_part(number, &part.part.dir).map_err(internal)?;
    }
    let place = dir.finish().map_err(internal)?;
    let message = format!(
        "this is not a whole run yet, so nothing is judged:\n  {}\n{} keeps these parts; merge it with the \
         others",
        lacks.join("\n  "),
        place.display()
    );
    Err((Exit::NothingMeasured, message))
}

/// What all parts have in common.
struct Shared {
    /// The whole plan.
    plan: Plan,
    /// The block that each part made, if it made but one.
    blocks: Vec<Option<u32>>,
    /// The text of the baseline that thresholds are held against.
    baseline: Option<String>,
    /// What each part was judged to be, by itself.
    summaries: Vec<Summary>,
}

impl Shared {
    fn of(dirs: &[PathBuf]) -> Result<Self, Failed> {
        let plan = |dir: &PathBuf| -> Result<(Option<u32>, Plan), String> {
            let source = Source::read(&dir.join("plan.toml")).map_err(|error| error.to_string())?;
            let block = load_stored(&source).map_err(|faults| faults.render(false))?.only_block;
            Ok((block, load_whole(&source).map_err(|faults| faults.render(false))?))
        };
        let plans: Vec<_> = dirs.iter().map(plan).collect::<Result<_, _>>().map_err(usage)?;
        let baselines: Vec<_> = dirs.iter().map(|dir| baseline(dir)).collect::<Result<_, _>>()?;
        let summaries =
            dirs.iter().map(|dir| report::stored(dir).map_err(usage)).collect::<Result<_, _>>()?;
        let (blocks, plans): (Vec<_>, Vec<Plan>) = plans.into_iter().unzip();
        let (Some(plan), Some(first)) = (plans.first().cloned(), dirs.first()) else {
            return Err(usage("name the runs"));
        };
        let mut faults = Vec::new();
        for ((dir, other), held) in dirs.iter().zip(&plans).zip(&baselines) {
            let (dir, first) = (dir.display(), first.display());
            if other.hash != plan.hash {
                faults.push(format!("{dir} ran another plan than {first}"));
            } else if other.toml != plan.toml {
                faults.push(format!(
                    "{dir} has other thresholds than {first}; merge the runs of one scenario, and judge \
                     them by another \
                     with `deadheat check --thresholds`"
                ));
            }
            if *held != baselines[0] {
                faults.push(format!("{dir} was held against another baseline than {first}"));
            }
        }
        if !faults.is_empty() {
            return Err(refused(&faults));
        }
        Ok(Self { plan, blocks, baseline: baselines.into_iter().flatten().next(), summaries })
    }

    /// What hunts of the parts came to: each finding and each row once, in an order that hangs on nothing
    /// else.
    fn hunted(&self, survey: &Survey) -> Hunted {
        let load = survey.parts.iter().any(|part| part.meta.interrupted);
        let findings = self.summaries.iter().flat_map(|summary| &summary.findings);
        let explored = self.summaries.iter().flat_map(|summary| &summary.explored);
        Hunted {
            findings: each_once::<FindingRow>(findings),
            explored: each_once::<ExploredRow>(explored),
            interrupted: !load && self.summaries.iter().any(|summary| summary.interrupted),
            failed: None,
        }
    }
}

/// The baseline that was kept beside a run.
fn baseline(dir: &Path) -> Result<Option<String>, Failed> {
    let path = dir.join(BASELINE);
    if !path.exists() {
        return Ok(None);
    }
    std::fs::read_to_string(&path)
        .map(Some)
        .map_err(|error| usage(format!("cannot read {}: {error}", path.display())))
}

fn each_once<'a, T: Clone + PartialEq + Serialize + 'a>(rows: impl Iterator<Item = &'a T>) -> Vec<T> {
    let mut rows: Vec<T> = rows.cloned().collect();
    rows.sort_by_cached_key(|row| serde_json::to_string(row).unwrap_or_default());
    rows.dedup();
    rows
}

/// Writes the run that the parts come to, and judges it.
fn whole(shared: &Shared, survey: &Survey, dir: RunDir) -> Result<Summary, Failed> {
    let plan = &shared.plan;
    dir.write("plan.toml", &plan.toml).map_err(internal)?;
    if let Some(text) = &shared.baseline {
        dir.write(BASELINE, text).map_err(internal)?;
    }
    survey.write(&dir).map_err(internal)?;
    let (mut summary, course) = judge::judge_and_draw(plan, dir.path(), None).map_err(internal)?;
    let hosts: Vec<Host> = shared.summaries.iter().map(|part| part.host.clone()).collect();
    summary.host = judge::machines(&hosts, &survey.meta());
    shared.hunted(survey).add_to(&mut summary);
    dir.write("summary.json", &report::json(&summary).map_err(internal)?).map_err(internal)?;
    let drawn = ReportExtras { course: Some(course), plan: Some(plan.toml.clone()) };
    render::write(&dir, &summary, &drawn).map_err(internal)?;
    dir.finish().map_err(internal)?;
    Ok(summary)
}
