//! The crate as a library: the built-in provider inside a Rust test, and runs that are made and judged
//! without the command line.

use crate::clock::Clock;
use crate::document::{Diagnostics, Source};
use crate::history::{HistoryError, RunDir, verify};
use crate::judge::judge;
use crate::lab;
use crate::mock::{MockConfig, NO_LOCKS, Server};
use crate::plan::{ClockKind, MockPlan, Plan};
use crate::program::{Declaration, judge_ledger};
use crate::report;
use crate::scenario::{load, load_stored};
use crate::schedule::Schedule;
use crate::summary::{Invariant, Summary, Verdict, VerdictRow};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long [`Provider::verdicts`] waits for requests that are still being answered.
const DRAIN: Duration = Duration::from_secs(1);

/// Why there is no provider, no run, or no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused a port or a thread.
    #[error("cannot start the built-in provider: {0}")]
    Start(#[from] io::Error),
    /// A scenario, or the plan of a run, is wrong; says where, and what to write instead.
    #[error(transparent)]
    Scenario(#[from] Diagnostics),
    /// A scenario cannot be used for this; says why, and what to change.
    #[error("{0}")]
    Unfit(String),
    /// The files of a run cannot be written, cannot be read, or do not belong together.
    #[error(transparent)]
    Files(Box<dyn std::error::Error + Send + Sync>),
    /// A run in virtual time could not begin.
    #[error(transparent)]
    Run(Box<dyn std::error::Error + Send + Sync>),
}

impl From<HistoryError> for Error {
    fn from(error: HistoryError) -> Self {
        Self::Files(Box::new(error))
    }
}

/// The built-in provider on a free loopback port, with threads of its own. It keeps the ledger of all
/// requests in memory, up to a million. Dropping it ends it and closes its connections.
///
/// It speaks OpenAI Chat Completions and Responses, Anthropic Messages and Gemini's `generateContent`. A
/// request belongs to the job that it names: by the header `x-deadheat-job`, else by a tag such as
/// `[job:0042]` in its prompt, else by its text.
#[derive(Debug)]
pub struct Provider {
    server: Server,
}

impl Provider {
    /// Starts one that answers at once, without limits and faults.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn start() -> Result<Self, Error> {
        Self::serve(MockConfig::new("mock", MockPlan::default()))
    }

    /// Starts the first built-in target of a scenario (TOML), with the scenario's latencies, limits, faults
    /// and seed.
    ///
    /// # Errors
    /// [`Error::Scenario`]; [`Error::Unfit`] if no target is built in; [`Error::Start`].
    pub fn from_scenario(scenario: &str) -> Result<Self, Error> {
        let plan = plan_of(scenario)?;
        let config = plan.targets.iter().find_map(|target| MockConfig::of(&plan, target));
        Self::serve(config.ok_or_else(|| {
            Error::Unfit("the scenario has no built-in target: write [target.NAME] without a url".to_owned())
        })?)
    }

    fn serve(config: MockConfig) -> Result<Self, Error> {
        Ok(Self { server: Server::start(config, Clock::start())? })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The base URL of OpenAI's clients: `http://127.0.0.1:PORT/v1`. Anthropic's and Gemini's take it without
    /// the `/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// Answers by this schedule from now on; `None` ends that. Answers that are held back leave at once.
    ///
    /// # Errors
    /// [`Error::Unfit`] if it has a nemesis: a provider does not see its clients' locks.
    pub fn play(&self, schedule: Option<Schedule>) -> Result<(), Error> {
        if schedule.as_ref().is_some_and(|schedule| !schedule.nemeses.is_empty()) {
            return Err(Error::Unfit(NO_LOCKS.to_owned()));
        }
        self.server.set_schedule(schedule);
        Ok(())
    }

    /// Judges all requests so far by what their client declares. Requests that are still being answered are
    /// waited for, one second at most, and left out after that. Without any request `every-job-answered` is
    /// broken.
    ///
    /// # Panics
    /// If deadheat cannot read a plan of its own, which is a bug.
    #[must_use]
    pub fn verdicts(&self, declared: &Declaration) -> Verdicts {
        match judge_ledger(self.server.ledger(DRAIN), declared) {
            Ok(rows) => Verdicts { rows },
            Err(why) => panic!("the plan by which a ledger is judged is wrong: {why}"),
        }
    }
}

/// What became of each rule. Its `Display` has one line for each rule that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdicts {
    rows: Vec<VerdictRow>,
}

