//! The dispatcher: cuts the run into blocks, interleaves the cells, and keeps the truth about both.

use super::cell::{Berth, BuildStrategy, CellState, PieceState, Purse, Shared, Spent};
use super::here::{Here, Stage};
use super::nemesis::{Nemeses, RestartRedis};
use super::part::Part;
use super::recorder::Outlet;
use super::stop::{Cause, Stop};
use super::stuck::StuckWatch;
use super::thread::{Order, Thread};
use super::threads::Threads;
use super::wire::{Resumed, Seat, Shares};
use super::workers::Workers;
use crate::clock::{Clock, ns};
use crate::history::{BatchSender, CellEnd, Claim, Event, Meta, NotIssued};
use crate::plan::{Cell, Plan};
use crate::prices::Amount;
use crate::profile::{Load, Piece, blocks};
use crate::provider::{Endpoint, SetupError};
use crate::shared::{Budget, Caps, Progress};
use crate::strategy::Booked;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A block starts so long after it was ordered, so that every thread is ready for its first arrival.
pub(super) const LEAD: Duration = Duration::from_millis(5);

/// What a run needs beside its plan.
pub struct Config<'a> {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The run's clock, which the built-in provider shares.
    pub clock: Clock,
    /// Where each target of the plan is reached, in the plan's order.
    pub endpoints: Vec<Endpoint>,
    /// Builds the strategy under test.
    pub strategies: &'a BuildStrategy<'a>,
    /// Takes the events of the history.
    pub history: BatchSender,
    /// Stops the run from outside.
    pub stop: Arc<Stop>,
    /// Shows the run's figures to a display.
    pub progress: Arc<Progress>,
    /// What strategies over several processes need, and those that hold locks.
    pub workers: WorkerSetup,
}

/// What a run needs for its worker processes, and for what goes wrong around them.
#[derive(Clone, Default)]
pub struct WorkerSetup {
    /// The `deadheat` binary, which a worker is another process of.
    pub program: PathBuf,
    /// The Redis of each cell that needs one, by the cell's position in the run.
    pub redis: BTreeMap<u16, CellRedis>,
    /// What names of the run in a shared store begin with.
    pub prefix: String,
}

/// One cell's Redis.
#[derive(Clone)]
pub struct CellRedis {
    /// Where it is reached; may hold a password.
    pub url: String,
    /// Restarts it. `None` where it is not this cell's alone: nobody else may lose what the cell loses.
    pub restart: Option<RestartRedis>,
}

/// What a run has made.
#[derive(Debug)]
pub struct Made {
    /// What each cell was to do and did; recorded in the history too.
    pub cells: Vec<CellEnd>,
    /// What each cell's strategy put on its own books.
    pub claims: Vec<Claim>,
    /// Why the run was stopped, if it was.
    pub stopped: Option<Cause>,
    /// Worker processes that died before their work was done, and were started again.
    pub deaths: u32,
    /// Engine threads that the run had.
    pub threads: u32,
    /// How arrivals were released: `timerfd` or `tokio`.
    pub pacer: String,
    /// How each target was called, in the plan's order: `direct` or `reqwest`.
    pub transports: Vec<String>,
}

impl Made {
    /// The facts of the run, which began `started_utc_s` seconds since 1970 and lasted `elapsed_ns`.
    #[must_use]
    pub fn meta(&self, started_utc_s: u64, elapsed_ns: u64) -> Meta {
        let mut meta = Meta::new(started_utc_s, elapsed_ns);
        meta.interrupted = self.stopped == Some(Cause::Interrupted);
        meta.over_budget = self.stopped == Some(Cause::OverBudget);
        meta.threads = self.threads;
        meta.pacer.clone_from(&self.pacer);
        meta.transports.clone_from(&self.transports);
        meta
    }
}

/// Why load could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A client could not be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// No thread could be started.
    #[error("cannot start an engine thread: {0}")]
    Thread(std::io::Error),
    /// An engine thread died; its jobs have no results.
    #[error("an engine thread ended before its work was done; this is a fault of deadheat's own")]
    ThreadLost,
    /// No worker process could be started.
    #[error("cannot start a worker process: {0}")]
    WorkerStart(std::io::Error),
    /// A strategy lacks what it needs to make load at all, be it in a worker process.
    #[error("load cannot be made: {0}")]
    CannotWork(String),
    /// A worker process does not do what it should.
    #[error("a worker process cannot go on: {0}")]
    Worker(String),
}

struct CellRun {
    state: Arc<CellState>,
    planned: Option<u64>,
    arrivals: u64,
    open_time: Duration,
    spent: Spent,
    pacer: String,
    transport: String,
    /// Its processes, if it has several.
    workers: Option<Workers>,
    /// In virtual time: its processes but the first.
    stand_ins: Vec<Arc<CellState>>,
}

/// Who makes the load of cells that have no processes of their own.
enum Makers<'a> {
    Threads(Threads),
    Here(Here<'a>),
}

