//! A program as what is hunted: one run is one start of it, beside a provider of its own that follows the
//! schedule.

use super::command::{LineSink, ProgramOutcome};
use super::dotenv;
use super::drive::{self, Drive};
use super::environment::{RunVariables, environment};
use super::numbers::is_whole;
use super::output::Output;
use super::perturb::{Effect, Perturbation};
use super::process::{Launch, Supervisor};
use super::run_evidence::{RunRecord, UndisturbedRun};
use super::scratch::Scratch;
use super::settings::{Settings, TARGET, WorkDir};
use crate::clock::Clock;
use crate::explore::{Line, Subject, Trial};
use crate::history::{JobKey, LedgerEntry, ProgramRunEnd, ResultSource};
use crate::invariants;
use crate::mock::{LedgerSink, MockConfig, Server, Stats};
use crate::plan;
use crate::plan::Plan;
use crate::schedule::{Fallback, Schedule, Trace};
use crate::summary::PROGRAM;
use crate::sync::lock;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long attempts that outlive the program are waited for: what a client that has gone leaves behind is
/// seen at once.
const DRAIN: Duration = Duration::from_secs(3);

/// A program, started afresh for every run.
#[derive(Debug)]
pub struct ProgramSubject {
    settings: Settings,
    plan: Plan,
    calm: Option<UndisturbedRun>,
    /// The run from which that is known, until one like it is asked for.
    first: Option<Trial>,
    seen: Observations,
    /// What the program's `.env` would add to its environment.
    filed: Vec<(String, String)>,
    stop: Arc<AtomicBool>,
    clock: Clock,
    /// When, on that clock, a run is given up unjudged.
    end_at: Option<Duration>,
}

/// What was seen over all runs that no verdict speaks of.
#[derive(Debug, Clone, Default)]
pub struct Observations {
    /// Runs.
    pub runs: u64,
    /// Most claims of one run that could not be read.
    pub unread: u64,
    /// Runs in which claims could not be read.
    pub unread_runs: u64,
    /// Runs after which a process that had outlived the program was ended.
    pub orphans: u64,
    /// Runs that were stopped for their time.
    pub stopped: u64,
    /// What the program wrote in its last run: standard output, standard error.
    pub last: [String; 2],
    /// Requests of the first run.
    pub requests: u64,
    /// Whether its results are only what its output shows.
    pub scanned: bool,
    /// Whether answers of it were streamed.
    pub streams: bool,
    /// The longest that it says it waits for an answer.
    pub read_timeout: Option<Duration>,
    /// Runs in which the program's own steps were to be made to change places, and those that never loaded
    /// the script.
    pub perturbed: [u64; 2],
    /// Runs that loaded it and in which nothing paused.
    pub unpaused: u64,
    /// Whether a run was given up.
    pub interrupted: bool,
    /// How the first, undisturbed run ended.
    pub calm_end: ProgramRunEnd,
    /// What it then wrote to standard error.
    pub calm_error: String,
    /// Requests of the first run that nothing but their text names.
    pub unnamed: u64,
    /// Methods and paths that were asked for and are not served.
    pub unserved: BTreeSet<String>,
    /// Whether the patterns for tokens, requests and failures matched a line in any run.
    pub matched: [bool; 3],
    /// How processes ended, and how many did.
    pub ends: BTreeMap<String, u64>,
    /// How long each run took, the program's start included.
    pub took: Vec<Duration>,
}

impl ProgramSubject {
    /// A program that was not run yet. `stop` gives the run in progress up.
    ///
    /// # Errors
    /// A fault of deadheat's own.
    pub fn new(settings: Settings, stop: Arc<AtomicBool>) -> Result<Self, String> {
        let plan = settings.plan()?;
        let here = std::env::current_dir().unwrap_or_default();
        let place = match &settings.place {
            WorkDir::Dir(dir) => here.join(dir),
            WorkDir::Here | WorkDir::Fresh => here,
        };
        let filed = dotenv::found(&place, &settings.command.words);
        let (clock, end_at, seen) = (Clock::start(), None, Observations::default());
        Ok(Self { settings, plan, calm: None, first: None, seen, filed, stop, clock, end_at })
    }

    /// Stops every further run after so long.
    pub fn stop_after(&mut self, timeout: Duration) {
        self.settings.command.timeout = timeout;
    }

    /// Gives a run up that goes on after so long from now. It is not judged: that its time was up is no fault
    /// of its own.
    pub fn end_within(&mut self, time: Duration) {
        self.end_at = Some(self.clock.now() + time);
    }

