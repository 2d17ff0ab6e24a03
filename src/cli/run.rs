//! `deadheat run`: make load, judge, report.

mod due;
pub(super) mod hunt;
mod hunting;
mod interrupt;
mod live;
mod progress;
mod redis;
pub(super) mod targets;

use super::output::{self, Format};
use super::render::{self, ReportExtras};
use crate::clock::{Clock, utc_now_s};
use crate::cost;
use crate::engine::{self, LoadReport, Stop};
use crate::explore::HuntBudget;
use crate::history::{HistoryError, HistoryWriter, LedgerWriter, Meta, RunDir, Watch};
use crate::judge;
use crate::lab::{self, RunResult};
use crate::plan::{ClockKind, Plan, Source};
use crate::prices::day_of;
use crate::report;
use crate::shared::Progress;
use crate::summary::Exit;
use crate::summary::Summary;
use crate::units::parse_duration;
use clap::Parser;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Make load from a scenario, judge what happened, report
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The scenario file (TOML)
    scenario: PathBuf,
    /// Seed of every random draw, instead of the scenario's
    #[arg(long)]
    seed: Option<u64>,
    /// Change one key of the scenario, such as `strategy.semaphore.permits=20`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = output::setting)]
    set: Vec<(String, String)>,
    /// Directory for the evidence; must not exist or be empty (default: reports/NAME-UTC-SEED)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A stored run that thresholds such as "p(95) <= baseline + 10%" are held against
    #[arg(long, value_name = "DIR")]
    baseline: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Then hunt each cell for schedules under which it breaks a rule: so many schedules, at least the four
    /// by which it learns what the client does
    #[arg(long, value_name = "N", conflicts_with = "time",
        value_parser = clap::value_parser!(u64).range(4..))]
    explore: Option<u64>,
    /// Then hunt all cells for schedules under which they break a rule: so long, such as 30s
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    time: Option<Duration>,
    /// Refuse to begin if a rate card was checked more than so many days ago
    #[arg(long, value_name = "DAYS")]
    max_price_age: Option<u32>,
    /// No live display, and no line of progress
    #[arg(long, short)]
    quiet: bool,
}

/// The arguments alone, as another command parses them.
#[derive(clap::Parser)]
#[command(name = "run")]
struct Line {
    #[command(flatten)]
    args: Args,
}

/// The plan that `deadheat run` with these words would run; `None` if it would not get so far.
pub(super) fn plan_of(words: &[String]) -> Option<Plan> {
    let words = std::iter::once("run").chain(words.iter().map(String::as_str));
    let args = Line::try_parse_from(words).ok()?.args;
    let source = Source::read(&args.scenario).ok()?;
    output::read_plan(&source, &args.set).ok()
}

