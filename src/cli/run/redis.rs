//! The Redis of strategies that need one: starts the run's own, reaches for the user's.

use super::Failure;
use crate::cli::output;
use crate::engine::{RedisServer, RestartRedis};
use crate::gate::Exit;
use crate::scenario::{Plan, Redis, StrategyPlan};
use crate::strategy::Surroundings;
use crate::strategy::redis::RedisClient;
use crate::sync::lock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Every Redis of a run, reachable.
pub(super) struct Servers {
    /// What every key of this run begins with.
    pub(super) prefix: String,
    own: Option<Arc<Mutex<RedisServer>>>,
    /// By the name of the strategy.
    clients: BTreeMap<&'static str, (String, RedisClient)>,
}

/// Starts the run's own Redis if a strategy wants it, and tries every other.
pub(super) fn start(plan: &Plan, started_utc_s: u64) -> Result<Servers, Failure> {
    let prefix = format!("deadheat:{started_utc_s}-{}-{}:", plan.seed, std::process::id());
    let mut servers = Servers { prefix, own: None, clients: BTreeMap::new() };
    for strategy in &plan.strategies {
        let Some(redis) = strategy.redis() else { continue };
        let url = match redis {
            Redis::Spawn => servers.spawned()?,
            Redis::Url(url) => url.clone(),
        };
        let unreachable = |error: &dyn std::fmt::Display| {
            let message =
                format!("strategy {}: {error}; is Redis running, and is its URL right?", strategy.name());
            Failure::new(Exit::Unreachable, &message)
        };
        let client = RedisClient::new(&url).map_err(|error| unreachable(&error))?;
        client.ping().map_err(|error| unreachable(&error))?;
        servers.clients.insert(strategy.name(), (url, client));
    }
    Ok(servers)
}

impl Servers {
    /// The URL of the run's own Redis, which is started by the first who asks.
    fn spawned(&mut self) -> Result<String, Failure> {
        if self.own.is_none() {
            let server = RedisServer::spawn().map_err(|error| Failure::new(Exit::Unreachable, &error))?;
            self.own = Some(Arc::new(Mutex::new(server)));
        }
        Ok(self.own.as_ref().map_or_else(String::new, |server| lock(server).url()))
    }

    /// Where a strategy of this process finds itself.
    pub(super) fn around(&self, strategy: &StrategyPlan, prefix: &str) -> Surroundings {
        let redis = self.clients.get(strategy.name()).map(|(_, client)| client.clone());
        Surroundings { prefix: prefix.to_owned(), process: 0, redis }
    }

    /// For worker processes.
    pub(super) fn urls(&self) -> BTreeMap<&'static str, String> {
        self.clients.iter().map(|(name, (url, _))| (*name, url.clone())).collect()
    }

    /// Kills the run's own Redis and starts it again, empty.
    pub(super) fn restart(&self) -> Option<RestartRedis> {
        let server = self.own.clone()?;
        Some(Arc::new(move || {
            if let Err(error) = lock(&server).restart_empty() {
                output::say(&format!("Redis was killed on purpose and does not start again: {error}"));
            }
        }))
    }

    /// Leaves nothing behind in a Redis of the user's, and ends the run's own.
    pub(super) fn stop(self) {
        for (url, client) in self.clients.values() {
            if !self.is_own(url)
                && let Err(error) = client.clear(&self.prefix)
            {
                output::say(&format!("keys under {} stay in Redis until they expire: {error}", self.prefix));
            }
        }
    }

    fn is_own(&self, url: &str) -> bool {
        self.own.as_ref().is_some_and(|server| lock(server).url() == *url)
    }
}
