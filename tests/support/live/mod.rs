//! Whole runs inside a test: a scenario, the built-in provider, the engine, the evidence, the judge.

pub(crate) mod bent;
pub(crate) mod thief;
#[cfg(unix)]
pub(crate) mod workers;

use deadheat::clock::Clock;
use deadheat::engine::{self, LoadReport, Stop};
use deadheat::history::*;
use deadheat::judge;
use deadheat::metrics::Gaps;
use deadheat::mock::{LedgerSink, MockConfig, Server};
use deadheat::plan::{Plan, Source, Target};
use deadheat::provider::Endpoint;
use deadheat::scenario::load;
use deadheat::shared::Progress;
use deadheat::strategy::{self, Strategy, StrategyPlan};
use deadheat::summary::*;
use std::sync::Arc;

/// One quick target, and a measurement that is valid on any machine: what these tests judge is
/// not how fast the machine is.
pub(crate) const QUICK: &str = r#"
version = 1
name = "live"
seed = 42
[target.mock]
api = "openai-chat"
model = "gpt-4.1"
latency = { ttft = { constant = "2ms" }, itl = { constant = "1ms" } }
[declared]
concurrency = 1000
[fidelity]
ttft_error_p99 = "60s"
lag_p99 = "60s"
achieved = 0.0
cpu = 1.0
"#;

/// A finished run.
pub(crate) struct Run {
    pub(crate) plan: Arc<Plan>,
    pub(crate) summary: Summary,
    pub(crate) evidence: Evidence,
    pub(crate) made: LoadReport,
    _place: tempfile::TempDir,
}

/// How a strategy is built for a run.
pub(crate) type Build<'a> = &'a dyn Fn(&StrategyPlan, &Plan) -> Arc<dyn Strategy>;

/// The plan of [`QUICK`] with `rest` behind it.
pub(crate) fn plan(rest: &str, set: &[(&str, &str)]) -> Arc<Plan> {
    let source = Source { path: "live.toml".into(), text: format!("{QUICK}{rest}") };
    let set: Vec<(String, String)> = set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    match load(&source, &set, &|_| None) {
        Ok(plan) => Arc::new(plan),
        Err(faults) => panic!("a scenario of a test: {faults:?}"),
    }
}

/// The strategy that the scenario names.
pub(crate) fn right(strategy: &StrategyPlan, plan: &Plan) -> Arc<dyn Strategy> {
    strategy.build(&plan.retry, &strategy::ProcessContext::default())
}

/// Runs the plan as `deadheat run` does.
pub(crate) fn run(plan: &Arc<Plan>, build: Build<'_>) -> Run {
    run_until(plan, build, &Arc::new(Stop::default()))
}

/// Runs the plan, which `stop` may end early.
pub(crate) fn run_until(plan: &Arc<Plan>, build: Build<'_>, stop: &Arc<Stop>) -> Run {
    run_watched(plan, build, stop, &Arc::new(Progress::default()))
}

/// Runs the plan, for one who watches its progress.
pub(crate) fn run_watched(
    plan: &Arc<Plan>,
    build: Build<'_>,
    stop: &Arc<Stop>,
    progress: &Arc<Progress>,
) -> Run {
    run_beside(plan, build, stop, progress, engine::WorkerSetup::default())
}

