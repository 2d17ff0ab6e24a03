//! The dispatcher: cuts the run into blocks, interleaves the cells, and keeps what was planned and done.

use super::cell::{BuildContext, BuildStrategy, CellState, PieceState, Spent};
use super::current_thread::{CurrentThread, VirtualRuntime};
use super::error::EngineError;
use super::maker::{Block, BlockMaker, LEAD};
use super::nemesis::{Nemeses, RestartRedis};
use super::part::ProcessPart;
use super::recorder::RecordSink;
use super::run_context::{BudgetKeeper, RunContext};
use super::stop::{Stop, StopCause};
use super::stuck::StuckWatch;
use super::thread::{Order, Thread};
use super::threads::Threads;
use super::worker_protocol::{Assignment, BlockReport, Resumed};
use super::workers::Workers;
use crate::clock::{Clock, ns};
use crate::history::{BatchSender, CellEnd, Claim, Event, Meta, NotIssued};
use crate::plan::{Cell, Plan};
use crate::prices::Amount;
use crate::profile::{Load, Piece, blocks};
use crate::provider::Endpoint;
use crate::shared::{Budget, Caps, Progress};
use crate::strategy::OwnCounts;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a run needs beside its plan.
pub struct EngineConfig<'a> {
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

/// What a run needs for its worker processes, and for the faults around them.
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
    /// Restarts it; `None` if other cells use it too, which must lose nothing.
    pub restart: Option<RestartRedis>,
}

/// What a run has done.
#[derive(Debug)]
pub struct LoadReport {
    /// What each cell was to do and did; also part of the history.
    pub cells: Vec<CellEnd>,
    /// What each cell's strategy counted itself.
    pub claims: Vec<Claim>,
    /// Why the run was stopped, if it was.
    pub stopped: Option<StopCause>,
    /// Worker processes that died before their work was done, and were started again.
    pub deaths: u32,
    /// Engine threads that the run had.
    pub threads: u32,
    /// How arrivals were released: `timerfd` or `tokio`.
    pub pacer: String,
    /// How each target was called, in the plan's order: `direct` or `reqwest`.
    pub transports: Vec<String>,
}

