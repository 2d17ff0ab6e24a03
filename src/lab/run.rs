//! One run, from a paused clock at zero to the last entry of the ledger.

use crate::clock::Clock;
use crate::engine::{
    self, BuildContext, CellRedis, EngineError, LoadReport, RestartRedis, Stop, VirtualRuntime, WorkerSetup,
};
use crate::history::{BatchSender, LedgerEntry, Meta};
use crate::mock::{LedgerSink, Local, MockConfig};
use crate::plan::{Cell, Plan, Target};
use crate::provider::{Endpoint, Peer};
use crate::schedule::{Schedule, Trace};
use crate::shared::{LockServer, Progress};
use crate::strategy::ProcessContext;
use crate::strategy::redis::{ModelSettings, RedisClient};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

/// When every virtual run begins: 2000-01-01, so that one seed gives one result on any day.
const EPOCH_UTC_S: u64 = 946_684_800;

/// Where ledger entries go.
pub type Sink = Arc<dyn Fn(LedgerEntry) + Send + Sync>;

/// What a run in virtual time needs.
pub struct RunConfig<'a> {
    /// The plan; all its targets are built in.
    pub plan: &'a Arc<Plan>,
    /// Takes the client's events.
    pub history: BatchSender,
    /// Takes the provider's entries.
    pub ledger: Sink,
    /// Stops it from outside.
    pub stop: Arc<Stop>,
    /// Shows its figures to a display.
    pub progress: Arc<Progress>,
    /// Holds answers back, at every target.
    pub schedule: Option<&'a Schedule>,
}

/// What came of a run.
#[derive(Debug)]
pub struct RunResult {
    /// What the engine reports.
    pub made: LoadReport,
    /// Facts of the run.
    pub meta: Meta,
    /// What each target's schedule came to, in the plan's order.
    pub traces: Vec<Trace>,
}

/// Why a plan could not be run in virtual time.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No runtime.
    #[error("cannot start the runtime of virtual time: {0}")]
    Runtime(std::io::Error),
    /// A target that is not built in.
    #[error("target {0} is a real endpoint, which has no virtual time: write clock = \"real\"")]
    NotBuiltIn(String),
    /// The engine could not be set up.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Runs the plan to its end.
///
/// # Errors
/// If it could not be begun. A run that was stopped is no error.
pub fn run(run: RunConfig<'_>) -> Result<RunResult, LabError> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(LabError::Runtime)?;
    // The clock is also read outside of tasks.
    let _inside = runtime.enter();
    let tasks = LocalSet::new();
    let clock = Clock::of_runtime();
    let RunConfig { plan, history, ledger, stop, progress, schedule } = run;
    let new_provider = |target| provider(plan, target, &ledger, clock, schedule);
    let providers: Vec<Local> = plan.targets.iter().map(new_provider).collect::<Result<_, _>>()?;
    let stores = RedisModels::new(plan, clock);
    for provider in &providers {
        tasks.spawn_local(provider.clone().keep_time());
    }
    let made = engine::run_on(
        VirtualRuntime { runtime: &runtime, tasks: &tasks },
        engine::EngineConfig {
            plan: plan.clone(),
            clock,
            endpoints: plan.targets.iter().zip(&providers).map(|(t, p)| endpoint(plan, t, p)).collect(),
            strategies: &|strategy, BuildContext { cell, prefix, process }| {
                let redis = stores.client(cell, process);
                let around = ProcessContext { prefix: prefix.to_owned(), process, successor: false, redis };
                strategy.build(&plan.retry, &around)
            },
            history,
            stop,
            progress,
            workers: WorkerSetup {
                prefix: "deadheat:".to_owned(),
                redis: stores.cells(),
                ..WorkerSetup::default()
            },
        },
    )?;
    let meta = made.meta(EPOCH_UTC_S, clock.now_ns());
    let traces = finish(&runtime, tasks, &providers);
    Ok(RunResult { made, meta, traces })
}

/// Closes the ledgers: requests that are still open are recorded as open.
fn finish(runtime: &Runtime, tasks: LocalSet, providers: &[Local]) -> Vec<Trace> {
    // One turn, in which the providers notice clients that have just left.
    tasks.block_on(runtime, tokio::task::yield_now());
    for provider in providers {
        provider.close();
    }
    drop(tasks);
    providers.iter().map(|provider| provider.with_core(|core| core.trace())).collect()
}

fn provider(
    plan: &Plan,
    target: &Target,
    ledger: &Sink,
    clock: Clock,
    schedule: Option<&Schedule>,
) -> Result<Local, LabError> {
    let not_built_in = || LabError::NotBuiltIn(target.name.clone());
    let mut config = MockConfig::of(plan, target).ok_or_else(not_built_in)?;
    let ledger = ledger.clone();
    config.ledger = LedgerSink::To(Box::new(move |entry| ledger(entry)));
    config.schedule = schedule.cloned();
    Ok(Local::new(config, EPOCH_UTC_S, clock))
}

/// A model of Redis for each cell that needs one.
struct RedisModels<'a> {
    plan: &'a Plan,
    clock: Clock,
    servers: BTreeMap<u16, Arc<LockServer>>,
}

impl<'a> RedisModels<'a> {
    fn new(plan: &'a Plan, clock: Clock) -> Self {
        let needy = plan.cells().into_iter().filter(|cell| plan.strategies[cell.strategy].redis().is_some());
        let servers = needy.map(|cell| (cell.index, Arc::default())).collect();
        Self { plan, clock, servers }
    }

    fn client(&self, cell: Cell, process: u32) -> Option<RedisClient> {
        let server = self.servers.get(&cell.index)?;
        let settings = ModelSettings {
            client: process.into(),
            epoch: Duration::from_secs(EPOCH_UTC_S),
            ..ModelSettings::new(self.clock, self.plan.seed)
        };
        Some(RedisClient::model(server.clone(), settings))
    }

    /// How a nemesis restarts each.
    fn cells(&self) -> BTreeMap<u16, CellRedis> {
        let cell = |(index, server): (&u16, &Arc<LockServer>)| {
            let server = server.clone();
            let restart: RestartRedis = Arc::new(move || server.restart_empty());
            (*index, CellRedis { url: String::new(), restart: Some(restart) })
        };
        self.servers.iter().map(cell).collect()
    }
}

fn endpoint(plan: &Plan, target: &Target, provider: &Local) -> Endpoint {
    let provider = provider.clone();
    let answer = move |request| {
        let answer = provider.clone().answer(request);
        answer.map(|answered| answered.map(|response| response.map(BodyExt::boxed))).boxed()
    };
    let peer = Peer(Arc::new(answer));
    Endpoint::of(plan, target, "http://in-memory.invalid/v1").with_peer(peer)
}
