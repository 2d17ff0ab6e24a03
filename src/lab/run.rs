//! One run, from a paused clock at zero to the last entry of the ledger.

use crate::clock::Clock;
use crate::engine::{self, Cause, EngineError, Made, Stage, Stop, WorkerSetup};
use crate::history::{BatchSender, LedgerEntry, Meta};
use crate::mock::{CoreConfig, LedgerSink, Local};
use crate::provider::{Endpoint, Peer};
use crate::scenario::{Place, Plan, Target};
use crate::shared::Progress;
use crate::strategy::{self, Surroundings};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

/// When every virtual run begins: 2000-01-01, so that one seed gives one result on any day.
const EPOCH_UTC_S: u64 = 946_684_800;

/// Where ledger entries go.
pub type Sink = Arc<dyn Fn(LedgerEntry) + Send + Sync>;

/// What a run needs.
pub struct Run<'a> {
    /// What is to be run; all its targets are built in.
    pub plan: &'a Arc<Plan>,
    /// Takes the client's events.
    pub history: BatchSender,
    /// Takes the provider's entries.
    pub ledger: Sink,
    /// Stops it from outside.
    pub stop: Arc<Stop>,
    /// Shows its figures to a display.
    pub progress: Arc<Progress>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// What was made.
    pub made: Made,
    /// Facts of the run.
    pub meta: Meta,
}

/// Why a plan could not be run in virtual time.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No runtime.
    #[error("cannot start the runtime of virtual time: {0}")]
    Runtime(std::io::Error),
    /// A target has a time of its own.
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
pub fn run(run: Run<'_>) -> Result<Ran, LabError> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(LabError::Runtime)?;
    // Whoever reads the clock outside of a task reads it here.
    let _inside = runtime.enter();
    let tasks = LocalSet::new();
    let clock = Clock::of_runtime();
    let Run { plan, history, ledger, stop, progress } = run;
    let providers: Vec<Local> =
        plan.targets.iter().map(|target| provider(plan, target, &ledger, clock)).collect::<Result<_, _>>()?;
    for provider in &providers {
        tasks.spawn_local(provider.clone().keep_time());
    }
    let made = engine::run_on(
        Stage { runtime: &runtime, tasks: &tasks },
        engine::Config {
            plan: plan.clone(),
            clock,
            endpoints: plan.targets.iter().zip(&providers).map(|(t, p)| endpoint(plan, t, p)).collect(),
            strategies: &|strategy, prefix, process| {
                let around = Surroundings { prefix: prefix.to_owned(), process, redis: None };
                strategy::build(strategy, &plan.retry, &around)
            },
            history,
            stop,
            progress,
            workers: WorkerSetup { prefix: "deadheat:".to_owned(), ..WorkerSetup::default() },
        },
    )?;
    let elapsed_ns = clock.now_ns();
    finish(&runtime, tasks, &providers);
    let meta = Meta {
        started_utc_s: EPOCH_UTC_S,
        elapsed_ns,
        interrupted: made.stopped == Some(Cause::Interrupted),
        over_budget: made.stopped == Some(Cause::OverBudget),
        pacer: made.pacer.clone(),
        threads: 1,
        transports: made.transports.clone(),
    };
    Ok(Ran { made, meta })
}

/// Whatever is still open then has been open when the ledger was closed.
fn finish(runtime: &Runtime, tasks: LocalSet, providers: &[Local]) {
    // What clients that have just gone leave behind is noticed in one turn.
    tasks.block_on(runtime, tokio::task::yield_now());
    for provider in providers {
        provider.close();
    }
    drop(tasks);
}

fn provider(plan: &Plan, target: &Target, ledger: &Sink, clock: Clock) -> Result<Local, LabError> {
    let Place::Mock(mock) = &target.place else {
        return Err(LabError::NotBuiltIn(target.name.clone()));
    };
    let core = CoreConfig {
        name: target.name.clone(),
        plan: (**mock).clone(),
        faults: plan.faults.clone(),
        seed: plan.seed,
        epoch_utc_s: EPOCH_UTC_S,
    };
    let ledger = ledger.clone();
    let sink = LedgerSink::To(Box::new(move |entry| ledger(entry)));
    Ok(Local::new(core, target.model.clone(), sink, clock))
}

fn endpoint(plan: &Plan, target: &Target, provider: &Local) -> Endpoint {
    let provider = provider.clone();
    let answer = move |request| {
        let answer = provider.clone().answer(request);
        answer.map(|answered| answered.map(|response| response.map(BodyExt::boxed))).boxed()
    };
    Endpoint {
        base_url: "http://in-memory.invalid/v1".to_owned(),
        api_key: None,
        model: target.model.clone(),
        stream: plan.workload.stream,
        timeouts: plan.timeouts,
        peer: Some(Peer(Arc::new(answer))),
    }
}