/// A time above zero.
fn some_time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("nothing can be hunted in no time: write a time such as 30s".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

impl Args {
    /// How long to hunt, if at all.
    fn hunt(&self) -> Option<HuntBudget> {
        let schedules = self.explore.map(HuntBudget::Schedules);
        schedules.or_else(|| self.time.map(HuntBudget::Time))
    }
}

/// Why a run came to no result, and with which exit code.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    fn new(exit: Exit, error: &impl ToString) -> Self {
        Self { exit, message: error.to_string() }
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

pub(super) fn run(args: &Args) -> u8 {
    let plan = match output::load_plan(&args.scenario, &args.set, args.seed, args.format) {
        Ok(plan) => Arc::new(plan),
        Err(code) => return code,
    };
    if let Err(error) = today().map_or(Ok(()), |today| cost::prices_hold(&plan, today, args.max_price_age)) {
        return output::fail(args.format, Exit::Usage, &error.to_string());
    }
    if args.hunt().is_some()
        && let Err(failure) = hunt::check(&plan)
    {
        return output::fail(args.format, failure.exit(), failure.message());
    }
    if let Some(dir) = &args.baseline
        && let Err(message) = output::load_baseline(dir, &plan)
    {
        return output::fail(args.format, Exit::Usage, &message);
    }
    match make_and_judge(args, &plan) {
        Ok((summary, place)) => {
            let next = plan.next.as_deref().filter(|_| summary.exit_code == Exit::Pass.code());
            output::print_summary(&summary, args.format, &place, next, summary.exit_code)
        }
        Err(failure) => output::fail(args.format, failure.exit, &failure.message),
    }
}

/// Today, in UTC; `None` if this machine's clock has no date.
fn today() -> Option<jiff::civil::Date> {
    i64::try_from(utc_now_s()).ok().and_then(day_of)
}

/// The evidence while it is written.
struct EvidenceFiles {
    dir: RunDir,
    history: HistoryWriter,
    ledger: LedgerWriter,
}

impl EvidenceFiles {
    fn open(args: &Args, plan: &Plan, started_utc_s: u64, watch: Watch) -> Result<Self, Failure> {
        let internal = |error| Failure::new(Exit::Internal, &error);
        let dir = match &args.out {
            Some(path) => RunDir::create_at(path).map_err(|error| Failure::new(Exit::Usage, &error))?,
            None => RunDir::create(std::path::Path::new("reports"), &plan.name, started_utc_s, plan.seed)
                .map_err(|error| internal_at_default(&error))?,
        };
        dir.write("plan.toml", &plan.toml).map_err(internal)?;
        if let Some(baseline) = &args.baseline {
            let baseline = report::stored(baseline).map_err(|error| Failure::new(Exit::Usage, &error))?;
            let text = report::json(&baseline).map_err(|error| Failure::new(Exit::Internal, &error))?;
            dir.write(judge::BASELINE, &text).map_err(internal)?;
        }
        let history = dir.watched_history_writer(watch).map_err(internal)?;
        let ledger = dir.ledger_writer().map_err(internal)?;
        Ok(Self { dir, history, ledger })
    }
}

/// An error at the default place, with the advice to name another.
fn internal_at_default(error: &HistoryError) -> Failure {
    Failure { exit: Exit::Internal, message: format!("{error}; name a place for the evidence with --out") }
}

fn make_and_judge(args: &Args, plan: &Arc<Plan>) -> Result<(Summary, PathBuf), Failure> {
    let started_utc_s = utc_now_s();
    let clock = Clock::start();
    targets::raise_file_limit();
    targets::reach(plan)?;
    let stop = Arc::new(Stop::default());
    // Before the first file is written, so that Ctrl-C cannot leave half a run behind.
    interrupt::watch(stop.clone());
    let newest = progress::Newest::default();
    let files = EvidenceFiles::open(args, plan, started_utc_s, progress::watch(plan, &newest, args.quiet))?;
    let progress = Arc::new(Progress::default());
    let display =
        progress::Display::start(args.quiet, plan, &progress, files.history.sender(), &stop, (newest, clock));
    let ran = match plan.clock {
        ClockKind::Real => over_sockets(plan, &files, clock, started_utc_s, stop.clone(), progress),
        ClockKind::Virtual => in_virtual_time(plan, &files, stop.clone(), progress),
    };
    display.stop();
    let RunResult { made, meta, .. } = ran?;
    if plan.clock == ClockKind::Real && made.pacer != "timerfd" {
        output::say("no timerfd on this system: arrivals may be 1 to 1.5 ms late; lag shows it");
    }
    if made.deaths > 0 {
        let times = if made.deaths == 1 { "once".to_owned() } else { format!("{} times", made.deaths) };
        output::say(&format!("a worker process died {times}, and was started again with its jobs"));
    }
    close_and_judge(args, files, plan, &made, &meta, &stop)
}

/// Makes the load in real time, against built-in targets on their ports and real endpoints.
fn over_sockets(
    plan: &Arc<Plan>,
    files: &EvidenceFiles,
    clock: Clock,
    started_utc_s: u64,
    stop: Arc<Stop>,
    progress: Arc<Progress>,
) -> Result<RunResult, Failure> {
    let redis = redis::start(plan, started_utc_s)?;
    let targets = targets::start(plan, clock, &files.ledger)?;
    let made = engine::run(engine::EngineConfig {
        plan: plan.clone(),
        clock,
        endpoints: targets.endpoints.clone(),
        strategies: &|strategy, place| strategy.build(&plan.retry, &redis.process(place.cell, place.prefix)),
        history: files.history.sender(),
        stop,
        progress,
        workers: engine::WorkerSetup {
            program: std::env::current_exe().unwrap_or_default(),
            redis: redis.cells(),
            prefix: redis.prefix.clone(),
        },
    });
    targets.stop();
    redis.stop();
    let made = made.map_err(|error| Failure::new(exit_of(&error), &error))?;
    let meta = made.meta(started_utc_s, clock.now_ns());
    Ok(RunResult { made, meta, traces: Vec::new() })
}

/// Makes the load in virtual time.
fn in_virtual_time(
    plan: &Arc<Plan>,
    files: &EvidenceFiles,
    stop: Arc<Stop>,
    progress: Arc<Progress>,
) -> Result<RunResult, Failure> {
    let sender = files.ledger.sender();
    let ledger = Arc::new(move |entry| {
        // The disk is full if an entry is refused: the writer keeps the error, and the run stops by it.
        let _ = sender.send_waiting(entry);
    });
    let run =
        lab::RunConfig { plan, history: files.history.sender(), ledger, stop, progress, schedule: None };
    lab::run(run).map_err(|error| Failure::new(Exit::Internal, &error))
}

/// Exit 9 for what could not be set up, exit 1 for a bug in deadheat.
fn exit_of(error: &engine::EngineError) -> Exit {
    use engine::EngineError as E;
    match error {
        E::Setup(_) | E::Thread(_) | E::WorkerStart(_) | E::CannotWork(_) => Exit::Unreachable,
        E::ThreadLost | E::Worker(_) => Exit::Internal,
    }
}

/// Closes the evidence, judges it as `deadheat check` would, and moves the run to its place.
fn close_and_judge(
    args: &Args,
    files: EvidenceFiles,
    plan: &Plan,
    made: &LoadReport,
    meta: &Meta,
    stop: &Stop,
) -> Result<(Summary, PathBuf), Failure> {
    let EvidenceFiles { dir, history, ledger } = files;
    let internal = |error: String| Failure {
        exit: Exit::Internal,
        message: format!("{error}; what was written stays in {}", dir.path().display()),
    };
    ledger.finish().map_err(|error| internal(error.to_string()))?;
    history.finish(meta).map_err(|error| internal(error.to_string()))?;
    dir.write_claims(&made.claims).map_err(|error| internal(error.to_string()))?;
    let (mut summary, course) =
        judge::judge_and_draw(plan, dir.path(), None).map_err(|error| internal(error.to_string()))?;
    if let Some(asked) = args.hunt() {
        hunt::hunt(args, plan, asked, &dir, stop)?.add_to(&mut summary);
    }
    let text = report::json(&summary).map_err(|error| internal(error.to_string()))?;
    dir.write("summary.json", &text).map_err(|error| internal(error.to_string()))?;
    let drawn = ReportExtras { course: Some(course), plan: Some(plan.toml.clone()) };
    render::write(&dir, &summary, &drawn).map_err(|error| internal(error.to_string()))?;
    let place = dir.finish().map_err(|error| Failure::new(Exit::Internal, &error))?;
    Ok((summary, place))
}
