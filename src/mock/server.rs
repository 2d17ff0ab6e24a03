//! The provider on a port, on threads of its own, so that it never waits for the load it answers.

use super::connection;
use super::core::{Core, CoreConfig};
use super::shared::Shared;
use crate::clock::{self, Clock};
use crate::faults::FaultRule;
use crate::history::{JobKey, LedgerEntry};
use crate::plan::{MockPlan, Plan, Target};
use crate::schedule::{Schedule, Trace};
use crate::sync::lock;
use regex::bytes::Regex;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// Most connections at once; further ones are closed at once, and counted.
const CONNECTIONS_MAX: usize = 16_384;
/// Connections that may wait to be accepted: a barrier of thousands comes at once.
const BACKLOG: i32 = 16_384;
/// Pause after a connection could not be accepted, as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Where ledger entries go.
pub enum LedgerSink {
    /// Kept in memory, up to a million, for `GET /deadheat/ledger`.
    Keep,
    /// Handed to this function as attempts end, on the server's threads: it must not wait.
    To(Box<dyn Fn(LedgerEntry) + Send + Sync>),
}

impl fmt::Debug for LedgerSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "Keep",
            Self::To(_) => "To(..)",
        })
    }
}

/// Judges a ledger for `GET /deadheat/verdicts`: the entries and what the query declares; whether nothing is
/// broken, and the verdicts as JSON, or what is wrong with the query.
pub type Judge = Box<dyn Fn(Vec<LedgerEntry>, &str) -> Result<(bool, String), String> + Send + Sync>;

/// What a [`Server`] is made of.
#[derive(Debug)]
pub struct MockConfig {
    /// The target's name in the ledger.
    pub name: String,
    /// How it behaves.
    pub plan: MockPlan,
    /// What `GET /v1/models` lists; answers echo the model that was asked for.
    pub model: String,
    /// What it does wrong, first match first.
    pub faults: Vec<FaultRule>,
    /// Which answers it holds back.
    pub schedule: Option<Schedule>,
    /// Seeds latencies, nonces and faults.
    pub seed: u64,
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Its threads, at least 1.
    pub threads: u32,
    /// Where ledger entries go.
    pub ledger: LedgerSink,
}

impl MockConfig {
    /// A provider on a free loopback port with one thread, without faults, that keeps its ledger.
    #[must_use]
    pub fn new(name: impl Into<String>, plan: MockPlan) -> Self {
        Self {
            name: name.into(),
            plan,
            model: "mock-1".to_owned(),
            faults: Vec::new(),
            schedule: None,
            seed: 1,
            bind: Self::loopback(),
            threads: 1,
            ledger: LedgerSink::Keep,
        }
    }

    /// The provider of a plan's target, with the plan's faults and seed; `None` if the target is not built
    /// in.
    #[must_use]
    pub fn of(plan: &Plan, target: &Target) -> Option<Self> {
        let config = Self::new(&target.name, target.built_in()?.clone());
        Some(Self { model: target.model.clone(), faults: plan.faults.clone(), seed: plan.seed, ..config })
    }

    /// What its core needs; the run's epoch is so many seconds since 1970.
    #[must_use]
    pub fn core(&self, epoch_utc_s: u64) -> CoreConfig {
        CoreConfig {
            name: self.name.clone(),
            plan: self.plan.clone(),
            faults: self.faults.clone(),
            seed: self.seed,
            epoch_utc_s,
            schedule: self.schedule.clone(),
        }
    }

    /// The address that is bound unless another is asked for: a free port on loopback.
    #[must_use]
    pub fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }
}