impl Verdicts {
    /// All verdicts, in the order of reports.
    #[must_use]
    pub fn rows(&self) -> &[VerdictRow] {
        &self.rows
    }

    /// The verdict on one rule. A rule that a ledger alone cannot decide is `Unknown`.
    #[must_use]
    pub fn of(&self, rule: Invariant) -> Verdict {
        let row = self.rows.iter().find(|row| row.invariant == rule);
        row.map_or(Verdict::Unknown, |row| row.verdict)
    }

    /// The rules that are broken, each with its witness.
    pub fn broken(&self) -> impl Iterator<Item = &VerdictRow> {
        self.rows.iter().filter(|row| row.verdict == Verdict::Broken)
    }
}

impl fmt::Display for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.broken().next().is_none() {
            return f.write_str("no rule is broken");
        }
        for (n, row) in self.broken().enumerate() {
            let (newline, name) = (if n > 0 { "\n" } else { "" }, row.invariant.name());
            let witness = row.witness.as_ref().map_or("", |witness| &witness.text);
            write!(f, "{newline}{name}: {witness}")?;
        }
        Ok(())
    }
}

/// Runs a scenario (TOML) whose clock is virtual, and leaves its evidence and `summary.json` at `place`, as
/// `deadheat run --out` does. All targets are built in, so no request leaves the process; a run of minutes
/// takes milliseconds, and one seed gives one result. `${VARIABLE}` in the scenario is read from the
/// environment.
///
/// # Errors
/// [`Error::Scenario`]; [`Error::Unfit`] if its clock is not virtual; [`Error::Files`] if `place` exists and
/// is not empty, or cannot be written; [`Error::Run`].
pub fn run_virtual(scenario: &str, place: &Path) -> Result<Summary, Error> {
    let plan = Arc::new(plan_of(scenario)?);
    if plan.clock != ClockKind::Virtual {
        let message = "only a run in virtual time can be made here: write clock = \"virtual\"";
        return Err(Error::Unfit(message.to_owned()));
    }
    let dir = RunDir::create_at(place)?;
    dir.write("plan.toml", &plan.toml)?;
    let (history, ledger) = (dir.history_writer()?, dir.ledger_writer()?);
    let entries = ledger.sender();
    let ran = lab::run(lab::RunConfig {
        plan: &plan,
        history: history.sender(),
        // An entry is refused if the disk is full: the writer keeps the error until `finish`.
        ledger: Arc::new(move |entry| {
            let _ = entries.send_waiting(entry);
        }),
        stop: Arc::default(),
        progress: Arc::default(),
        schedule: None,
    })
    .map_err(|error| Error::Run(Box::new(error)))?;
    ledger.finish()?;
    history.finish(&ran.meta)?;
    dir.write_claims(&ran.made.claims)?;
    let summary = judge(&plan, dir.path(), None)?;
    let text = report::json(&summary).map_err(|error| Error::Files(Box::new(error)))?;
    dir.write("summary.json", &text)?;
    dir.finish()?;
    Ok(summary)
}

/// Judges the evidence of a stored run by the run's own plan, as `deadheat check` does. Writes nothing, sends
/// nothing, and needs no environment variable.
///
/// # Errors
/// [`Error::Unfit`] if it is no directory of a run; [`Error::Scenario`] if its plan cannot be read;
/// [`Error::Files`] if a file is missing, cut, or not the one that the run wrote.
pub fn judge_dir(dir: &Path) -> Result<Summary, Error> {
    let path = dir.join("plan.toml");
    if !path.is_file() {
        return Err(Error::Unfit(format!("no file {}: give the directory of a run", path.display())));
    }
    let source = Source::read(&path).map_err(|error| Error::Files(Box::new(error)))?;
    verify(dir)?;
    Ok(judge(&load_stored(&source)?, dir, None)?)
}

