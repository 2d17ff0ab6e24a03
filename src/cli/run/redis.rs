//! The Redis of strategies that need one: starts private servers, and connects to the user's.

use super::Failure;
use crate::cli::output;
use crate::engine::{CellRedis, RedisServer, RestartRedis};
use crate::plan::{Cell, Plan};
use crate::strategy::redis::RedisClient;
use crate::strategy::{ProcessContext, Redis};
use crate::summary::Exit;
use crate::sync::lock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Every Redis of a run; all can be reached.
pub(super) struct Servers {
    /// What every key of this run begins with.
    pub(super) prefix: String,
    /// The private server that is never restarted, for all cells that need no restart.
    shared: Option<RedisServer>,
    /// By the cell's position in the run.
    cells: BTreeMap<u16, CellClient>,
}

/// One cell's Redis.
struct CellClient {
    redis: CellRedis,
    client: RedisClient,
    /// Whether it is the user's, where no key may be left behind.
    foreign: bool,
}

/// Starts a private Redis if a strategy needs it, and pings every other.
///
/// A cell whose Redis is to be restarted has a server of its own (25 ms and 12 MB each), so that the cells it
/// is compared with lose nothing.
pub(super) fn start(plan: &Plan, started_utc_s: u64) -> Result<Servers, Failure> {
    let prefix = format!("deadheat:{started_utc_s}-{}-{}:", plan.seed, std::process::id());
    let mut servers = Servers { prefix, shared: None, cells: BTreeMap::new() };
    for cell in plan.cells() {
        let strategy = &plan.strategies[cell.strategy];
        let Some(redis) = strategy.redis() else { continue };
        let (redis, foreign) = match redis {
            Redis::Spawn if plan.restarts_redis(strategy) => (own()?, false),
            Redis::Spawn => (CellRedis { url: servers.shared()?, restart: None }, false),
            Redis::Url(url) => (CellRedis { url: url.expose().to_owned(), restart: None }, true),
        };
        let unreachable = |error: &dyn std::fmt::Display| {
            let message =
                format!("strategy {}: {error}; is Redis running, and is its URL right?", strategy.name());
            Failure::new(Exit::Unreachable, &message)
        };
        let client = RedisClient::new(&redis.url).map_err(|error| unreachable(&error))?;
        client.ping().map_err(|error| unreachable(&error))?;
        servers.cells.insert(cell.index, CellClient { redis, client, foreign });
    }
    Ok(servers)
}

/// A private server for one cell.
fn own() -> Result<CellRedis, Failure> {
    let server = spawn()?;
    let url = server.url();
    let server = Mutex::new(server);
    let restart: RestartRedis = Arc::new(move || {
        if let Err(error) = lock(&server).restart_empty() {
            output::say(&format!("cannot start Redis again after it was killed on purpose: {error}"));
        }
    });
    Ok(CellRedis { url, restart: Some(restart) })
}

fn spawn() -> Result<RedisServer, Failure> {
    RedisServer::spawn().map_err(|error| Failure::new(Exit::Unreachable, &error))
}

impl Servers {
    /// The URL of the server that is never restarted, which is started at the first call.
    fn shared(&mut self) -> Result<String, Failure> {
        let server = match self.shared.take() {
            Some(server) => server,
            None => spawn()?,
        };
        Ok(self.shared.insert(server).url())
    }

    /// What a cell's strategy knows of this process.
    pub(super) fn process(&self, cell: Cell, prefix: &str) -> ProcessContext {
        let redis = self.cells.get(&cell.index).map(|cell| cell.client.clone());
        ProcessContext { prefix: prefix.to_owned(), process: 0, successor: false, redis }
    }

    /// For worker processes, and for the faults around them.
    pub(super) fn cells(&self) -> BTreeMap<u16, CellRedis> {
        self.cells.iter().map(|(index, cell)| (*index, cell.redis.clone())).collect()
    }

    /// Deletes the run's keys from the user's Redis, and ends the private servers.
    pub(super) fn stop(self) {
        let foreign = self.cells.values().filter(|cell| cell.foreign);
        let each: BTreeMap<_, _> = foreign.map(|cell| (cell.redis.url.as_str(), &cell.client)).collect();
        for client in each.values() {
            if let Err(error) = client.clear(&self.prefix) {
                output::say(&format!(
                    "cannot delete the keys under {} from Redis, where they stay until they expire: {error}",
                    self.prefix
                ));
            }
        }
    }
}
