//! A worker process: makes its part of one cell's load, as ordered by the run that started it.

use super::cell::{CellState, PieceState};
use super::nemesis::Nemeses;
use super::part::ProcessPart;
use super::recorder::RecordSink;
use super::run_connection::RunConnection;
use super::run_context::{BudgetKeeper, RunContext};
use super::stop::StopCause;
use super::thread::{Order, Pieces};
use super::threads::Threads;
use super::worker_protocol::{Assignment, BlockOrder, ToRun, ToWorker, figures};
use crate::clock::Clock;
use crate::plan::{Plan, Source};
use crate::profile::{Piece, blocks};
use crate::provider::{ApiKey, Endpoint};
use crate::scenario::load_stored;
use crate::strategy::{Strategy, StrategyPlan};
use crate::sync::lock;
use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// A worker sends its figures at least this often, even if they have not changed.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Builds the strategy under test for a worker; the error says why it cannot.
pub type BuildInWorker<'a> =
    dyn Fn(&Plan, &StrategyPlan, &Assignment) -> Result<Arc<dyn Strategy>, String> + 'a;

/// What a worker process provides itself.
pub struct WorkerEnvironment<'a> {
    /// Builds the strategy under test.
    pub strategies: &'a BuildInWorker<'a>,
    /// The key that an environment variable holds.
    pub keys: &'a dyn Fn(&str) -> Option<ApiKey>,
    /// Ends the process: the run has ended, or no longer needs it.
    pub leave: fn(),
}

/// Follows the orders that are read from `input`, and reports to `output`.
///
/// # Errors
/// If there is no assignment, as when a worker is started by hand.
pub fn work(
    mut input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
    environment: &WorkerEnvironment<'_>,
) -> Result<(), String> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(|error| format!("cannot read the assignment: {error}"))?;
    let assignment: Assignment = serde_json::from_str(&line)
        .map_err(|_| "`deadheat worker` is started by `deadheat run`; start that instead".to_owned())?;
    let plan = Arc::new(plan(&assignment)?);
    let cell = plan.cells().get(usize::from(assignment.cell)).copied();
    let cell = cell.ok_or_else(|| format!("the plan has no cell {}", assignment.cell))?;
    let built = (environment.strategies)(&plan, &plan.strategies[cell.strategy], &assignment)?;
    let state = Arc::new(CellState::new(cell, built, Nemeses::default()));
    let connection = Arc::new(RunConnection::new(Box::new(output), state.clone(), assignment.armed));
    let run = Arc::new(RunContext {
        plan: plan.clone(),
        clock: Clock::at_epoch(assignment.epoch_ns),
        stop: Arc::default(),
        progress: Arc::default(),
        budget: if assignment.budget { BudgetKeeper::Parent } else { BudgetKeeper::None },
        connection: Some(connection.clone()),
        failed: Mutex::default(),
    });
    let endpoints = Arc::new(endpoints(&plan, &assignment, environment));
    let threads = Threads::start(assignment.threads, &run, &endpoints, &RecordSink::Run(connection.clone()));
    let threads = threads.map_err(|error| error.to_string())?;
    let (commands, received) = mpsc::channel();
    let reader = CommandReader {
        part: ProcessPart { process: assignment.process, processes: assignment.processes },
        blocks: counted(blocks(&plan)),
        run: run.clone(),
        state,
        connection: connection.clone(),
        pieces: Mutex::default(),
    };
    let leave = environment.leave;
    let reading = std::thread::Builder::new().name("commands".to_owned()).spawn(move || {
        reader.read(input, &commands);
        leave();
    });
    reading.map_err(|error| format!("cannot start the thread that reads orders: {error}"))?;
    connection.send(&ToRun::Ready);
    for command in received {
        if let Err(error) = follow(command, &threads, &run, &connection) {
            connection.send(&ToRun::Failed(error));
        }
    }
    Ok(())
}

/// Counts the arrivals of every block before the load begins, so that a stop need not draw those that are
/// left.
fn counted(blocks: Vec<Vec<Piece>>) -> Vec<Vec<Piece>> {
    blocks.iter().flatten().for_each(|piece| {
        let _ = piece.planned();
    });
    blocks
}

fn plan(assignment: &Assignment) -> Result<Plan, String> {
    let source = Source { path: "plan.toml".into(), text: assignment.plan.clone() };
    load_stored(&source).map_err(|faults| faults.to_string())
}

