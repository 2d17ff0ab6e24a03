//! Totals that processes count together.

use super::client::RedisClient;
use super::error::RedisError;
use redis::Script;
use std::sync::Arc;

/// How long totals are kept after the last booking: longer than any run.
const TTL_MS: u64 = 7 * 24 * 3600 * 1000;
pub(super) const REQUESTS: &str = "requests";
pub(super) const PROMPT: &str = "prompt_tokens";
pub(super) const COMPLETION: &str = "completion_tokens";

/// Books once: a second booking with the same id is none.
pub(super) const ADD_ONCE: &str = r"
if not redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[1]) then
  return 0
end
redis.call('HINCRBY', KEYS[1], 'requests', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'prompt_tokens', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'completion_tokens', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
";

/// Requests and tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests.
    pub requests: u64,
    /// Prompt tokens.
    pub prompt_tokens: u64,
    /// Completion tokens.
    pub completion_tokens: u64,
}

/// Totals on a Redis server, each booking in one step.
#[derive(Debug, Clone)]
pub struct Counters {
    client: RedisClient,
    prefix: String,
    add_once: Arc<Script>,
}

impl Counters {
    /// Totals whose keys begin with `prefix`.
    #[must_use]
    pub fn new(client: RedisClient, prefix: impl Into<String>) -> Self {
        Self { client, prefix: prefix.into(), add_once: Arc::new(Script::new(ADD_ONCE)) }
    }

    /// Adds to the totals. To be repeated only if it certainly was not done, or it may count twice.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn add(&self, requests: u64, prompt: u64, completion: u64) -> Result<(), RedisError> {
        let key = self.key();
        let mut pipe = redis::pipe();
        pipe.atomic();
        for (field, more) in [(REQUESTS, requests), (PROMPT, prompt), (COMPLETION, completion)] {
            pipe.cmd("HINCRBY").arg(&key).arg(field).arg(more).ignore();
        }
        pipe.cmd("PEXPIRE").arg(&key).arg(TTL_MS).ignore();
        self.client.ask(async |connection| pipe.query_async(connection).await).await
    }

    /// Adds to the totals unless a booking with this `id` was made before, so that it may be repeated until
    /// an answer comes; `false` if it had been made.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn add_once(&self, id: &str, counts: Counts) -> Result<bool, RedisError> {
        let mut script = self.add_once.key(self.key());
        script.key(format!("{}booked:{id}", self.prefix)).arg(TTL_MS);
        script.arg(counts.requests).arg(counts.prompt_tokens).arg(counts.completion_tokens);
        self.client.ask(async |connection| script.invoke_async(connection).await).await
    }

    /// The totals as they are now. Blocks.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub fn read(&self) -> Result<Counts, RedisError> {
        let mut get = redis::cmd("HMGET");
        get.arg(self.key()).arg(&[REQUESTS, PROMPT, COMPLETION]);
        let (requests, prompt, completion): (Option<u64>, Option<u64>, Option<u64>) =
            self.client.block(|connection| get.query(connection))?;
        Ok(Counts {
            requests: requests.unwrap_or(0),
            prompt_tokens: prompt.unwrap_or(0),
            completion_tokens: completion.unwrap_or(0),
        })
    }

    /// Deletes the totals and everything else under the prefix. Blocks.
    ///
    /// # Errors
    /// Why the server did not; the keys expire by themselves then.
    pub fn clear(&self) -> Result<(), RedisError> {
        self.client.clear(&self.prefix)
    }

    fn key(&self) -> String {
        format!("{}totals", self.prefix)
    }
}