/// Runs the plan, beside what `setup` names.
pub(crate) fn run_beside(
    plan: &Arc<Plan>,
    build: Build<'_>,
    stop: &Arc<Stop>,
    progress: &Arc<Progress>,
    setup: engine::WorkerSetup,
) -> Run {
    let place = tempfile::tempdir().expect("a place for evidence");
    let dir = RunDir::create_at(&place.path().join("run")).expect("a run directory");
    dir.write("plan.toml", &plan.toml).expect("the plan");
    let clock = Clock::start();
    let history = dir.history_writer().expect("a history");
    let ledger = dir.ledger_writer().expect("a ledger");
    let servers: Vec<Server> =
        plan.targets.iter().map(|target| serve(plan, target, clock, &ledger)).collect();
    let endpoint = |(target, server): (&Target, &Server)| Endpoint::of(plan, target, server.base_url());
    let made = engine::run(engine::EngineConfig {
        plan: plan.clone(),
        clock,
        endpoints: plan.targets.iter().zip(&servers).map(endpoint).collect(),
        strategies: &|strategy, _| build(strategy, plan),
        history: history.sender(),
        stop: stop.clone(),
        workers: engine::WorkerSetup {
            program: if setup.program.as_os_str().is_empty() {
                env!("CARGO_BIN_EXE_deadheat").into()
            } else {
                setup.program
            },
            prefix: "test:".to_owned(),
            ..setup
        },
        progress: progress.clone(),
    });
    servers.into_iter().for_each(Server::stop);
    let made = made.expect("load was made");
    let meta = made.meta(1_700_000_000, clock.now_ns());
    ledger.finish().expect("a whole ledger");
    history.finish(&meta).expect("a whole history");
    dir.write_claims(&made.claims).expect("claims");
    let summary = judge::judge(plan, dir.path(), None).expect("a summary");
    let (loaded, _) = Gaps::read(dir.path(), plan).expect("evidence");
    assert_eq!(loaded.warnings, Vec::<String>::new(), "evidence must be whole");
    Run { plan: plan.clone(), summary, evidence: loaded.evidence, made, _place: place }
}

fn serve(plan: &Plan, target: &Target, clock: Clock, ledger: &LedgerWriter) -> Server {
    let mut config = MockConfig::of(plan, target).expect("only built-in targets here");
    let sender = ledger.sender();
    config.ledger = LedgerSink::To(Box::new(move |entry| {
        let _ = sender.send(entry);
    }));
    Server::start(config, clock).expect("a built-in provider")
}

impl Run {
    /// Names of the invariants that are broken in any cell.
    pub(crate) fn broken(&self) -> Vec<&'static str> {
        let rows = self.summary.verdicts.iter().filter(|row| row.verdict == Verdict::Broken);
        rows.map(|row| row.invariant.name()).collect()
    }

    /// The verdict on an invariant in the first cell.
    pub(crate) fn verdict(&self, invariant: Invariant) -> &VerdictRow {
        let row = self.summary.verdicts.iter().find(|row| row.invariant == invariant);
        row.expect("every invariant has a verdict")
    }

    /// All that is worth reading when an assertion fails.
    pub(crate) fn story(&self) -> String {
        let rows = self.summary.verdicts.iter().filter(|row| row.verdict == Verdict::Broken);
        let texts = rows.map(|row| {
            let text = row.witness.as_ref().map_or("no witness", |witness| &witness.text);
            format!("{}: {text}", row.invariant.name())
        });
        let texts: Vec<String> = texts.collect();
        format!("{:?}\n{}\n{:?}", self.summary.exit_reasons, texts.join("\n"), self.made.cells)
    }

    /// Asserts that nothing is broken or unknown (but for a budget that is not declared), and that every job
    /// adds up.
    pub(crate) fn assert_clean(&self) {
        let undeclared =
            |row: &VerdictRow| row.invariant == Invariant::BudgetKept && row.verdict == Verdict::Unknown;
        let fine = |row: &VerdictRow| {
            matches!(row.verdict, Verdict::Holds | Verdict::NotApplicable) || undeclared(row)
        };
        let odd: Vec<_> = self.summary.verdicts.iter().filter(|row| !fine(row)).collect();
        assert!(odd.is_empty(), "{odd:#?}\n{}", self.story());
        assert_eq!(self.summary.exit_code, 0, "{}", self.story());
        self.assert_conserved();
    }

    /// Asserts planned = issued + not issued, and issued = results.
    pub(crate) fn assert_conserved(&self) {
        for (end, row) in self.evidence.cells.iter().zip(&self.summary.counters) {
            assert_eq!(end.planned, end.issued + end.not_issued.values().sum::<u64>(), "{end:?}");
            assert_eq!(end.issued, row.answered + row.failed + row.unknown, "{}", self.story());
        }
        assert!(self.summary.valid.holds, "{:?}", self.summary.valid);
    }

    /// The numbers of the jobs of a cell that have a result, in order.
    pub(crate) fn jobs(&self, cell: u16) -> Vec<u64> {
        self.evidence.jobs.iter().filter(|row| row.job.cell == cell).map(|row| row.job.index).collect()
    }
}
