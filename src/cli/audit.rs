//! `deadheat audit`: run somebody's program against the built-in provider, under many schedules, and judge it.

pub(super) mod interrupt;
mod notes;
pub(super) mod options;

use super::output::{self, Format, fail};
use super::render::{self, Drawn};
use crate::clock::{Clock, utc_now_s};
use crate::explore::{self, Budget, Config, Origin, Report};
use crate::history::{Meta, RunDir};
use crate::judge::{self, Audited};
use crate::program::{ProgramSubject, Secrets, Seen, Settings, TARGET};
use crate::report;
use crate::summary::Exit;
use crate::summary::{PROGRAM, Summary};
use options::{Asked, Options};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Longest hold that is tried: a schedule costs as long as it holds.
const STALL_MAX: Duration = Duration::from_secs(10);
/// A hold that is always worth trying: most time-outs in tests are shorter, whatever the SDK announces.
const STALL: Duration = Duration::from_secs(2);
/// How long one finding may be shrunk, about.
const SHRUNK_FOR: Duration = Duration::from_secs(15);
/// How long a run may go on when the time of an audit is up, and a twentieth of that time.
const LAST: Duration = Duration::from_secs(2);
/// Lines of a silent program's standard error that are shown.
const WORDS: usize = 5;
/// Schedules for a program that sends nothing: no order of nothing differs.
const LEAST: u64 = 4;

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
    let usage = |message: String| (Exit::Usage, message);
    let (file, filed) = match &args.config {
        Some(path) => Options::read(path).map_err(usage)?,
        None => Default::default(),
    };
    let options = args.options.clone().over(file);
    let command = if args.command.is_empty() { filed } else { args.command.clone() };
    if command.is_empty() {
        let message = "there is no program: write it behind `--`, such as deadheat audit -- python batch.py";
        return Err(usage(message.to_owned()));
    }
    let asked = options.asked().map_err(usage)?;
    let settings = options.settings(command).map_err(usage)?;
    let started_utc_s = utc_now_s();
    let clock = Clock::start();
    let stop = Arc::new(AtomicBool::new(false));
    interrupt::watch(stop.clone());
    let dir = match &args.out {
        Some(path) => RunDir::create_at(path).map_err(|error| usage(error.to_string()))?,
        None => RunDir::create(Path::new("reports"), "audit", started_utc_s, settings.seed)
            .map_err(|error| (Exit::Internal, format!("{error}; name a place with --out")))?,
    };
    let (report, subject) = explored(&options, settings, asked, stop, &clock)?;
    let meta = Meta {
        started_utc_s,
        elapsed_ns: clock.now_ns(),
        interrupted: subject.seen().interrupted,
        ..Meta::default()
    };
    let unsteered = options.perturbs_by_itself().then_some(&subject.settings().command.words[..]);
    write(report, &subject, &meta, unsteered, dir)
}

/// Runs the program once in calm, then under schedules.
fn explored(
    options: &Options,
    settings: Settings,
    asked: Asked,
    stop: Arc<AtomicBool>,
    clock: &Clock,
) -> Result<(Report, ProgramSubject), Failure> {
    let failed = |message: String| (Exit::Unreachable, message);
    let begun = clock.now();
    let origin = origin(options, &settings);
    let (seed, permits) = (settings.seed, settings.concurrency);
    let (perturb, perturb_anyway) = options.perturbation(&settings.command.words);
    let mut subject = ProgramSubject::new(settings, stop).map_err(|why| (Exit::Internal, why))?;
    let jobs = subject.jobs().map_err(failed)?;
    let took = clock.now().saturating_sub(begun);
    if !options.has_timeout() {
        let patience =
            subject.seen().read_timeout.filter(|timeout| *timeout <= STALL_MAX).unwrap_or_default();
        let slack = took.saturating_mul(8).min(Duration::from_secs(60));
        subject.stop_after(Duration::from_secs(8) + slack + patience * 3);
    }
    if subject.seen().requests == 0 {
        silent(subject.seen());
    }
    let budget = match asked {
        _ if subject.seen().requests == 0 => Budget::Schedules(LEAST),
        Asked::Schedules(runs) => Budget::Schedules(runs),
        Asked::Time(time) => Budget::Time(time.saturating_sub(took)),
    };
    let mut config = Config {
        stalls: vec![STALL],
        stall_max: STALL_MAX,
        ends_in_time: options.has_timeout(),
        permits,
        perturb: perturb.filter(|_| subject.seen().requests > 0),
        perturb_anyway,
        // What is slow is shrunk and shown less often, or nothing else is tried.
        shrink_max: u32::try_from(SHRUNK_FOR.as_millis() / took.as_millis().max(1))
            .map_or(60, |n| n.clamp(8, 60)),
        reproductions: match took.as_secs() {
            0 => 5,
            1..3 => 3,
            _ => 2,
        },
        origin,
        ..Config::new(seed, budget, jobs)
    };
    config.alphabet = explore::alphabet_for(subject.seen().streams);
    if let Budget::Time(time) = config.budget {
        // A run that has begun may end, within reason.
        subject.end_within(time + time / 20 + LAST);
    }
    let report = explore::explore(&mut subject, &config, &|| clock.now());
    let mut report = report.map_err(|why| match subject.seen().interrupted {
        true => (Exit::Interrupted, "interrupted before anything was judged".to_owned()),
        false => failed(why),
    })?;
    // The run by which the hunt was prepared was somebody's time too.
    report.first_after = report.first_after.map(|after| after + took);
    Ok((report, subject))
}