impl Makers<'_> {
    fn make(&mut self, orders: &[Order], look: &mut dyn FnMut()) -> Result<Shares, EngineError> {
        match self {
            // One process has one order.
            Self::Threads(threads) => threads.make(&orders[0], look),
            Self::Here(here) => here.make(orders, look),
        }
    }
}

/// Makes the load of the whole plan, cell against cell in blocks, forth and back (ABBA), and returns when
/// every job is home.
///
/// # Errors
/// If a client or a thread could not be set up. A run that was stopped is no error.
pub fn run(config: Config<'_>) -> Result<Made, EngineError> {
    make(config, None)
}

/// The same in virtual time, on the caller's thread, which must be inside of the stage's runtime; the plan's clock
/// and the run's are that runtime's.
///
/// # Errors
/// As [`run`].
pub fn run_on(stage: Stage<'_>, config: Config<'_>) -> Result<Made, EngineError> {
    make(config, Some(stage))
}

fn make(config: Config<'_>, stage: Option<Stage<'_>>) -> Result<Made, EngineError> {
    let Config { plan, clock, endpoints, strategies, history, stop, progress, workers } = config;
    let purse = plan.budget.as_ref().map_or(Purse::Bottomless, |budget| {
        let yocto = budget.max_cost.map(|money| Amount::from(money).yocto);
        Purse::Own(Budget::new(Caps { requests: budget.max_requests, tokens: budget.max_tokens, yocto }))
    });
    let shared = Arc::new(Shared {
        plan: plan.clone(),
        clock,
        stop,
        progress,
        purse,
        uplink: None,
        failed: Mutex::default(),
    });
    let new_cell = |cell| CellRun::new(cell, &shared, strategies, &endpoints, &workers, &history);
    let mut cells: Vec<CellRun> = plan.cells().into_iter().map(new_cell).collect();
    let endpoints = Arc::new(endpoints.clone());
    let outlet = Outlet::History(history.clone());
    let threads = if stage.is_some() { 1 } else { plan.threads };
    let mut makers = match stage {
        None => Makers::Threads(Threads::start(plan.threads, &shared, &endpoints, &outlet)?),
        Some(stage) => {
            let (shared, endpoints) = (shared.clone(), endpoints.clone());
            let thread = Thread { index: 0, threads: 1, shared: shared.clone(), endpoints, outlet };
            Makers::Here(Here::new(stage, thread, &shared))
        }
    };
    for (number, pieces) in blocks(&plan).into_iter().enumerate() {
        let forth = number % 2 == 0;
        for position in 0..cells.len() {
            let index = if forth { position } else { cells.len() - 1 - position };
            cells[index].expect(&pieces);
            if shared.stop.cause().is_none() && cells[index].state.stuck.cause().is_none() {
                cells[index].make(number, &pieces, &mut makers, &shared)?;
            } else {
                let unmade = pieces.iter().filter_map(Piece::planned).sum();
                cells[index].state.tally.leave(unmade);
            }
        }
    }
    let stopped = shared.stop.cause();
    let ends: Vec<CellEnd> = cells.iter().map(|cell| cell.end(stopped)).collect();
    let (mut claims, mut deaths) = (Vec::new(), 0);
    for cell in &mut cells {
        let booked = cell.finish(&mut deaths)?;
        claims.extend(cell.state.claims(&plan.strategies[cell.state.cell.strategy], booked));
    }
    history.send(ends.iter().cloned().map(Event::CellEnd).collect());
    let transport = |target| {
        let cell = cells.iter().find(|cell| cell.state.cell.target == target && !cell.transport.is_empty());
        cell.map_or_else(String::new, |cell| cell.transport.clone())
    };
    Ok(Made {
        cells: ends,
        claims,
        stopped,
        deaths,
        threads,
        pacer: cells.first().map_or_else(String::new, |cell| cell.pacer.clone()),
        transports: (0..plan.targets.len()).map(transport).collect(),
    })
}