/// Where attempts go. The run names the addresses; the environment holds the keys.
fn endpoints(plan: &Plan, assignment: &Assignment, environment: &WorkerEnvironment<'_>) -> Vec<Endpoint> {
    let pairs = plan.targets.iter().zip(&assignment.base_urls);
    pairs
        .map(|(target, base_url)| {
            let key = target.key_variable().and_then(|variable| (environment.keys)(variable));
            Endpoint::of(plan, target, base_url.clone()).with_key(key)
        })
        .collect()
}

/// What the engine threads are to do.
enum Command {
    Make(Order),
    /// Report what the strategy has counted.
    Count(Arc<CellState>),
}

/// Reads the run's messages. Those that cannot wait for the current order are handled here; the others are
/// queued.
struct CommandReader {
    part: ProcessPart,
    blocks: Vec<Vec<Piece>>,
    run: Arc<RunContext>,
    state: Arc<CellState>,
    connection: Arc<RunConnection>,
    /// The pieces of the order that is being made.
    pieces: Mutex<Pieces>,
}

impl CommandReader {
    /// Reads until the input ends.
    fn read(&self, input: impl BufRead, commands: &mpsc::Sender<Command>) {
        for line in input.lines() {
            let Ok(line) = line else { return };
            let command = match serde_json::from_str(&line) {
                Ok(message) => self.handle(message),
                Err(error) => {
                    self.connection
                        .send(&ToRun::Failed(format!("cannot read a message of the run: {error}")));
                    return;
                }
            };
            if command.is_some_and(|command| commands.send(command).is_err()) {
                return;
            }
        }
    }

    /// Handles a message, or returns what the engine threads are to do.
    fn handle(&self, message: ToWorker) -> Option<Command> {
        match message {
            ToWorker::Order(order) => return Some(Command::Make(self.order(order))),
            ToWorker::Finish => return Some(Command::Count(self.state.clone())),
            ToWorker::Stop(StopCause::Stuck) => self.state.stuck.stop(StopCause::Stuck),
            ToWorker::Stop(cause) => self.run.stop.stop(cause),
            ToWorker::Round { piece, round, release_ns } => {
                if let Some((_, state)) = lock(&self.pieces).get(piece) {
                    state.round.send_replace((round, Duration::from_nanos(release_ns)));
                }
            }
            ToWorker::Granted(granted) => self.connection.granted(granted),
            ToWorker::Go { id, lose_unlock } => self.connection.go(id, lose_unlock),
        }
        None
    }

    /// Prepares an order, so that announcements of its rounds reach it.
    fn order(&self, order: BlockOrder) -> Order {
        let start = Duration::from_nanos(order.start_ns);
        let mut resumed = order.pieces.into_iter();
        let pieces = self.blocks.get(order.block).map_or(&[][..], Vec::as_slice);
        let states = pieces.iter().map(|piece| {
            let state = PieceState::new(piece, start, self.part, resumed.next().unwrap_or_default());
            (piece.clone(), Arc::new(state))
        });
        let pieces = Arc::new(states.collect::<Vec<_>>());
        *lock(&self.pieces) = pieces.clone();
        Order { cell: self.state.clone(), pieces, start }
    }
}

fn follow(
    command: Command,
    threads: &Threads,
    run: &RunContext,
    connection: &RunConnection,
) -> Result<(), String> {
    let order = match command {
        Command::Make(order) => order,
        Command::Count(cell) => {
            let booked = cell.booked();
            let counted = (booked.requests, booked.prompt_tokens, booked.completion_tokens);
            connection.send(&ToRun::Booked(counted));
            return Ok(());
        }
    };
    let left_before = order.cell.tally.left();
    let mut last = None;
    let mut show = || {
        let (seen, now) = (figures(&run.progress.read()), run.clock.now());
        if last.is_none_or(|(before, sent)| before != seen || now.saturating_sub(sent) >= SIGN_OF_LIFE) {
            last = Some((seen, now));
            connection.send(&ToRun::Seen(seen));
        }
    };
    let mut report = threads.follow(&order, &mut show).map_err(|error| error.to_string())?;
    show();
    report.left = order.cell.tally.left() - left_before;
    connection.send(&ToRun::Share(report));
    Ok(())
}
