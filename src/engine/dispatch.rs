//! The dispatcher: cuts the run into blocks, interleaves the cells, and keeps the truth about both.

use super::cell::{BuildStrategy, CellState, PieceState, Shared, Spent, planned};
use super::stop::{Cause, Stop};
use super::thread::{Order, Report, Share, Thread};
use crate::clock::Clock;
use crate::history::{BatchSender, CellEnd, Claim, Event, NotIssued};
use crate::profile::{Load, Piece, blocks};
use crate::provider::{Endpoint, SetupError};
use crate::scenario::Plan;
use crate::shared::{Budget, Caps, Progress, Tally, Totals};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// A block starts so long after it was ordered, so that every thread is ready for its first arrival.
const LEAD: Duration = Duration::from_millis(5);
/// How often the dispatcher looks whether the client is stuck.
const WATCH: Duration = Duration::from_millis(50);

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
    /// How arrivals were released: `timerfd` or `tokio`.
    pub pacer: &'static str,
    /// How each target was called, in the plan's order: `direct` or `reqwest`.
    pub transports: Vec<String>,
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
}

struct CellRun {
    state: Arc<CellState>,
    planned: Option<u64>,
    arrivals: u64,
    open_time: Duration,
    spent: Spent,
    pacer: &'static str,
    transport: &'static str,
}

/// Makes the load of the whole plan, cell against cell in blocks, forth and back (ABBA), and returns when
/// every job is home.
///
/// # Errors
/// If a client or a thread could not be set up. A run that was stopped is no error.
pub fn run(config: Config<'_>) -> Result<Made, EngineError> {
    let Config { plan, clock, endpoints, strategies, history, stop, progress } = config;
    let budget = plan.budget.as_ref().map(|budget| {
        let pico = budget.max_cost.map(|money| money.pico);
        Budget::new(Caps { requests: budget.max_requests, tokens: budget.max_tokens, pico })
    });
    let shared = Arc::new(Shared { plan: plan.clone(), clock, stop, progress, budget });
    let mut cells: Vec<CellRun> =
        plan.cells().into_iter().map(|cell| new_cell(cell, &plan, strategies)).collect();
    let crew = Threads::start(&shared, Arc::new(endpoints), &history)?;
    for (number, pieces) in blocks(&plan).into_iter().enumerate() {
        let forth = number % 2 == 0;
        for position in 0..cells.len() {
            let index = if forth { position } else { cells.len() - 1 - position };
            cells[index].expect(&pieces);
            if shared.stop.cause().is_none() && cells[index].state.stuck.cause().is_none() {
                crew.make(&mut cells[index], &pieces, &shared)?;
            } else {
                let unmade = pieces.iter().filter_map(planned).sum();
                cells[index].state.tally.leave(unmade);
            }
        }
    }
    let stopped = shared.stop.cause();
    let ends: Vec<CellEnd> = cells.iter().map(|cell| cell.end(stopped)).collect();
    history.send(ends.iter().cloned().map(Event::CellEnd).collect());
    let transport =
        |target| cells.iter().find(|cell| cell.state.cell.target == target).map_or("", |c| c.transport);
    Ok(Made {
        cells: ends,
        claims: cells.iter().filter_map(|cell| cell.state.claim()).collect(),
        stopped,
        pacer: cells.first().map_or("", |cell| cell.pacer),
        transports: (0..plan.targets.len()).map(|target| transport(target).to_owned()).collect(),
    })
}

fn new_cell(cell: crate::scenario::Cell, plan: &Plan, strategies: &BuildStrategy<'_>) -> CellRun {
    let state = CellState {
        cell,
        strategy: strategies(&plan.strategies[cell.strategy]),
        totals: Totals::default(),
        tally: Tally::default(),
        stuck: Stop::default(),
    };
    CellRun {
        state: Arc::new(state),
        planned: Some(0),
        arrivals: 0,
        open_time: Duration::ZERO,
        spent: Spent::default(),
        pacer: "",
        transport: "",
    }
}

impl CellRun {
    /// Adds a block to what the cell is to do.
    fn expect(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            let wanted = planned(piece);
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
            Some(Cause::Interrupted | Cause::EvidenceFailed | Cause::Stuck) => NotIssued::Interrupted,
        };
        let offered =
            (self.open_time > Duration::ZERO).then(|| self.arrivals as f64 / self.open_time.as_secs_f64());
        self.state.end(self.planned, offered, self.spent, rest)
    }
}

