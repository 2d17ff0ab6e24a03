//! What a strategy knows of the process that it runs in.

use super::redis::RedisClient;

/// One process of a cell.
#[derive(Debug, Clone)]
pub struct ProcessContext {
    /// Prefix of every key in Redis: no other cell of any run has it.
    pub prefix: String,
    /// Which of the strategy's processes this is, from 0.
    pub process: u32,
    /// Whether it replaces a process that died. What that one had used up is not known.
    pub successor: bool,
    /// The Redis of strategies that need one.
    pub redis: Option<RedisClient>,
}

impl Default for ProcessContext {
    fn default() -> Self {
        Self { prefix: "deadheat:".to_owned(), process: 0, successor: false, redis: None }
    }
}

impl ProcessContext {
    /// This process's share of `n` permits, threads or the like: the first processes get one more.
    pub(super) fn share(&self, n: u32, processes: u32) -> u32 {
        share(n, self.process, processes)
    }

    /// This process's share of `n` tokens. A successor has none: the process before it may have spent all.
    pub(super) fn token_share(&self, n: u64, processes: u32) -> u64 {
        let (process, processes) = (u64::from(self.process), u64::from(processes));
        if self.successor { 0 } else { n / processes + u64::from(process < n % processes) }
    }

    /// # Panics
    /// If there is no Redis: a run starts one for each strategy that needs it.
    pub(super) fn redis(&self) -> &RedisClient {
        self.redis.as_ref().expect("a Redis for a strategy that needs one")
    }
}

/// The share of `n` permits, threads or the like of one of several processes: the first ones get one more.
#[must_use]
pub fn share(n: u32, process: u32, processes: u32) -> u32 {
    n / processes + u32::from(process < n % processes)
}
