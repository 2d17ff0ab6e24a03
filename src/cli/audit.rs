//! `deadheat audit`: run a program against the built-in provider, under many schedules, and judge it.

pub(super) mod interrupt;
pub(super) mod options;

use super::output::{self, Format, fail};
use super::render::{self, ReportExtras};
use crate::clock::{Clock, utc_now_s};
use crate::explore::{Origin, Report};
use crate::history::{Meta, RunDir};
use crate::judge::{self, Audited};
use crate::program::{
    self, Observations, ProgramSubject, Search, Secrets, Settings, TARGET, is_doubtful, last_lines,
    not_covered, program_row,
};
use crate::report;
use crate::summary::{Exit, PROGRAM, Summary};
use crate::units::shown::plain;
use options::Options;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Lines of a silent program's standard error that are shown.
const ERROR_LINES: usize = 5;

/// Run a program against the built-in provider, explore schedules, judge what it claims
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    options: Options,
    /// Take options from this file (TOML): their long names as keys, and `command`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for findings and summary; must not exist or be empty (default: reports/audit-UTC-SEED)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The program and its arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Why there is no result.
type Failure = (Exit, String);

pub(super) fn run(args: &Args) -> u8 {
    match audit(args) {
        Ok((summary, place)) => output::print_summary(&summary, args.format, &place, None, summary.exit_code),
        Err((exit, message)) => fail(args.format, exit, &message),
    }
}

fn audit(args: &Args) -> Result<(Summary, PathBuf), Failure> {
    let (file, filed) = match &args.config {
        Some(path) => Options::read(path).map_err(|error| (Exit::Usage, error))?,
        None => Default::default(),
    };
    let options = args.options.clone().over(file);
    let command = if args.command.is_empty() { filed } else { args.command.clone() };
    if command.is_empty() {
        let message = "there is no program: write it behind `--`, such as deadheat audit -- python batch.py";
        return Err((Exit::Usage, message.to_owned()));
    }
    let secrets = Secrets::of_command(&command);
    let audited = audit_command(&options, command, args.out.as_deref(), &secrets);
    audited.map_err(|(exit, message)| (exit, secrets.hide(&message)))
}

fn audit_command(
    options: &Options,
    command: Vec<String>,
    out: Option<&Path>,
    secrets: &Secrets,
) -> Result<(Summary, PathBuf), Failure> {
    let usage = |message: String| (Exit::Usage, message);
    let budget = options.search_budget().map_err(usage)?;
    let settings = options.settings(command).map_err(usage)?;
    let started_utc_s = utc_now_s();
    let clock = Clock::start();
    let stop = Arc::new(AtomicBool::new(false));
    interrupt::watch(stop.clone());
    let dir = match out {
        Some(path) => RunDir::create_at(path).map_err(|error| usage(error.to_string()))?,
        None => RunDir::create(Path::new("reports"), "audit", started_utc_s, settings.seed)
            .map_err(|error| (Exit::Internal, format!("{error}; name a place with --out")))?,
    };
    let (report, subject) = explored(options, settings, budget, secrets, stop, &clock)?;
    let mut meta = Meta::new(started_utc_s, clock.now_ns());
    meta.interrupted = subject.seen().interrupted;
    let unsteered = options.perturbs_by_itself().then_some(&subject.settings().command.words[..]);
    let written = write(report, &subject, &meta, unsteered, secrets, dir);
    written.map_err(|error| (Exit::Internal, error.to_string()))
}

/// Runs the program once undisturbed, then under schedules.
fn explored(
    options: &Options,
    settings: Settings,
    budget: crate::explore::HuntBudget,
    secrets: &Secrets,
    stop: Arc<AtomicBool>,
    clock: &Clock,
) -> Result<(Report, ProgramSubject), Failure> {
    let begun = clock.now();
    let (perturb, perturb_anyway) = options.perturbation(&settings.command.words);
    let origin = origin(options, &settings, secrets);
    let mut subject = ProgramSubject::new(settings, stop).map_err(|why| (Exit::Internal, why))?;
    let jobs = subject.jobs().map_err(|why| (Exit::Unreachable, why))?;
    let took = clock.now().saturating_sub(begun);
    if subject.seen().requests == 0 {
        say_silent(subject.seen(), secrets);
    }
    let search = Search { budget, perturb, perturb_anyway, origin };
    match program::search(&mut subject, search, jobs, took, &|| clock.now()) {
        Ok(report) => Ok((report, subject)),
        Err(_) if subject.seen().interrupted => {
            Err((Exit::Interrupted, "interrupted before anything was judged".to_owned()))
        }
        Err(why) => Err((Exit::Unreachable, why)),
    }
}

/// Shows the end of the standard error of a program that sent nothing: most often that says why.
fn say_silent(seen: &Observations, secrets: &Secrets) {
    let text = secrets.hide(&seen.last[1]);
    let lines: Vec<String> = last_lines(&text, ERROR_LINES).into_iter().map(plain).collect();
    if !lines.is_empty() {
        let lines = lines.join("\n  ");
        output::say(&format!("the program sent nothing; the end of its standard error:\n  {lines}"));
    }
}

/// What `replay` needs to build the subject again. Secrets are not kept.
fn origin(options: &Options, settings: &Settings, secrets: &Secrets) -> Origin {
    Origin {
        set: options.to_set().iter().map(|text| secrets.hide(text)).collect(),
        command: secrets.command(&settings.command.words),
        seed: settings.seed,
        target: TARGET.to_owned(),
        strategy: PROGRAM.to_owned(),
        ..Origin::default()
    }
}

/// Writes findings and summary, and moves their folder to its final place.
fn write(
    found: Report,
    subject: &ProgramSubject,
    meta: &Meta,
    unsteered: Option<&[String]>,
    secrets: &Secrets,
    dir: RunDir,
) -> Result<(Summary, PathBuf), Box<dyn Error>> {
    let Report { findings, mut explored, first_after } = found;
    (explored.target, explored.strategy) = (TARGET.to_owned(), PROGRAM.to_owned());
    let (doubtful, findings): (Vec<_>, Vec<_>) =
        findings.iter().map(report::finding).partition(|finding| is_doubtful(finding, subject.seen()));
    explored.not_covered.splice(0..0, not_covered(subject.seen(), unsteered, &doubtful));
    let mut row = program_row(subject, &explored, first_after);
    row.command = secrets.command(&row.command);
    explored.program = Some(row);
    let mut rows = Vec::new();
    for (n, finding) in (1..).zip(&findings) {
        let file = format!("finding-{n}.toml");
        dir.write(&file, &secrets.hide(&finding.to_toml()))?;
        rows.push(finding.row(&dir.final_path().join(&file).display().to_string()));
    }
    let host = judge::here(meta);
    let audited = Audited { plan: subject.plan(), meta, host, findings: rows, explored };
    let mut summary = judge::audited(audited);
    secrets.hide_in(&mut summary.findings);
    secrets.hide_in(&mut summary.explored);
    secrets.hide_in(&mut summary.verdicts);
    for (file, text) in ["stdout.txt", "stderr.txt"].into_iter().zip(&subject.seen().last) {
        dir.write(file, &secrets.hide(text))?;
    }
    dir.write("summary.json", &report::json(&summary)?)?;
    render::write(&dir, &summary, &ReportExtras::default())?;
    Ok((summary, dir.finish()?))
}