/// The engine threads, as the dispatcher sees them.
struct Threads {
    orders: Vec<mpsc::Sender<Order>>,
    reports: mpsc::Receiver<Report>,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    fn start(
        shared: &Arc<Shared>,
        endpoints: Arc<Vec<Endpoint>>,
        history: &BatchSender,
    ) -> Result<Self, EngineError> {
        let threads = shared.plan.threads.max(1);
        let (report, reports) = mpsc::channel();
        let (mut orders, mut handles) = (Vec::new(), Vec::new());
        for index in 0..threads {
            let (order, receiver) = mpsc::channel();
            let thread = Thread {
                index,
                threads,
                shared: shared.clone(),
                endpoints: endpoints.clone(),
                sender: history.clone(),
            };
            let report = report.clone();
            let handle = std::thread::Builder::new()
                .name(format!("engine-{index}"))
                .spawn(move || thread.run(&receiver, &report))
                .map_err(EngineError::Thread)?;
            orders.push(order);
            handles.push(handle);
        }
        Ok(Self { orders, reports, handles })
    }

    /// Makes one block of one cell on all threads.
    fn make(&self, cell: &mut CellRun, pieces: &[Piece], shared: &Shared) -> Result<(), EngineError> {
        let start = shared.clock.now() + LEAD;
        let states = pieces.iter().map(|piece| (piece.clone(), Arc::new(PieceState::new(piece, start))));
        let order = Order { cell: cell.state.clone(), pieces: Arc::new(states.collect()), start };
        for thread in &self.orders {
            thread.send(order.clone()).map_err(|_| EngineError::ThreadLost)?;
        }
        let mut busiest = Duration::ZERO;
        for _ in &self.orders {
            let Share { cpu, pacer, transport } =
                self.await_report(shared, &cell.state.stuck, &mut cell.spent.stuck_since)??;
            cell.pacer = pacer;
            cell.transport = transport;
            cell.spent.cpu += cpu;
            busiest = busiest.max(cpu);
        }
        for (_, state) in order.pieces.iter() {
            cell.state.tally.leave(state.numbers.left());
        }
        cell.spent.cpu_busiest += busiest;
        cell.spent.elapsed += shared.clock.now().saturating_sub(start);
        Ok(())
    }

    /// Waits for a thread's report, and stops the cell if its client is stuck: jobs in progress, but for as
    /// long as was declared nothing in flight and nobody waiting on purpose.
    fn await_report(
        &self,
        shared: &Shared,
        stuck: &Stop,
        stuck_since: &mut Option<Duration>,
    ) -> Result<Report, EngineError> {
        let mut last = (shared.progress.read(), shared.clock.now());
        loop {
            match self.reports.recv_timeout(WATCH) {
                Ok(report) => return Ok(report),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(EngineError::ThreadLost),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            // As long as there are orders a thread ends only by a panic, and the others would report in vain.
            if self.handles.iter().any(JoinHandle::is_finished) {
                return self.reports.try_recv().map_err(|_| EngineError::ThreadLost);
            }
            let (seen, now) = (shared.progress.read(), shared.clock.now());
            if seen != last.0 || !seen.idle_with_work() {
                last = (seen, now);
            } else if now - last.1 > shared.plan.declared.progress {
                stuck_since.get_or_insert(last.1);
                stuck.stop(Cause::Stuck);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Source, load};

    const SCENARIO: &str = "version = 1\nname = \"x\"\n[target.mock]\napi = \"openai-chat\"\nmodel = \"m\"\n\
        [workload]\njobs = 1\nprompt_tokens = 1\noutput_tokens = 1\n\
        [profile.constant-vus]\nvus = 1\n[strategy.unbounded]\n";

    #[test]
    fn one_dead_thread_among_living_ones_ends_the_wait() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s.toml");
        std::fs::write(&path, SCENARIO).expect("written");
        let plan = load(&Source::read(&path).expect("readable"), &[], &|_| None);
        let shared = Shared {
            plan: Arc::new(plan.unwrap_or_else(|faults| panic!("{faults:?}"))),
            clock: Clock::start(),
            stop: Arc::default(),
            progress: Arc::default(),
            budget: None,
        };
        let (_living, reports) = mpsc::channel();
        let dead = std::thread::spawn(|| {});
        let threads = Threads { orders: Vec::new(), reports, handles: vec![dead] };
        assert!(matches!(
            threads.await_report(&shared, &Stop::default(), &mut None),
            Err(EngineError::ThreadLost)
        ));
    }
}