/// The built-in provider, serving.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// `true` ends the threads.
    over: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// How long [`Self::stop`] waits for open attempts.
    pub const DRAIN: Duration = Duration::from_secs(5);

    /// Binds, and serves on threads of its own until it is stopped or dropped.
    ///
    /// # Errors
    /// If the address cannot be bound, or a thread cannot be made.
    pub fn start(config: MockConfig, clock: Clock) -> io::Result<Self> {
        Self::start_with(config, |_| {}, clock)
    }

    /// As [`Self::start`]; it can say what its ledger is worth, if it keeps one.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_judging(config: MockConfig, judge: Judge, clock: Clock) -> io::Result<Self> {
        Self::start_with(config, |shared| shared.judge = Some(judge), clock)
    }

    /// As [`Self::start`]; whose request it is that has neither header nor tag, `job_key` finds in its body.
    /// It remembers how requests begin that nothing but their text names.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_keyed(config: MockConfig, job_key: Option<Regex>, clock: Clock) -> io::Result<Self> {
        let keep = |shared: &mut Shared| {
            shared.job_key = job_key;
            shared.excerpts = Some(Mutex::default());
        };
        Self::start_with(config, keep, clock)
    }

    fn start_with(config: MockConfig, set: impl FnOnce(&mut Shared), clock: Clock) -> io::Result<Self> {
        let epoch_utc_s = clock::utc_now_s().saturating_sub(clock.now().as_secs());
        let core = Core::new(config.core(epoch_utc_s));
        let listener = listen(config.bind)?;
        let address = listener.local_addr()?;
        let mut shared = Shared::new(core, config.model, epoch_utc_s, config.ledger, clock);
        set(&mut shared);
        let shared = Arc::new(shared);
        let (over, stop) = watch::channel(false);
        let mut server = Self { shared, address, over, threads: Vec::new() };
        let mut handles = Vec::new();
        for number in 0..config.threads.max(1) {
            let (sender, connections) = mpsc::unbounded_channel();
            handles.push(sender);
            server.spawn(
                &format!("mock-{number}"),
                stop.clone(),
                take(Arc::clone(&server.shared), connections),
            )?;
        }
        let accept = accept(Arc::clone(&server.shared), listener, handles);
        server.spawn("mock-accept", stop, accept)?;
        Ok(server)
    }

    /// Runs `work` on a thread with a runtime of its own, until it is over.
    fn spawn(
        &mut self,
        name: &str,
        mut stop: watch::Receiver<bool>,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = work => {}
                    _ = stop.wait_for(|over| *over) => {}
                }
            });
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client takes for its base URL: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Counts as of now.
    #[must_use]
    pub fn stats(&self) -> super::Stats {
        self.shared.with_core(|core| core.stats())
    }

    /// Methods and paths that were asked for and are not served: the first few.
    #[must_use]
    pub fn unserved(&self) -> BTreeSet<String> {
        lock(&self.shared.doors.unserved).clone()
    }

    /// How requests begin that nothing but their text names; empty unless it was started to remember.
    #[must_use]
    pub fn excerpts(&self) -> HashMap<JobKey, String> {
        self.shared.excerpts.as_ref().map(|excerpts| lock(excerpts).clone()).unwrap_or_default()
    }

    /// The ledger that it keeps; requests that are still being answered are waited for, up to `bound`. Empty
    /// if its entries go elsewhere.
    #[must_use]
    pub fn ledger(&self, bound: Duration) -> Vec<LedgerEntry> {
        self.shared.wait_idle(bound);
        self.shared.store.as_ref().map(|store| lock(store).entries()).unwrap_or_default()
    }

    /// Answers by this schedule from now on; what another one holds back leaves.
    pub fn set_schedule(&self, schedule: Option<Schedule>) {
        self.shared.set_schedule(schedule);
    }

    /// What the gate of its schedule saw so far.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.shared.with_core(|core| core.trace())
    }

    /// Lets go what its schedule holds, and holds nothing any more. Does not wait for it to stop.
    pub fn open_gate(&self) {
        self.shared.open_gate();
    }

    /// Waits for open attempts, up to five seconds, then closes the ledger over those that are left (as
    /// `open`) and ends the threads.
    pub fn stop(self) {
        self.stop_within(Self::DRAIN);
    }

    /// As [`Self::stop`], but waits up to `bound`.
    pub fn stop_within(mut self, bound: Duration) {
        self.shared.wait_idle(bound);
        self.end();
    }

    /// As [`Self::stop_within`]; what its gate saw and its counts, to the very last.
    #[must_use]
    pub fn finish(mut self, bound: Duration) -> (Trace, super::Stats) {
        self.shared.wait_idle(bound);
        self.end();
        self.shared.with_core(|core| (core.trace(), core.stats()))
    }

    fn end(&mut self) {
        self.shared.close();
        // A runtime that ends drops its connections, and with them the attempts that are still open.
        let _ = self.over.send(true);
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on stderr; the others still have to be joined.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn listen(bind: SocketAddr) -> io::Result<std::net::TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(bind), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&bind.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections, gives them to the threads in turn, and lets the core's time pass.
async fn accept(
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
    threads: Vec<mpsc::UnboundedSender<TcpStream>>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    tokio::spawn(keep_time(Arc::clone(&shared)));
    for thread in threads.iter().cycle() {
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        };
        let connections = &shared.doors.connections;
        if connections.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
            shared.doors.connections_refused.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let ready = stream.set_nodelay(true).and_then(|()| stream.into_std());
        let Ok(stream) = ready else { continue };
        connections.fetch_add(1, Ordering::Relaxed);
        if thread.send(stream).is_err() {
            return;
        }
    }
}

/// Serves the connections that are given to this thread.
async fn take(shared: Arc<Shared>, mut connections: mpsc::UnboundedReceiver<TcpStream>) {
    while let Some(stream) = connections.recv().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            connection::serve(Arc::clone(&shared), stream).await;
            shared.doors.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Ends generations whose client has left in time for those that wait for their places.
pub(super) async fn keep_time(shared: Arc<Shared>) {
    loop {
        match shared.advance() {
            None => shared.turn.notified().await,
            Some(until) => {
                let until = tokio::time::Instant::from_std(shared.clock.at(until));
                tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(until) => {}
                    () = shared.turn.notified() => {}
                }
            }
        }
    }
}