    /// What it was told.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The plan by which it is judged.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> &Observations {
        &self.seen
    }

    /// How many jobs a run has of which fewer can be asked for: none but one, unless the program does all
    /// that the job file has. Runs it once if it was not.
    ///
    /// # Errors
    /// What kept it from running.
    pub fn jobs(&mut self) -> Result<u64, String> {
        let calm = self.calm()?;
        Ok(if calm.reads_jobs { self.settings.jobs } else { 1 })
    }

    fn calm(&mut self) -> Result<UndisturbedRun, String> {
        if let Some(calm) = &self.calm {
            return Ok(calm.clone());
        }
        self.first = Some(self.once(&Schedule::default(), self.settings.jobs)?);
        Ok(self.calm.clone().unwrap_or_default())
    }

    /// One run, judged.
    fn once(&mut self, schedule: &Schedule, jobs: u64) -> Result<Trial, String> {
        let clock = Clock::start();
        let made = self.make(schedule, jobs, clock)?;
        let RawRun { ran, output, entries, trace, stats, unserved, excerpts, effect } = made;
        self.seen.unserved.extend(unserved.iter().cloned());
        if let Some(effect) = effect {
            self.seen.perturbed[0] += 1;
            self.seen.perturbed[1] += u64::from(effect == Effect::Missed);
            self.seen.unpaused += u64::from(effect == Effect::Idle);
        }
        if ran.interrupted {
            self.seen.interrupted |= self.stop.load(Ordering::Relaxed);
            return Ok(Trial { elapsed: clock.now(), ..Trial::default() });
        }
        let (killed, in_vain) = (ran.killed, effect.is_some_and(|effect| effect != Effect::Paused));
        let (books, arrived) = (entries.iter().map(Line::from).collect(), entries.len() as u64);
        let unnamed = entries.iter().filter(|entry| entry.job.is_body()).count() as u64;
        let streams = entries.iter().any(|entry| !entry.gaps_us.is_empty());
        let left = RunRecord {
            unserved: &unserved,
            excerpts: &excerpts,
            settings: &self.settings,
            schedule,
            jobs,
            entries,
            trace: &trace,
            ran: &ran,
            output: &output,
            calm: self.calm.as_ref(),
        };
        let (evidence, calm) = left.evidence();
        let mut verdicts = invariants::judge(&self.plan, &evidence);
        for row in &mut verdicts {
            PROGRAM.clone_into(&mut row.strategy);
        }
        if self.calm.is_none() {
            (self.seen.requests, self.seen.streams) = (arrived, streams);
            (self.seen.unnamed, self.seen.calm_end) = (unnamed, calm.end);
            self.seen.calm_error = ran.output.first().map_or_else(String::new, |[_, error]| error.text());
            self.seen.scanned = calm.results != ResultSource::Claims;
        }
        self.calm.get_or_insert(calm);
        let timeout = stats.read_timeout_max_ms.map(Duration::from_millis);
        self.seen.read_timeout = self.seen.read_timeout.max(timeout);
        self.note(&ran, &output);
        self.seen.took.push(clock.now());
        Ok(Trial { trace, verdicts, books, timeout, elapsed: clock.now(), killed, in_vain })
    }

    fn note(&mut self, ran: &ProgramOutcome, output: &Output) {
        let seen = &mut self.seen;
        seen.runs += 1;
        let unread = output.unread() + ran.long_lines;
        seen.unread = seen.unread.max(unread);
        seen.unread_runs += u64::from(unread > 0);
        seen.orphans += u64::from(ran.orphans);
        seen.stopped += u64::from(ran.ends.contains(&super::command::ProcessEnd::Stopped));
        for (ever, now) in seen.matched.iter_mut().zip(output.matched()) {
            *ever |= now;
        }
        for end in &ran.ends {
            *seen.ends.entry(end.to_string()).or_default() += 1;
        }
        if let Some([out, err]) = ran.output.first() {
            seen.last = [out.text(), err.text()];
        }
    }

    /// Starts provider and program, and waits until both are done.
    fn make(&self, schedule: &Schedule, jobs: u64, clock: Clock) -> Result<RawRun, String> {
        let settings = &self.settings;
        let scratch = Scratch::new(jobs).map_err(|error| {
            format!("cannot lay out a run in {}: {error}", std::env::temp_dir().display())
        })?;
        let place = match &settings.place {
            WorkDir::Here => None,
            WorkDir::Dir(dir) => Some(dir.clone()),
            WorkDir::Fresh => {
                Some(scratch.work_dir().map_err(|error| format!("cannot make a fresh folder: {error}"))?)
            }
        };
        let (watch, entries) = (Supervisor::default(), Arc::new(Mutex::new(Vec::new())));
        let server = self.serve(schedule, &watch, entries.clone(), clock)?;
        let root = format!("http://{}", server.address());
        let output = Arc::new(Mutex::new(Output::new(settings.patterns.clone())));
        let heard = output.clone();
        let sink: LineSink = Arc::new(move |stream, at, line: &str| lock(&heard).line(stream, at, line));
        let (job_file, claims) = (scratch.jobs(), scratch.claims());
        let perturbation = self.perturbation(schedule, &scratch)?;
        let driven = self.drive(jobs, &watch, clock)?;
        let mut mark = b"DEADHEAT_CLAIMS=".to_vec();
        mark.extend_from_slice(claims.as_os_str().as_encoded_bytes());
        let ran = watch.run(&Launch {
            command: &settings.command,
            environment: &|process| {
                let given = RunVariables {
                    root: &root,
                    jobs: &job_file,
                    claims: &claims,
                    concurrency: settings.concurrency,
                    seed: settings.seed,
                    process,
                };
                let mut all = environment(std::env::vars_os(), &self.filed, &given);
                if let Some(perturbation) = &perturbation {
                    perturbation.add(&mut all);
                }
                all
            },
            place,
            mark,
            sink,
            clock,
            stop: self.stop.clone(),
            give_up: self.end_at.map(|end| end.saturating_sub(self.clock.now())),
        });
        let came = driven.map(Drive::end);
        let ran = ran.map_err(|error| error.to_string())?;
        let (unserved, excerpts) = (server.unserved(), server.excerpts());
        let (trace, stats) = server.finish(DRAIN);
        let mut output = std::mem::take(&mut *lock(&output));
        output.files(&claims);
        let mut entries = std::mem::take(&mut *lock(&entries));
        entries.sort_by_key(|entry: &LedgerEntry| (entry.arrived_ns, entry.seq));
        if let Some(came) = came.filter(|_| !ran.interrupted) {
            let (results, totals) = drive::claims(&came?, &entries);
            output.got(results, totals);
        }
        let effect = perturbation.as_ref().map(Perturbation::effect);
        Ok(RawRun { ran, output, entries, trace, stats, unserved, excerpts, effect })
    }

    /// The load for a program that is a server.
    fn drive(&self, jobs: u64, watch: &Supervisor, clock: Clock) -> Result<Option<Drive>, String> {
        let Some(address) = &self.settings.drive else { return Ok(None) };
        address.is_free()?;
        let patience = self.settings.command.timeout;
        Drive::begin(address, jobs, patience, clock, watch.answers()).map(Some)
    }

    /// What is done to the program's own steps, if the schedule asks for it.
    fn perturbation(&self, schedule: &Schedule, scratch: &Scratch) -> Result<Option<Perturbation>, String> {
        let several = self.settings.command.processes > 1;
        let lay = |kind| Perturbation::lay(scratch.root().join("perturb"), kind, schedule.seed, several);
        let laid = schedule.perturb.map(lay).transpose();
        laid.map_err(|error| format!("cannot lay out the script of --perturb: {error}"))
    }

    fn serve(
        &self,
        schedule: &Schedule,
        watch: &Supervisor,
        entries: Arc<Mutex<Vec<LedgerEntry>>>,
        clock: Clock,
    ) -> Result<Server, String> {
        let answers = watch.answers();
        let sink = move |entry: LedgerEntry| {
            let whole = is_whole(&entry);
            lock(&entries).push(entry);
            if whole {
                answers.add();
            }
        };
        let plan = self.plan.targets.iter().find_map(plan::Target::built_in).cloned();
        let mut config = MockConfig::new(TARGET, plan.ok_or("the plan of audits has no provider")?);
        config.seed = self.settings.seed;
        config.schedule = Some(schedule.clone());
        config.ledger = LedgerSink::To(Box::new(sink));
        Server::start_keyed(config, self.settings.job_key.clone(), clock)
            .map_err(|error| format!("cannot start the provider on a loopback port: {error}"))
    }
}

impl Subject for ProgramSubject {
    fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String> {
        let jobs = jobs.unwrap_or(self.settings.jobs);
        let calm = schedule.holds.is_empty()
            && schedule.faults.is_empty()
            && schedule.fallback == Fallback::Respond
            && schedule.perturb.is_none()
            && jobs == self.settings.jobs;
        if !calm {
            self.calm()?;
        } else if let Some(trial) = self.first.take().filter(|_| !self.seen.interrupted) {
            // A program that hangs undisturbed is not waited for twice.
            return Ok(trial);
        }
        let trial = self.once(schedule, jobs)?;
        if self.seen.interrupted { Err("interrupted".to_owned()) } else { Ok(trial) }
    }
}

/// What a run left behind.
struct RawRun {
    ran: ProgramOutcome,
    output: Output,
    entries: Vec<LedgerEntry>,
    trace: Trace,
    stats: Stats,
    unserved: BTreeSet<String>,
    excerpts: HashMap<JobKey, String>,
    /// What came of the script of `--perturb`; `None` if there was none.
    effect: Option<Effect>,
}
