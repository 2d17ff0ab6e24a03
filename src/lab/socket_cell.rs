//! A cell over real sockets and in real time: much slower than virtual time, and with the behaviour that only
//! a real machine has.

use super::cell_plan::CellPlan;
use super::lock_faults::check_lock_faults;
use super::trial::{Record, judged};
use crate::clock::{Clock, utc_now_s};
use crate::engine::{self, BuildStrategy, CellRedis, WorkerSetup};
use crate::explore::{HuntBudget, HuntConfig, Subject, Trial};
use crate::history::{BatchSender, LedgerEntry};
use crate::mock::{LedgerSink, MockConfig, Server};
use crate::plan::{Cell, ClockKind, NemesisKind, Plan, Target};
use crate::provider::Endpoint;
use crate::schedule::Schedule;
use crate::sync::lock;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer holds are not tried: they take real time.
const STALL_MAX: Duration = Duration::from_secs(10);
/// How long attempts that are still open at the end of a run are waited for.
const DRAIN: Duration = Duration::from_secs(1);

/// One cell of a plan, run again and again against a server of its own on loopback. Strategies over several
/// processes are hunted in virtual time.
pub struct SocketCell<'a> {
    cell_plan: CellPlan,
    /// Builds the strategy; its names in a shared store begin with the context's prefix.
    strategies: &'a BuildStrategy<'a>,
    redis: Option<CellRedis>,
    /// Runs so far: each has names of its own in a shared store.
    runs: u64,
}

impl<'a> SocketCell<'a> {
    /// The cell alone, with the first jobs of the plan, and its Redis if it needs one.
    #[must_use]
    pub fn new(plan: &Plan, cell: Cell, strategies: &'a BuildStrategy<'a>, redis: Option<CellRedis>) -> Self {
        Self { cell_plan: CellPlan::new(plan, cell), strategies, redis, runs: 0 }
    }

    /// How it is hunted. Its origin names target, strategy and seed.
    #[must_use]
    pub fn config(&self, budget: HuntBudget) -> HuntConfig {
        let mut config = HuntConfig { stall_max: STALL_MAX, ..self.cell_plan.config(budget) };
        let all = config.lock_faults.len();
        config.lock_faults.retain(|kind| !matches!(kind, NemesisKind::PauseHolder(_)));
        if config.lock_faults.len() < all {
            let sentence = "holders of a lock that are paused: that takes virtual time";
            config.left_out.push(sentence.to_owned());
        }
        config
    }

    fn make(&mut self, plan: &Arc<Plan>, schedule: &Schedule) -> Result<Trial, String> {
        let (clock, started_utc_s) = (Clock::start(), utc_now_s());
        let (history, events) = BatchSender::in_memory();
        let entries = Arc::new(Mutex::new(Vec::new()));
        let target = plan.targets.first().ok_or("the plan has no target")?;
        let server = serve(plan, target, schedule, clock, &entries)?;
        self.runs += 1;
        let made = engine::run(engine::EngineConfig {
            plan: plan.clone(),
            clock,
            endpoints: vec![Endpoint::of(plan, target, server.base_url())],
            strategies: self.strategies,
            history,
            stop: Arc::default(),
            progress: Arc::default(),
            workers: WorkerSetup {
                redis: self.redis.iter().map(|redis| (0, redis.clone())).collect(),
                prefix: format!("{}:", self.runs),
                ..WorkerSetup::default()
            },
        });
        let trace = server.trace();
        server.stop_within(DRAIN);
        let made = made.map_err(|error| error.to_string())?;
        let meta = made.meta(started_utc_s, clock.now_ns());
        let (events, entries) = (std::mem::take(&mut *lock(&events)), std::mem::take(&mut *lock(&entries)));
        let left = Record { events: &events, entries: &entries, claims: made.claims, meta, trace };
        Ok(judged(plan, left, clock.now()))
    }
}

impl Subject for SocketCell<'_> {
    fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String> {
        let plan = self.cell_plan.under(schedule, jobs);
        check_lock_faults(schedule, &plan.strategies[0], ClockKind::Real)?;
        self.make(&plan, schedule)
    }
}

fn serve(
    plan: &Plan,
    target: &Target,
    schedule: &Schedule,
    clock: Clock,
    entries: &Arc<Mutex<Vec<LedgerEntry>>>,
) -> Result<Server, String> {
    let mut config = MockConfig::of(plan, target).ok_or_else(|| {
        format!("target {} is a real endpoint: its answers cannot be scheduled", target.name)
    })?;
    let entries = entries.clone();
    config.ledger = LedgerSink::To(Box::new(move |entry| lock(&entries).push(entry)));
    config.schedule = Some(schedule.clone());
    Server::start(config, clock).map_err(|error| format!("cannot start the built-in target: {error}"))
}