/// What a program wrote that sent nothing: most often that says why.
fn silent(seen: &Seen) {
    let text = Secrets::ours().hide(&seen.last[1]);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(WORDS)..].join("\n  ");
    if !last.is_empty() {
        output::say(&format!("the program sent nothing; the end of its standard error:\n  {last}"));
    }
}

/// What replay needs to build the subject again. Keys are not kept.
fn origin(options: &Options, settings: &Settings) -> Origin {
    let secrets = Secrets::ours();
    Origin {
        set: options.to_set().iter().map(|text| secrets.hide(text)).collect(),
        command: settings.command.words.iter().map(|word| secrets.hide(word)).collect(),
        seed: settings.seed,
        target: TARGET.to_owned(),
        strategy: PROGRAM.to_owned(),
        ..Origin::default()
    }
}

/// Writes findings and summary, and puts them in their place.
fn write(
    report: Report,
    subject: &ProgramSubject,
    meta: &Meta,
    unsteered: Option<&[String]>,
    dir: RunDir,
) -> Result<(Summary, PathBuf), Failure> {
    let internal = |error: String| (Exit::Internal, error);
    let Report { findings, mut explored, first_after } = report;
    (explored.target, explored.strategy) = (TARGET.to_owned(), PROGRAM.to_owned());
    let (findings, doubtful): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| !notes::doubtful(finding, subject.seen()));
    let mut unsaid = notes::notes(subject.seen(), unsteered);
    unsaid.extend(doubtful.iter().map(|finding| {
        let (rule, cause) = (finding.invariant.name(), &finding.cause);
        format!(
            "what the output showed once and never again, as threads that print at once may: {rule}, {cause}"
        )
    }));
    explored.not_covered.splice(0..0, unsaid);
    explored.program = Some(notes::program(subject, &explored, first_after));
    let mut rows = Vec::new();
    for (n, finding) in (1..).zip(&findings) {
        let file = format!("finding-{n}.toml");
        dir.write(&file, &finding.to_toml()).map_err(|error| internal(error.to_string()))?;
        rows.push(finding.row(&dir.final_path().join(&file).display().to_string()));
    }
    let host = judge::here(meta);
    let summary = judge::audited(Audited { plan: subject.plan(), meta, host, findings: rows, explored });
    let secrets = Secrets::ours();
    for (file, text) in ["stdout.txt", "stderr.txt"].into_iter().zip(&subject.seen().last) {
        dir.write(file, &secrets.hide(text)).map_err(|error| internal(error.to_string()))?;
    }
    let text = report::json(&summary).map_err(|error| internal(error.to_string()))?;
    dir.write("summary.json", &text).map_err(|error| internal(error.to_string()))?;
    render::write(&dir, &summary, &Drawn::default()).map_err(|error| internal(error.to_string()))?;
    let place = dir.finish().map_err(|error| internal(error.to_string()))?;
    Ok((summary, place))
}
