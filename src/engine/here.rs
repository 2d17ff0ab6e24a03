//! Load made on the caller's own thread and runtime: how a run lives in virtual time.
//!
//! Nothing runs beside it, so that the paused clock jumps only when both client and provider have nothing left to
//! do, and one seed gives one order of events.

use super::cell::Shared;
use super::dispatch::EngineError;
use super::recorder::Recorder;
use super::thread::{Order, Share, Thread};
use super::wire::Shares;
use crate::provider::Client;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

/// How often a cell's progress is looked at while it may be stuck, per the time that it may take.
const LOOKS: u32 = 10;

/// Where a run in virtual time lives: a paused current-thread runtime, and the tasks on it.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    /// Its clock is paused.
    pub runtime: &'a Runtime,
    /// Tasks of providers may be on it already.
    pub tasks: &'a LocalSet,
}

/// The one engine "thread" of such a run.
pub(super) struct Here<'a> {
    stage: Stage<'a>,
    thread: Thread,
    clients: HashMap<usize, Rc<Client>>,
    recorder: Rc<Recorder>,
    tick: Duration,
}

impl<'a> Here<'a> {
    pub(super) fn new(stage: Stage<'a>, thread: Thread, shared: &Arc<Shared>) -> Self {
        let recorder = Rc::new(Recorder::new(thread.outlet.clone()));
        let tick = (shared.plan.declared.progress / LOOKS).max(Duration::from_millis(1));
        Self { stage, thread, clients: HashMap::new(), recorder, tick }
    }

    /// Makes one block of one cell, for each of its processes at once. `look` is called now and then until it is
    /// done.
    pub(super) fn make(&mut self, orders: &[Order], look: &mut dyn FnMut()) -> Result<Shares, EngineError> {
        let Self { stage, thread, clients, recorder, tick } = self;
        let looking = async {
            loop {
                tokio::time::sleep(*tick).await;
                look();
            }
        };
        let target = orders.first().map_or(0, |order| order.cell.cell.target);
        let client = thread.client_of(target, clients)?;
        let obeyed =
            join_all(orders.iter().map(|order| thread.obey(order.clone(), client.clone(), recorder)));
        let made = async {
            tokio::select! {
                biased;
                shares = obeyed => shares,
                never = looking => { let never: Infallible = never; match never {} }
            }
        };
        let shares: Vec<Share> =
            stage.tasks.block_on(stage.runtime, made).into_iter().collect::<Result<_, _>>()?;
        recorder.flush();
        for order in orders {
            for (_, state) in order.pieces.iter() {
                order.cell.tally.leave(state.untaken());
            }
        }
        let (pacer, transport) = shares.first().map_or(("", ""), |share| (share.pacer, share.transport));
        Ok(Shares { pacer: pacer.to_owned(), transport: transport.to_owned(), ..Shares::default() })
    }
}
