//! The engine threads of one process.

use super::error::EngineError;
use super::maker::{Block, BlockMaker};
use super::recorder::RecordSink;
use super::run_context::RunContext;
use super::thread::{Order, Reported, Thread, ThreadReport};
use super::worker_protocol::BlockReport;
use crate::clock::ns;
use crate::provider::Endpoint;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often other things are checked while the threads work.
pub(super) const WATCH: Duration = Duration::from_millis(50);

/// The engine threads of this process.
pub(super) struct Threads {
    orders: Vec<mpsc::Sender<Order>>,
    reports: mpsc::Receiver<Reported>,
    handles: Vec<JoinHandle<()>>,
}

impl BlockMaker for Threads {
    /// The threads are one process, which has one order.
    fn make(&mut self, block: &Block<'_>, look: &mut dyn FnMut()) -> Result<Vec<BlockReport>, EngineError> {
        block.orders.iter().map(|order| self.follow(order, look)).collect()
    }
}

impl Threads {
    pub(super) fn start(
        threads: u32,
        run: &Arc<RunContext>,
        endpoints: &Arc<Vec<Endpoint>>,
        sink: &RecordSink,
    ) -> Result<Self, EngineError> {
        let threads = threads.max(1);
        let (report, reports) = mpsc::channel();
        let (mut orders, mut handles) = (Vec::new(), Vec::new());
        for index in 0..threads {
            let (order, receiver) = mpsc::channel();
            let (run, endpoints, sink) = (run.clone(), endpoints.clone(), sink.clone());
            let thread = Thread { index, threads, run, endpoints, sink };
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

    /// Follows an order on all threads. `look` is called now and then until they are done.
    pub(super) fn follow(&self, order: &Order, look: &mut dyn FnMut()) -> Result<BlockReport, EngineError> {
        for thread in &self.orders {
            thread.send(order.clone()).map_err(|_| EngineError::ThreadLost)?;
        }
        let mut block = BlockReport::default();
        for _ in &self.orders {
            let ThreadReport { cpu, pacer, transport } = self.await_report(look)??;
            pacer.clone_into(&mut block.pacer);
            transport.clone_into(&mut block.transport);
            block.cpu_ns += ns(cpu);
            block.cpu_busiest_ns = block.cpu_busiest_ns.max(ns(cpu));
        }
        order.leave_untaken();
        Ok(block)
    }

    fn await_report(&self, look: &mut dyn FnMut()) -> Result<Reported, EngineError> {
        loop {
            match self.reports.recv_timeout(WATCH) {
                Ok(report) => return Ok(report),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(EngineError::ThreadLost),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            // While there are orders a thread ends only by a panic; then the other reports do not matter.
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