fn plan_of(scenario: &str) -> Result<Plan, Diagnostics> {
    let source = Source { path: PathBuf::from("scenario"), text: scenario.to_owned() };
    load(&source, &[], &|name| std::env::var(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    const SMALL: &str = "version = 1\nname = \"small\"\nclock = \"virtual\"\n[target.mock]\n\
        api = \"openai-chat\"\nmodel = \"m\"\n[workload]\njobs = 5\n[profile.constant-vus]\nvus = 2\n\
        [strategy.semaphore]\npermits = 2\n";
    const ELSEWHERE: &str = "version = 1\nname = \"small\"\n[target.house]\napi = \"openai-chat\"\n\
        model = \"m\"\nurl = \"http://127.0.0.1:1/v1\"\n[profile.constant-vus]\nvus = 1\nduration = \"1s\"\n\
        [strategy.unbounded]\n[budget]\nmax_requests = 1\n";

    fn ask(provider: &Provider, job: &str) -> String {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"Hello [{job}]"}}]}}"#);
        let mut stream = TcpStream::connect(provider.address()).expect("connected");
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    #[test]
    fn every_figure_that_is_declared_is_judged() {
        type Set = fn(&mut Declaration);
        let provider = Provider::start().expect("a provider");
        let nothing = provider.verdicts(&Declaration::default());
        assert!(nothing.to_string().starts_with("every-job-answered: the program sent nothing"), "{nothing}");
        for job in ["job:0001", "job:0002"] {
            assert!(ask(&provider, job).starts_with("HTTP/1.1 200"));
        }
        let declared = |set: Set| {
            let mut declared = Declaration::default();
            set(&mut declared);
            provider.verdicts(&declared)
        };
        let rows: [(Set, Invariant, Verdict); 6] = [
            (|d| d.requests = Some(2), Invariant::RequestsCounted, Verdict::Holds),
            (|d| d.requests = Some(3), Invariant::RequestsCounted, Verdict::Broken),
            (|d| d.total_tokens = Some(1), Invariant::TokensCounted, Verdict::Broken),
            (|d| d.max_tokens = Some(1), Invariant::BudgetKept, Verdict::Broken),
            (|d| d.attempts_cap = Some(1), Invariant::AttemptsCapped, Verdict::Holds),
            (|d| d.concurrency = Some(1), Invariant::InFlightCapped, Verdict::Holds),
        ];
        for (set, rule, verdict) in rows {
            let verdicts = declared(set);
            assert_eq!(verdicts.of(rule), verdict, "{:#?}", verdicts.rows());
            assert_eq!(verdicts.to_string().contains(rule.name()), verdict == Verdict::Broken);
        }
        let undeclared = declared(|_| ());
        assert_eq!(undeclared.of(Invariant::RequestsCounted), Verdict::Unknown);
        assert_eq!(undeclared.to_string(), "no rule is broken");
    }

    #[test]
    fn a_schedule_is_played_until_it_is_taken_away() {
        let provider = Provider::from_scenario(SMALL).expect("a provider");
        let text = "version = 1\n[[fault]]\nrequest = \"job:0001#1\"\nkind.status = { code = 503 }\n";
        provider.play(Some(Schedule::from_toml("s", text).expect("a schedule"))).expect("played");
        assert!(ask(&provider, "job:0001").starts_with("HTTP/1.1 503"));
        provider.play(None).expect("taken away");
        assert!(ask(&provider, "job:0001").starts_with("HTTP/1.1 200"));
        let text = "version = 1\n[[nemesis]]\nkind.lose-unlock = {}\n";
        let refused = provider.play(Some(Schedule::from_toml("s", text).expect("a schedule")));
        assert!(matches!(refused, Err(Error::Unfit(why)) if why == NO_LOCKS));
    }

    #[test]
    fn what_cannot_be_served_run_or_judged_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("run");
        let no_target = Provider::from_scenario(ELSEWHERE).map(|_| ());
        assert!(matches!(no_target, Err(Error::Unfit(why)) if why.contains("no built-in target")));
        assert!(matches!(Provider::from_scenario("version = 2"), Err(Error::Scenario(_))));
        let real = run_virtual(&SMALL.replace("virtual", "real"), &place);
        assert!(matches!(real, Err(Error::Unfit(why)) if why.contains("clock = \"virtual\"")));
        assert!(!place.exists());
        assert!(matches!(judge_dir(&place), Err(Error::Unfit(why)) if why.contains("plan.toml")));

        let made = run_virtual(SMALL, &place).expect("a run");
        assert_eq!(judge_dir(&place).expect("judged"), made);
        assert!(matches!(run_virtual(SMALL, &place), Err(Error::Files(_))), "the place is taken");
        let plan = place.join("plan.toml");
        let text = std::fs::read_to_string(&plan).expect("a plan");
        std::fs::write(&plan, text.replace("permits = 2", "permits = 3")).expect("written");
        assert!(matches!(judge_dir(&place), Err(Error::Files(_))), "an edited plan");
    }
}
