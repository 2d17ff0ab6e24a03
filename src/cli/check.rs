//! `deadheat check`: judge stored evidence again.

use super::output::{Format, fail, load_baseline, print_summary, setting};
use crate::gate::{Exit, judge};
use crate::history::{RunDir, Summary};
use crate::scenario::{Plan, Source, load, load_stored};
use std::path::{Path, PathBuf};

/// Judge stored evidence again, under other thresholds or prices
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of a finished run
    run_dir: PathBuf,
    /// Judge by the thresholds of this scenario instead of the run's own
    #[arg(long, value_name = "SCENARIO")]
    thresholds: Option<PathBuf>,
    /// Change one value of the run's plan, such as target.mock.price.output=8.00; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
    /// Hold thresholds such as "p(95) <= baseline + 10%" against this stored run
    #[arg(long, value_name = "DIR")]
    baseline: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> u8 {
    match judged(args) {
        Ok(summary) => print_summary(&summary, args.format, &args.run_dir, None, summary.exit_code),
        Err(message) => fail(args.format, Exit::Usage, &message),
    }
}

fn judged(args: &Args) -> Result<Summary, String> {
    let stored = args.run_dir.join("plan.toml");
    if !stored.is_file() {
        let advice = match RunDir::left_over(&args.run_dir) {
            Some(left) => {
                format!("the run was broken off; `deadheat check {}` judges what it left", left.display())
            }
            None => "give the directory of a run".to_owned(),
        };
        return Err(format!("no file {}: {advice}", stored.display()));
    }
    let mut plan = plan_of(&stored, &args.set)?;
    if let Some(scenario) = &args.thresholds {
        plan.thresholds = plan_of(scenario, &[])?.thresholds;
    }
    let baseline = args.baseline.as_deref().map(|dir| load_baseline(dir, &plan)).transpose()?;
    judge(&plan, &args.run_dir, baseline.as_ref()).map_err(|error| error.to_string())
}

/// Judging needs no variable of the machine that made the run, so `${NAME}` stays as it is.
fn plan_of(path: &Path, set: &[(String, String)]) -> Result<Plan, String> {
    let source = Source::read(path).map_err(|error| error.to_string())?;
    let plan = match set {
        [] => load_stored(&source),
        set => load(&source, set, &|name| Some(format!("${{{name}}}"))),
    };
    plan.map_err(|faults| faults.render(false))
}