impl LoadReport {
    /// The facts of the run, which began `started_utc_s` seconds since 1970 and lasted `elapsed_ns`.
    #[must_use]
    pub fn meta(&self, started_utc_s: u64, elapsed_ns: u64) -> Meta {
        let mut meta = Meta::new(started_utc_s, elapsed_ns);
        meta.interrupted = self.stopped == Some(StopCause::Interrupted);
        meta.over_budget = self.stopped == Some(StopCause::OverBudget);
        meta.threads = self.threads;
        meta.pacer.clone_from(&self.pacer);
        meta.transports.clone_from(&self.transports);
        meta
    }
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

/// Makes the load of the whole plan, cell against cell in blocks, forth and back (ABBA), and returns when
/// every job has ended.
///
/// # Errors
/// If a client or a thread could not be set up. A run that was stopped is no error.
pub fn run(config: EngineConfig<'_>) -> Result<LoadReport, EngineError> {
    make(config, None)
}

/// The same in virtual time, on the caller's thread, which must be inside the given runtime. The clock of the
/// run is that runtime's.
///
/// # Errors
/// As [`run`].
pub fn run_on(place: VirtualRuntime<'_>, config: EngineConfig<'_>) -> Result<LoadReport, EngineError> {
    make(config, Some(place))
}

fn make(config: EngineConfig<'_>, place: Option<VirtualRuntime<'_>>) -> Result<LoadReport, EngineError> {
    let EngineConfig { plan, clock, endpoints, strategies, history, stop, progress, workers } = config;
    let budget = plan.budget.as_ref().map_or(BudgetKeeper::None, |budget| {
        let yocto = budget.max_cost.map(|money| Amount::from(money).yocto);
        let caps = Caps { requests: budget.max_requests, tokens: budget.max_tokens, yocto };
        BudgetKeeper::Own(Budget::new(caps))
    });
    let (connection, failed) = (None, Mutex::default());
    let run = Arc::new(RunContext { plan: plan.clone(), clock, stop, progress, budget, connection, failed });
    let new_cell = |cell| CellRun::new(cell, &run, strategies, &endpoints, &workers, &history);
    let mut cells: Vec<CellRun> = plan.cells().into_iter().map(new_cell).collect();
    let endpoints = Arc::new(endpoints.clone());
    let sink = RecordSink::History(history.clone());
    let threads = if place.is_some() { 1 } else { plan.threads };
    let mut maker: Box<dyn BlockMaker> = match place {
        None => Box::new(Threads::start(threads, &run, &endpoints, &sink)?),
        Some(place) => {
            let (run, endpoints) = (run.clone(), endpoints.clone());
            Box::new(CurrentThread::new(place, Thread { index: 0, threads, run, endpoints, sink }))
        }
    };
    for (number, pieces) in blocks(&plan).into_iter().enumerate() {
        let forth = number % 2 == 0;
        for position in 0..cells.len() {
            let index = if forth { position } else { cells.len() - 1 - position };
            cells[index].expect(&pieces);
            if run.stop.cause().is_none() && cells[index].state.stuck.cause().is_none() {
                cells[index].make(number, &pieces, &mut *maker, &run)?;
            } else {
                let unmade = pieces.iter().filter_map(Piece::planned).sum();
                cells[index].state.tally.leave(unmade);
            }
        }
    }
    let stopped = run.stop.cause();
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
    Ok(LoadReport {
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
        run: &Arc<RunContext>,
        strategies: &BuildStrategy<'_>,
        endpoints: &[Endpoint],
        setup: &WorkerSetup,
        history: &BatchSender,
    ) -> Self {
        let plan = &run.plan;
        let strategy = &plan.strategies[cell.strategy];
        let prefix = format!("{}{}:", setup.prefix, cell.index);
        let restart = setup.redis.get(&cell.index).and_then(|redis| redis.restart.clone());
        let redis = setup.redis.get(&cell.index);
        let nemeses = Nemeses::of(&plan.nemeses, strategy.name(), restart);
        let build = |process| strategies(strategy, BuildContext { cell, prefix: &prefix, process });
        let state = Arc::new(CellState::new(cell, build(0), nemeses));
        let is_virtual = run.clock.is_virtual();
        let stand_ins = if is_virtual { 1..strategy.processes() } else { 1..1 };
        let stand_ins = stand_ins.map(|process| Arc::new(state.beside(build(process)))).collect();
        let assignment = || Assignment {
            plan: plan.toml.clone(),
            cell: cell.index,
            process: 0,
            processes: strategy.processes(),
            successor: false,
            threads: (plan.threads / strategy.processes()).max(1),
            base_urls: endpoints.iter().map(|endpoint| endpoint.base_url.clone()).collect(),
            epoch_ns: run.clock.epoch_monotonic_ns(),
            redis_url: redis.map(|redis| redis.url.clone()),
            prefix: prefix.clone(),
            budget: plan.budget.is_some(),
            armed: state.nemeses.is_armed(),
        };
        let workers = (strategy.processes() > 1 && !is_virtual).then(|| {
            Workers::new(setup.program.clone(), assignment(), run.clone(), state.clone(), history.clone())
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

    /// Makes one block: by the cell's own processes if it has any, else by `maker`.
    fn make(
        &mut self,
        number: usize,
        pieces: &[Piece],
        maker: &mut dyn BlockMaker,
        run: &RunContext,
    ) -> Result<(), EngineError> {
        let start = run.clock.now() + LEAD;
        run.progress.block_begins(number, ns(start));
        let orders = self.orders(pieces, start);
        let (mut watch, state) = (StuckWatch::new(run), self.state.clone());
        let since = &mut self.spent.stuck_since;
        let mut look = || watch.look(run, &state.stuck, since);
        let maker = self.workers.as_mut().map_or(maker, |workers| workers as &mut dyn BlockMaker);
        let reports = maker.make(&Block { number, pieces, orders: &orders }, &mut look)?;
        let mut busiest_ns = 0;
        for BlockReport { cpu_ns, cpu_busiest_ns, pacer, transport, .. } in reports {
            (self.pacer, self.transport) = (pacer, transport);
            self.spent.cpu += Duration::from_nanos(cpu_ns);
            busiest_ns = busiest_ns.max(cpu_busiest_ns);
        }
        self.spent.cpu_busiest += Duration::from_nanos(busiest_ns);
        self.spent.elapsed += run.clock.now().saturating_sub(start);
        Ok(())
    }

    /// The orders of a block: one for this process, and in virtual time one for each process that it stands
    /// for.
    fn orders(&self, pieces: &[Piece], start: Duration) -> Vec<Order> {
        let processes = 1 + self.stand_ins.len() as u32;
        let part = |process| ProcessPart { process, processes };
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

    /// Ends the cell's processes, if it has any, and returns what each has counted.
    fn finish(&mut self, deaths: &mut u32) -> Result<Option<Vec<OwnCounts>>, EngineError> {
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

    fn end(&self, stopped: Option<StopCause>) -> CellEnd {
        let rest = match stopped.or(self.state.stuck.cause()) {
            None => NotIssued::TimeUp,
            Some(StopCause::OverBudget) => NotIssued::OverBudget,
            Some(StopCause::Saturated) => NotIssued::Aborted,
            Some(
                StopCause::Interrupted | StopCause::EvidenceFailed | StopCause::Stuck | StopCause::CannotWork,
            ) => NotIssued::Interrupted,
        };
        let offered =
            (self.open_time > Duration::ZERO).then(|| self.arrivals as f64 / self.open_time.as_secs_f64());
        self.state.end(self.planned, offered, self.spent, rest)
    }
}
