//! One engine thread, with a runtime, connections and a record of its own.

use super::cell::{CellState, PieceState};
use super::error::EngineError;
use super::load::PieceRun;
use super::pacer::Pacer;
use super::recorder::{RecordSink, Recorder};
use super::run_context::RunContext;
use super::stop::Halt;
use super::task_set::TaskSet;
use super::thread_context::ThreadContext;
use crate::profile::Piece;
use crate::provider::{Client, Endpoint, SetupError};
use crate::sync::lock;
use futures_util::future::join_all;
use nix::sys::resource::{UsageWho, getrusage};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::task::LocalSet;

/// The pieces of one block, with what the threads share of each.
pub(super) type Pieces = Arc<Vec<(Piece, Arc<PieceState>)>>;

/// One block of one cell, for every thread to take its share of.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) cell: Arc<CellState>,
    pub(super) pieces: Pieces,
    /// Start of the block, since the run's epoch; a little ahead, so that every thread is ready.
    pub(super) start: Duration,
}

impl Order {
    /// Counts the jobs of closed profiles that no worker has taken as left.
    pub(super) fn leave_untaken(&self) {
        for (_, state) in self.pieces.iter() {
            self.cell.tally.leave(state.untaken());
        }
    }
}

/// What a thread reports when its share of an order is done.
#[derive(Debug)]
pub(super) struct ThreadReport {
    /// CPU time it took.
    pub(super) cpu: Duration,
    /// `timerfd` or `tokio`.
    pub(super) pacer: &'static str,
    /// `direct`, `reqwest` or `memory`.
    pub(super) transport: &'static str,
}

/// A thread's report, or why it could not do its share.
pub(super) type Reported = Result<ThreadReport, EngineError>;

/// What one thread is given at its start.
pub(super) struct Thread {
    pub(super) index: u32,
    pub(super) threads: u32,
    pub(super) run: Arc<RunContext>,
    pub(super) endpoints: Arc<Vec<Endpoint>>,
    pub(super) sink: RecordSink,
}

impl Thread {
    /// Follows orders until there are no more.
    pub(super) fn run(self, orders: &mpsc::Receiver<Order>, reports: &mpsc::Sender<Reported>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                // The dispatcher is gone only if it has given the run up.
                let _ = reports.send(Err(SetupError::Runtime(error).into()));
                return;
            }
        };
        let local = LocalSet::new();
        let recorder = Rc::new(Recorder::new(self.sink.clone()));
        let mut clients = HashMap::new();
        for order in orders {
            let before = cpu_time();
            let client = self.client_of(order.cell.cell.target, &mut clients).map_err(EngineError::Setup);
            let report =
                client.and_then(|client| local.block_on(&runtime, self.follow(order, client, &recorder)));
            recorder.flush();
            let cpu = cpu_time().saturating_sub(before);
            if reports.send(report.map(|report| ThreadReport { cpu, ..report })).is_err() {
                return;
            }
        }
    }

    /// This thread's client of a target, made at its first use.
    pub(super) fn client_of(
        &self,
        target: usize,
        clients: &mut HashMap<usize, Rc<Client>>,
    ) -> Result<Rc<Client>, SetupError> {
        if let Some(client) = clients.get(&target) {
            return Ok(client.clone());
        }
        let client = Rc::new(Client::new(&self.endpoints[target], self.run.clock)?);
        clients.insert(target, client.clone());
        Ok(client)
    }

    /// Does this thread's share of an order.
    pub(super) async fn follow(&self, order: Order, client: Rc<Client>, recorder: &Rc<Recorder>) -> Reported {
        let target = order.cell.cell.target;
        let pacer = Pacer::new(self.run.clock).kind();
        let transport = client.transport();
        let context = Rc::new(ThreadContext {
            run: self.run.clone(),
            cell: order.cell.clone(),
            client,
            endpoint: self.endpoints[target].clone(),
            recorder: recorder.clone(),
        });
        let pieces = order.pieces.iter().enumerate().map(|(index, (piece, state))| {
            let (lane, lanes) = state.split.lane(self.index, self.threads);
            Rc::new(PieceRun {
                context: context.clone(),
                index,
                piece: piece.clone(),
                state: state.clone(),
                start: order.start,
                lane,
                lanes,
                halt: Rc::new(Halt::default()),
                tasks: Rc::new(TaskSet::default()),
            })
            .run()
        });
        join_all(pieces).await;
        if let Some(why) = lock(&self.run.failed).take() {
            return Err(EngineError::CannotWork(why));
        }
        Ok(ThreadReport { cpu: Duration::ZERO, pacer, transport })
    }
}

/// CPU time, user and system, of the calling thread.
fn cpu_time() -> Duration {
    #[cfg(target_os = "linux")]
    let who = UsageWho::RUSAGE_THREAD;
    #[cfg(not(target_os = "linux"))]
    let who = UsageWho::RUSAGE_SELF;
    let micros = getrusage(who).map_or(0, |usage| {
        let (user, system) = (usage.user_time(), usage.system_time());
        (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec()
    });
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
