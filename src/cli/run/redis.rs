//! The Redis of strategies that need one: starts the run's own, reaches for the user's.

use super::Failure;
use crate::cli::output;
use crate::engine::{CellRedis, RedisServer, RestartRedis};
use crate::plan::{Cell, Plan, Redis};
use crate::strategy::Surroundings;
use crate::strategy::redis::RedisClient;
use crate::summary::Exit;
use crate::sync::lock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Every Redis of a run, reachable.
pub(super) struct Servers {
    /// What every key of this run begins with.
    pub(super) prefix: String,
    /// The run's own that is never restarted, for all cells that do not ask for that.
    quiet: Option<RedisServer>,
    /// By the cell's position in the run.
    cells: BTreeMap<u16, Seated>,
}

/// One cell's Redis.
struct Seated {
    redis: CellRedis,
    client: RedisClient,
    /// Whether it is the user's, in which nothing may be left behind.
    foreign: bool,
}

/// Starts the run's own Redis if a strategy wants it, and tries every other.
///
/// A cell whose Redis is to be restarted has one of its own (25 ms and 12 MB each), so that the others, which it
/// is compared with, lose nothing.
pub(super) fn start(plan: &Plan, started_utc_s: u64) -> Result<Servers, Failure> {
    let prefix = format!("deadheat:{started_utc_s}-{}-{}:", plan.seed, std::process::id());
    let mut servers = Servers { prefix, quiet: None, cells: BTreeMap::new() };
    for cell in plan.cells() {
        let strategy = &plan.strategies[cell.strategy];
        let Some(redis) = strategy.redis() else { continue };
        let (redis, foreign) = match redis {
            Redis::Spawn if plan.restarts_redis(strategy) => (own()?, false),
            Redis::Spawn => (CellRedis { url: servers.quiet()?, restart: None }, false),
            Redis::Url(url) => (CellRedis { url: url.expose().to_owned(), restart: None }, true),
        };
        let unreachable = |error: &dyn std::fmt::Display| {
            let message =
                format!("strategy {}: {error}; is Redis running, and is its URL right?", strategy.name());
            Failure::new(Exit::Unreachable, &message)
        };
        let client = RedisClient::new(&redis.url).map_err(|error| unreachable(&error))?;
        client.ping().map_err(|error| unreachable(&error))?;
        servers.cells.insert(cell.index, Seated { redis, client, foreign });
    }
    Ok(servers)
}

/// A server for one cell alone.
fn own() -> Result<CellRedis, Failure> {
    let server = spawn()?;
    let url = server.url();
    let server = Mutex::new(server);
    let restart: RestartRedis = Arc::new(move || {
        if let Err(error) = lock(&server).restart_empty() {
            output::say(&format!("Redis was killed on purpose and does not start again: {error}"));
        }
    });
    Ok(CellRedis { url, restart: Some(restart) })
}

fn spawn() -> Result<RedisServer, Failure> {
    RedisServer::spawn().map_err(|error| Failure::new(Exit::Unreachable, &error))
}

impl Servers {
    /// The URL of the server that is never restarted, which is started by the first who asks.
    fn quiet(&mut self) -> Result<String, Failure> {
        let server = match self.quiet.take() {
            Some(server) => server,
            None => spawn()?,
        };
        Ok(self.quiet.insert(server).url())
    }

    /// Where a cell's strategy, in this process, finds itself.
    pub(super) fn around(&self, cell: Cell, prefix: &str) -> Surroundings {
        let redis = self.cells.get(&cell.index).map(|seated| seated.client.clone());
        Surroundings { prefix: prefix.to_owned(), process: 0, successor: false, redis }
    }

    /// For worker processes, and for what goes wrong around them.
    pub(super) fn cells(&self) -> BTreeMap<u16, CellRedis> {
        self.cells.iter().map(|(index, seated)| (*index, seated.redis.clone())).collect()
    }

    /// Leaves nothing behind in a Redis of the user's, and ends the run's own.
    pub(super) fn stop(self) {
        let foreign = self.cells.values().filter(|seated| seated.foreign);
        let each: BTreeMap<_, _> =
            foreign.map(|seated| (seated.redis.url.as_str(), &seated.client)).collect();
        for client in each.values() {
            if let Err(error) = client.clear(&self.prefix) {
                output::say(&format!("keys under {} stay in Redis until they expire: {error}", self.prefix));
            }
        }
    }
}