impl CellRun {
    fn new(
        cell: Cell,
        shared: &Arc<Shared>,
        strategies: &BuildStrategy<'_>,
        endpoints: &[Endpoint],
        setup: &WorkerSetup,
        history: &BatchSender,
    ) -> Self {
        let plan = &shared.plan;
        let strategy = &plan.strategies[cell.strategy];
        let prefix = format!("{}{}:", setup.prefix, cell.index);
        let restart = setup.redis.get(&cell.index).and_then(|redis| redis.restart.clone());
        let redis = setup.redis.get(&cell.index);
        let nemeses = Nemeses::of(&plan.nemeses, strategy.name(), restart);
        let build = |process| strategies(strategy, Berth { cell, prefix: &prefix, process });
        let state = Arc::new(CellState::new(cell, build(0), nemeses));
        let is_virtual = shared.clock.is_virtual();
        let stand_ins = if is_virtual { 1..strategy.processes } else { 1..1 };
        let stand_ins = stand_ins.map(|process| Arc::new(state.beside(build(process)))).collect();
        let seat = || Seat {
            plan: plan.toml.clone(),
            cell: cell.index,
            process: 0,
            processes: strategy.processes,
            successor: false,
            threads: (plan.threads / strategy.processes).max(1),
            base_urls: endpoints.iter().map(|endpoint| endpoint.base_url.clone()).collect(),
            epoch_ns: shared.clock.epoch_monotonic_ns(),
            redis_url: redis.map(|redis| redis.url.clone()),
            prefix: prefix.clone(),
            budget: plan.budget.is_some(),
            armed: state.nemeses.is_armed(),
        };
        let workers = (strategy.processes > 1 && !is_virtual).then(|| {
            Workers::new(setup.program.clone(), seat(), shared.clone(), state.clone(), history.clone())
        });
        Self {
            state,
            planned: Some(0),
            arrivals: 0,
            open_time: Duration::ZERO,
            spent: Spent::default(),
            pacer: String::new(),
            transport: String::new(),
            workers,
            stand_ins,
        }
    }

    /// Makes one block, on this process's threads or on the cell's own processes.
    fn make(
        &mut self,
        number: usize,
        pieces: &[Piece],
        makers: &mut Makers<'_>,
        shared: &Shared,
    ) -> Result<(), EngineError> {
        let start = shared.clock.now() + LEAD;
        shared.progress.block_begins(number, ns(start));
        let orders = self.orders(pieces, start);
        let (mut watch, state) = (StuckWatch::new(shared), self.state.clone());
        let since = &mut self.spent.stuck_since;
        let mut look = || watch.look(shared, &state.stuck, since);
        let shares = match &mut self.workers {
            Some(workers) => workers.make(number, pieces, &mut look)?,
            None => vec![makers.make(&orders, &mut look)?],
        };
        let mut busiest_ns = 0;
        for Shares { cpu_ns, cpu_busiest_ns, pacer, transport, .. } in shares {
            (self.pacer, self.transport) = (pacer, transport);
            self.spent.cpu += Duration::from_nanos(cpu_ns);
            busiest_ns = busiest_ns.max(cpu_busiest_ns);
        }
        self.spent.cpu_busiest += Duration::from_nanos(busiest_ns);
        self.spent.elapsed += shared.clock.now().saturating_sub(start);
        Ok(())
    }

    /// A block's order for this process, and in virtual time for each process that it stands for.
    fn orders(&self, pieces: &[Piece], start: Duration) -> Vec<Order> {
        let processes = 1 + self.stand_ins.len() as u32;
        let part = |process| Part { process, processes };
        let first = |piece| PieceState::new(piece, start, part(0), Resumed::default());
        let firsts: Vec<Arc<PieceState>> = pieces.iter().map(|piece| Arc::new(first(piece))).collect();
        let order = |(process, cell): (u32, &Arc<CellState>)| {
            let states = pieces.iter().zip(&firsts).map(|(piece, first)| {
                let own = process == 0;
                let beside = || Arc::new(first.beside(piece, start, part(process)));
                (piece.clone(), if own { first.clone() } else { beside() })
            });
            Order { cell: cell.clone(), pieces: Arc::new(states.collect()), start }
        };
        (0..).zip(std::iter::once(&self.state).chain(&self.stand_ins)).map(order).collect()
    }

    /// Ends the cell's processes, if it has any: what each has on its books.
    fn finish(&mut self, deaths: &mut u32) -> Result<Option<Vec<Booked>>, EngineError> {
        if !self.stand_ins.is_empty() {
            let all = std::iter::once(&self.state).chain(&self.stand_ins);
            return Ok(Some(all.map(|process| process.booked()).collect()));
        }
        let Some(workers) = self.workers.take() else { return Ok(None) };
        let (booked, died) = workers.finish()?;
        *deaths += died;
        Ok(Some(booked))
    }

    /// Adds a block to what the cell is to do.
    fn expect(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            let wanted = piece.planned();
            self.planned = self.planned.zip(wanted).map(|(sum, more)| sum + more);
            if let Load::Open { end, .. } = &piece.load {
                self.arrivals += wanted.unwrap_or(0);
                self.open_time += end.saturating_sub(piece.start);
            }
        }
    }

    fn end(&self, stopped: Option<Cause>) -> CellEnd {
        let rest = match stopped.or(self.state.stuck.cause()) {
            None => NotIssued::TimeUp,
            Some(Cause::OverBudget) => NotIssued::OverBudget,
            Some(Cause::Saturated) => NotIssued::Aborted,
            Some(Cause::Interrupted | Cause::EvidenceFailed | Cause::Stuck | Cause::CannotWork) => {
                NotIssued::Interrupted
            }
        };
        let offered =
            (self.open_time > Duration::ZERO).then(|| self.arrivals as f64 / self.open_time.as_secs_f64());
        self.state.end(self.planned, offered, self.spent, rest)
    }
}
