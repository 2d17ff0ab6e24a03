//! `deadheat check`: judge stored evidence again.

use super::output::{Format, Unread, fail, load_baseline, print_summary, refuse, setting};
use crate::explore::Finding;
use crate::history::{PARTS, RunDir, verify};
use crate::judge::judge;
use crate::plan::{Plan, Source};
use crate::report::stored;
use crate::scenario::{load, load_stored};
use crate::summary::{Exit, PROGRAM, Summary};
use std::path::{Path, PathBuf};

/// Judge stored evidence again, under other thresholds, prices or budgets
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of a finished run
    run_dir: PathBuf,
    /// Judge by the thresholds of this scenario instead of the run's own
    #[arg(long, value_name = "SCENARIO")]
    thresholds: Option<PathBuf>,
    /// Change a threshold, price or budget of the run's plan, such as
    /// `target.mock.price={input="2.00",output="8.00"}`; repeatable
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
    let judged = match audited(&args.run_dir) {
        Some(_) if !args.set.is_empty() || args.thresholds.is_some() || args.baseline.is_some() => {
            let message = "an audit has no thresholds and no prices to change: audit the program again";
            return fail(args.format, Exit::Usage, message);
        }
        Some(audited) => audited,
        None => judged(args),
    };
    match judged {
        Ok(summary) => print_summary(&summary, args.format, &args.run_dir, None, summary.exit_code),
        Err(unread) => refuse(&unread, args.format),
    }
}

/// The result of an audit, whose runs were judged as they ended. Its findings are all that is kept of them,
/// and have to be there. `None` if the directory holds something else.
fn audited(dir: &Path) -> Option<Result<Summary, Unread>> {
    if dir.join("plan.toml").exists() || !dir.join("summary.json").is_file() {
        return None;
    }
    let summary = match stored(dir) {
        Ok(summary) => summary,
        Err(error) => return Some(Err(Unread::because(&error))),
    };
    if summary.explored.iter().all(|row| row.strategy != PROGRAM) {
        return None;
    }
    let read = |n: usize| -> Result<Finding, Unread> {
        let path = dir.join(format!("finding-{n}.toml"));
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Unread::Because(format!("cannot read {name}: {error}")))?;
        Finding::from_toml(&name, &text).map_err(|error| Unread::because(&error))
    };
    let findings: Result<Vec<_>, _> = (1..=summary.findings.len()).map(read).collect();
    Some(findings.map(|_| summary))
}

fn judged(args: &Args) -> Result<Summary, Unread> {
    let stored = args.run_dir.join("plan.toml");
    if !stored.is_file() {
        let advice = match RunDir::left_over(&args.run_dir) {
            _ if args.run_dir.join(PARTS).is_dir() => {
                "these are parts of a run: `deadheat merge` them with the others".to_owned()
            }
            Some(left) => {
                format!("the run was broken off; `deadheat check {}` judges what it left", left.display())
            }
            None => "give the directory of a run".to_owned(),
        };
        return Err(Unread::Because(format!("no file {}: {advice}", stored.display())));
    }
    if let Some((key, _)) = args.set.iter().find(|(key, _)| !judges(key)) {
        return Err(Unread::Because(format!(
            "`{key}` says what the run did, and its evidence stays as it is; --set changes thresholds \
             (`thresholds`, \
             `slo`), prices (`target.NAME.price`, `cost`) and budgets (`budget`, `fidelity`): to change \
             `{key}`, run \
             again"
        )));
    }
    verify(&args.run_dir).map_err(|error| Unread::because(&error))?;
    let mut plan = plan_of(&stored, &args.set)?;
    if let Some(scenario) = &args.thresholds {
        plan.thresholds = plan_of(scenario, &[])?.thresholds;
    }
    let baseline = args.baseline.as_deref().map(|dir| load_baseline(dir, &plan)).transpose();
    let baseline = baseline.map_err(Unread::Because)?;
    judge(&plan, &args.run_dir, baseline.as_ref()).map_err(|error| Unread::because(&error))
}

/// Whether a key of the scenario says how a run is judged, and not what it does.
fn judges(key: &str) -> bool {
    let mut parts = key.split('.').map(str::trim);
    match parts.next() {
        Some("thresholds" | "slo" | "cost" | "budget" | "fidelity") => true,
        Some("target") => parts.nth(1) == Some("price"),
        _ => false,
    }
}

/// Judging needs no variable of the machine that made the run, so `${NAME}` stays as it is.
fn plan_of(path: &Path, set: &[(String, String)]) -> Result<Plan, Unread> {
    let source = Source::read(path).map_err(|error| Unread::because(&error))?;
    let plan = match set {
        [] => load_stored(&source),
        set => load(&source, set, &|name| Some(format!("${{{name}}}"))),
    };
    plan.map_err(Unread::Plan)
}
