//! The engine threads of one process, as whoever gives the orders sees them.

use super::cell::Shared;
use super::dispatch::EngineError;
use super::recorder::Outlet;
use super::thread::{Order, Report, Share, Thread};
use super::wire::Shares;
use crate::clock::ns;
use crate::provider::Endpoint;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often whoever waits for the threads looks at other things.
pub(super) const WATCH: Duration = Duration::from_millis(50);

/// The engine threads of this process.
pub(super) struct Threads {
    orders: Vec<mpsc::Sender<Order>>,
    reports: mpsc::Receiver<Report>,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(super) fn start(
        threads: u32,
        shared: &Arc<Shared>,
        endpoints: &Arc<Vec<Endpoint>>,
        outlet: &Outlet,
    ) -> Result<Self, EngineError> {
        let threads = threads.max(1);
        let (report, reports) = mpsc::channel();
        let (mut orders, mut handles) = (Vec::new(), Vec::new());
        for index in 0..threads {
            let (order, receiver) = mpsc::channel();
            let thread = Thread {
                index,
                threads,
                shared: shared.clone(),
                endpoints: endpoints.clone(),
                outlet: outlet.clone(),
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

    /// Makes one block of one cell on all threads. `look` is called now and then until they are done.
    pub(super) fn make(&self, order: &Order, look: &mut dyn FnMut()) -> Result<Shares, EngineError> {
        for thread in &self.orders {
            thread.send(order.clone()).map_err(|_| EngineError::ThreadLost)?;
        }
        let mut shares = Shares::default();
        for _ in &self.orders {
            let Share { cpu, pacer, transport } = self.await_report(look)??;
            pacer.clone_into(&mut shares.pacer);
            transport.clone_into(&mut shares.transport);
            shares.cpu_ns += ns(cpu);
            shares.cpu_busiest_ns = shares.cpu_busiest_ns.max(ns(cpu));
        }
        for (_, state) in order.pieces.iter() {
            order.cell.tally.leave(state.untaken());
        }
        Ok(shares)
    }

    fn await_report(&self, look: &mut dyn FnMut()) -> Result<Report, EngineError> {
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
            look();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dead_thread_among_living_ones_ends_the_wait() {
        let (_living, reports) = mpsc::channel();
        let dead = std::thread::spawn(|| {});
        let threads = Threads { orders: Vec::new(), reports, handles: vec![dead] };
        assert!(matches!(threads.await_report(&mut || {}), Err(EngineError::ThreadLost)));
    }
}
