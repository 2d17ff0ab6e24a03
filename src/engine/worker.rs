//! A worker process: makes its part of one cell's load, on the orders of the run that started it.

use super::cell::{CellState, PieceState, Purse, Shared};
use super::part::Part;
use super::recorder::Outlet;
use super::stop::Cause;
use super::thread::{Order, Pieces};
use super::threads::Threads;
use super::uplink::Uplink;
use super::wire::{BlockOrder, Down, Seat, Up, figures};
use crate::clock::Clock;
use crate::plan::{Plan, Source, StrategyPlan};
use crate::profile::{Piece, blocks};
use crate::provider::{ApiKey, Endpoint};
use crate::scenario::load_stored;
use crate::strategy::Strategy;
use crate::sync::lock;
use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// A worker whose figures stand still says so as often as this.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Builds the strategy under test for a worker's seat; the error says why it cannot.
pub type BuildSeated<'a> = dyn Fn(&Plan, &StrategyPlan, &Seat) -> Result<Arc<dyn Strategy>, String> + 'a;

/// What a worker brings along itself.
pub struct Outfit<'a> {
    /// Builds the strategy under test, for this seat.
    pub strategies: &'a BuildSeated<'a>,
    /// The key that an environment variable holds.
    pub keys: &'a dyn Fn(&str) -> Option<ApiKey>,
    /// Ends the process: the run is gone, or needs it no more.
    pub leave: fn(),
}

/// Works off the orders that come by `input`, and reports by `output`.
///
/// # Errors
/// If no seat is given, which happens only where somebody starts a worker by hand.
pub fn work(
    mut input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
    outfit: &Outfit<'_>,
) -> Result<(), String> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(|error| error.to_string())?;
    let seat: Seat = serde_json::from_str(&line).map_err(|_| {
        "a worker is started by `deadheat run`, which tells it what to do: start that instead".to_owned()
    })?;
    let plan = Arc::new(plan(&seat)?);
    let cell = plan.cells().get(usize::from(seat.cell)).copied().ok_or("the plan has no such cell")?;
    let strategy = &plan.strategies[cell.strategy];
    let built = (outfit.strategies)(&plan, strategy, &seat)?;
    let state = Arc::new(CellState::new(cell, built, super::nemesis::Nemeses::default()));
    let uplink = Arc::new(Uplink::new(Box::new(output), state.clone(), seat.armed));
    let shared = Arc::new(Shared {
        plan: plan.clone(),
        clock: Clock::at_epoch(seat.epoch_ns),
        stop: Arc::default(),
        progress: Arc::default(),
        purse: if seat.budget { Purse::Parent } else { Purse::Bottomless },
        uplink: Some(uplink.clone()),
        failed: Mutex::default(),
    });
    let endpoints = Arc::new(endpoints(&plan, &seat, outfit));
    let threads = Threads::start(seat.threads, &shared, &endpoints, &Outlet::Parent(uplink.clone()));
    let threads = threads.map_err(|error| error.to_string())?;
    let (todo, work) = mpsc::channel();
    let desk = Desk {
        part: Part { process: seat.process, processes: seat.processes },
        blocks: blocks(&plan),
        shared: shared.clone(),
        state,
        uplink: uplink.clone(),
        pieces: Mutex::default(),
    };
    let leave = outfit.leave;
    let listener = std::thread::Builder::new().name("orders".to_owned());
    let listening = listener.spawn(move || {
        listen(input, &desk, &todo);
        leave();
    });
    listening.map_err(|error| error.to_string())?;
    uplink.say(&Up::Ready);
    for errand in work {
        if let Err(error) = run(errand, &threads, &shared, &uplink) {
            uplink.say(&Up::Failed(error));
        }
    }
    Ok(())
}

fn plan(seat: &Seat) -> Result<Plan, String> {
    let source = Source { path: "plan.toml".into(), text: seat.plan.clone() };
    load_stored(&source).map_err(|faults| faults.to_string())
}

/// Where attempts go: the run says where, the environment holds the keys.
fn endpoints(plan: &Plan, seat: &Seat, outfit: &Outfit<'_>) -> Vec<Endpoint> {
    let pairs = plan.targets.iter().zip(&seat.base_urls);
    pairs
        .map(|(target, base_url)| {
            let key = target.key_variable().and_then(|variable| (outfit.keys)(variable));
            Endpoint::of(plan, target, base_url).with_key(key)
        })
        .collect()
}

/// What the engine threads are asked for.
enum Errand {
    Make(Order),
    Books(Arc<CellState>),
}

/// Where messages of the run are worked off that cannot wait for an order to be done.
struct Desk {
    part: Part,
    blocks: Vec<Vec<Piece>>,
    shared: Arc<Shared>,
    state: Arc<CellState>,
    uplink: Arc<Uplink>,
    /// Those of the order that is being made.
    pieces: Mutex<Pieces>,
}

/// Until the run says no more, and is gone.
fn listen(input: impl BufRead, desk: &Desk, todo: &mpsc::Sender<Errand>) {
    for line in input.lines() {
        let Ok(message) = line.map(|line| serde_json::from_str::<Down>(&line)) else { return };
        let errand = match message {
            Err(error) => {
                desk.uplink.say(&Up::Failed(format!("an order that is none: {error}")));
                return;
            }
            Ok(Down::Order(order)) => Errand::Make(desk.order(order)),
            Ok(Down::Finish) => Errand::Books(desk.state.clone()),
            Ok(Down::Stop(Cause::Stuck)) => {
                desk.state.stuck.stop(Cause::Stuck);
                continue;
            }
            Ok(Down::Stop(cause)) => {
                desk.shared.stop.stop(cause);
                continue;
            }
            Ok(Down::Round { piece, round, release_ns }) => {
                if let Some((_, state)) = lock(&desk.pieces).get(piece) {
                    state.round.send_replace((round, Duration::from_nanos(release_ns)));
                }
                continue;
            }
            Ok(Down::Granted(granted)) => {
                desk.uplink.granted(granted);
                continue;
            }
            Ok(Down::Go { id, lose_unlock }) => {
                desk.uplink.go(id, lose_unlock);
                continue;
            }
        };
        if todo.send(errand).is_err() {
            return;
        }
    }
}

impl Desk {
    /// Lays an order out, so that what is said of its rounds finds it.
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

fn run(errand: Errand, threads: &Threads, shared: &Shared, uplink: &Uplink) -> Result<(), String> {
    let order = match errand {
        Errand::Make(order) => order,
        Errand::Books(cell) => {
            let booked = cell.booked();
            uplink.say(&Up::Booked((booked.requests, booked.prompt_tokens, booked.completion_tokens)));
            return Ok(());
        }
    };
    let left_before = order.cell.tally.left();
    let mut last = None;
    let mut show = || {
        let (seen, now) = (figures(&shared.progress.read()), shared.clock.now());
        if last.is_none_or(|(before, said)| before != seen || now.saturating_sub(said) >= SIGN_OF_LIFE) {
            last = Some((seen, now));
            uplink.say(&Up::Seen(seen));
        }
    };
    let mut shares = threads.make(&order, &mut show).map_err(|error| error.to_string())?;
    show();
    shares.left = order.cell.tally.left() - left_before;
    uplink.say(&Up::Share(shares));
    Ok(())
}
