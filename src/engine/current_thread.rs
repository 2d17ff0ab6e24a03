//! Load made on the caller's own thread and runtime, in virtual time.
//!
//! Nothing runs beside it. So the paused clock jumps only when client and provider have nothing left to do,
//! and one seed gives one order of events.

use super::error::EngineError;
use super::maker::{Block, BlockMaker};
use super::recorder::Recorder;
use super::thread::{Thread, ThreadReport};
use super::worker_protocol::BlockReport;
use crate::provider::Client;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

/// How often a cell's progress is checked within the time after which it counts as stuck.
const LOOKS: u32 = 10;

/// Where a run in virtual time lives: a paused current-thread runtime, and the tasks on it.
#[derive(Debug, Clone, Copy)]
pub struct VirtualRuntime<'a> {
    /// Its clock is paused.
    pub runtime: &'a Runtime,
    /// Tasks of providers may be on it already.
    pub tasks: &'a LocalSet,
}

/// The one engine "thread" of such a run.
pub(super) struct CurrentThread<'a> {
    place: VirtualRuntime<'a>,
    thread: Thread,
    clients: HashMap<usize, Rc<Client>>,
    recorder: Rc<Recorder>,
    tick: Duration,
}

impl<'a> CurrentThread<'a> {
    pub(super) fn new(place: VirtualRuntime<'a>, thread: Thread) -> Self {
        let recorder = Rc::new(Recorder::new(thread.sink.clone()));
        let tick = (thread.run.plan.declared.progress / LOOKS).max(Duration::from_millis(1));
        Self { place, thread, clients: HashMap::new(), recorder, tick }
    }
}

impl BlockMaker for CurrentThread<'_> {
    /// Makes the block for each process that this thread stands for, at the same time.
    fn make(&mut self, block: &Block<'_>, look: &mut dyn FnMut()) -> Result<Vec<BlockReport>, EngineError> {
        let Self { place, thread, clients, recorder, tick } = self;
        let orders = block.orders;
        let looking = async {
            loop {
                tokio::time::sleep(*tick).await;
                look();
            }
        };
        let target = orders.first().map_or(0, |order| order.cell.cell.target);
        let client = thread.client_of(target, clients)?;
        let followed =
            join_all(orders.iter().map(|order| thread.follow(order.clone(), client.clone(), recorder)));
        let made = async {
            tokio::select! {
                biased;
                reports = followed => reports,
                never = looking => { let never: Infallible = never; match never {} }
            }
        };
        let reports: Vec<ThreadReport> =
            place.tasks.block_on(place.runtime, made).into_iter().collect::<Result<_, _>>()?;
        recorder.flush();
        orders.iter().for_each(super::thread::Order::leave_untaken);
        let first = reports.first();
        let (pacer, transport) = first.map_or(("", ""), |report| (report.pacer, report.transport));
        let (pacer, transport) = (pacer.to_owned(), transport.to_owned());
        Ok(vec![BlockReport { pacer, transport, ..BlockReport::default() }])
    }
}
