//! `deadheat report`: render stored evidence.

use super::compare;
use super::output::{Format, Unread, fail, print, print_summary, refuse};

use super::render::ReportExtras;
use crate::history::verify;
use crate::metrics::Gaps;
use crate::plan::{Arrivals, Executor, Plan, Source};
use crate::report::{self, Offered};
use crate::scenario::load_stored;
use crate::summary::Exit;
use crate::summary::{Compared, Summary};
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};

/// Render stored evidence: for people, for CI, for spreadsheets, for other tools
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of a finished run, or of a comparison
    run_dir: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

/// How to print a stored run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs: summary.json
    Json,
    /// One page that works offline, with pictures
    Html,
    /// Markdown, for a comment on a pull request or a job's summary
    Md,
    /// JUnit XML: a case per threshold and invariant
    Junit,
    /// CSV, a row per cell
    Csv,
    /// What it cost as CSV, in the columns of FOCUS, for tools that read bills
    FocusCsv,
    /// HdrHistogram's percentile tables, in milliseconds: one after the other, for its plotter to be split at
    /// lines that begin with `# `
    Hgrm,
    /// HdrHistogram's log, a tagged histogram per cell and metric
    HdrLog,
    /// JSON Lines, one per job, both sides' books side by side
    Jsonl,
    /// JSON in the shape of `vllm bench serve`, a line per cell
    VllmBench,
    /// JSON in the shape of llm-d's benchmark report, a document per cell
    LlmdReport,
}

pub(super) fn run(args: &Args) -> u8 {
    let format = if args.format == Form::Json { Format::Json } else { Format::Text };
    if let Some(comparison) = report::stored_comparison(&args.run_dir) {
        return match comparison {
            Ok(comparison) => of_comparison(&comparison, args.format),
            Err(error) => fail(format, Exit::Usage, &error.to_string()),
        };
    }
    if args.format == Form::Jsonl {
        return jobs(&args.run_dir);
    }
    match report::stored(&args.run_dir) {
        Ok(summary) => printed(&summary, args, format),
        Err(error) => fail(format, Exit::Usage, &error.to_string()),
    }
}

fn of_comparison(comparison: &Compared, form: Form) -> u8 {
    let form = match form {
        Form::Text => compare::Form::Text,
        Form::Json => compare::Form::Json,
        Form::Md => compare::Form::Md,
        Form::Junit => compare::Form::Junit,
        _ => {
            let message = "a comparison has the formats text, json, md and junit; its runs, in the folders \
                of \
                           its pairs, have this one";
            return fail(Format::Text, Exit::Usage, message);
        }
    };
    compare::print_comparison(comparison, form, Exit::Pass.code())
}

fn printed(summary: &Summary, args: &Args, format: Format) -> u8 {
    let dir = &args.run_dir;
    let text = match args.format {
        Form::Text | Form::Json | Form::Jsonl => {
            return print_summary(summary, format, dir, None, Exit::Pass.code());
        }
        Form::Html => ReportExtras::stored(dir).html(summary, dir),
        Form::Md => report::markdown(summary, dir),
        Form::Junit => match report::junit(summary) {
            Ok(text) => text,
            Err(error) => return fail(format, Exit::Internal, &error.to_string()),
        },
        Form::Csv => report::csv(summary),
        Form::FocusCsv => report::focus_csv(summary),
        Form::Hgrm => report::hgrm(summary),
        Form::HdrLog => report::hdr_log(summary),
        Form::VllmBench => report::vllm_bench(
            summary,
            &stored_plan(dir).map_or_else(|_| Offered::default(), |plan| offered(&plan)),
        ),
        Form::LlmdReport => report::llmd_report(summary),
    };
    print(&text, Exit::Pass.code())
}

fn stored_plan(dir: &Path) -> Result<Plan, Unread> {
    let source = Source::read(&dir.join("plan.toml")).map_err(|error| Unread::because(&error))?;
    load_stored(&source).map_err(Unread::Plan)
}

/// What the plan offers, as far as one rate and one cap say it.
fn offered(plan: &Plan) -> Offered {
    let models = plan.targets.iter().map(|target| (target.name.clone(), target.model.clone())).collect();
    let unsaid = Offered { models, ..Offered::default() };
    let [phase] = plan.phases.as_slice() else { return unsaid };
    match &phase.executor {
        Executor::ConstantArrivalRate { rate_per_s, open, .. } => Offered {
            rate_per_s: Some(*rate_per_s),
            burstiness: match open.arrivals {
                Arrivals::Uniform => None,
                Arrivals::Poisson => Some(1.0),
                Arrivals::Gamma { cv } => Some(1.0 / (cv * cv)),
            },
            in_progress_max: open.max_in_flight,
            ..unsaid
        },
        Executor::ConstantVus { vus, .. }
        | Executor::SharedIterations { vus, .. }
        | Executor::PerVuIterations { vus, .. } => {
            Offered { rate_per_s: Some(f64::INFINITY), in_progress_max: Some(*vus), ..unsaid }
        }
        Executor::RampingVus { .. } | Executor::RampingArrivalRate { .. } | Executor::Barrier { .. } => {
            unsaid
        }
    }
}

/// Needs the evidence itself, and prints while it goes: there may be millions.
fn jobs(dir: &Path) -> u8 {
    let read = || -> Result<_, Unread> {
        verify(dir).map_err(|error| Unread::because(&error))?;
        let plan = stored_plan(dir)?;
        let (loaded, _) = Gaps::read(dir, &plan).map_err(|error| Unread::because(&error))?;
        Ok((names(&plan), loaded.evidence))
    };
    let (cells, evidence) = match read() {
        Ok(read) => read,
        Err(unread) => return refuse(&unread, Format::Text),
    };
    match report::write_jobs(&mut BufWriter::new(std::io::stdout().lock()), &cells, &evidence) {
        // A reader that has seen enough is no error.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Exit::Internal.code(),
        _ => Exit::Pass.code(),
    }
}

fn names(plan: &Plan) -> Vec<(String, String)> {
    let name = |cell: crate::plan::Cell| {
        (plan.targets[cell.target].name.clone(), plan.strategies[cell.strategy].name().to_owned())
    };
    plan.cells().into_iter().map(name).collect()
}
