//! Totals that processes count together.

use super::client::RedisClient;
use super::error::RedisError;
use crate::strategy::OwnCounts;
use redis::Script;
use std::sync::Arc;

/// How long totals are kept after the last booking: longer than any run.
const TTL_MS: u64 = 7 * 24 * 3600 * 1000;
const REQUESTS: &str = "requests";
pub(super) const PROMPT: &str = "prompt_tokens";
pub(super) const COMPLETION: &str = "completion_tokens";

/// Opens the account, once: the server's time in microseconds then. A server that has lost its memory has
/// lost it too.
pub(super) const OPEN: &str = r"
if redis.call('HEXISTS', KEYS[1], 'since') == 0 then
  local now = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'since', now[1] .. string.format('%06d', now[2]))
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return redis.call('HGET', KEYS[1], 'since')
";

/// Counts a request that is about to be sent; a second word of it counts nothing.
pub(super) const BEGIN: &str = r"
if not redis.call('SET', KEYS[2], 'begun', 'NX', 'PX', ARGV[1]) then
  return 0
end
redis.call('HINCRBY', KEYS[1], 'requests', 1)
redis.call('HINCRBY', KEYS[1], 'unsettled', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
";

/// Adds what a request has cost, once; counts a request that was not counted before. Tokens come first: Redis
/// refuses a sum beyond 64 bits, and then the request stays unsettled.
pub(super) const SETTLE: &str = r"
local state = redis.call('GET', KEYS[2])
if state == 'settled' then
  return 0
end
redis.call('HINCRBY', KEYS[1], 'prompt_tokens', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'completion_tokens', ARGV[3])
redis.call('SET', KEYS[2], 'settled', 'PX', ARGV[1])
if state then
  redis.call('HINCRBY', KEYS[1], 'unsettled', -1)
else
  redis.call('HINCRBY', KEYS[1], 'requests', 1)
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
";

/// Takes a request back that was not sent; one that is settled was.
pub(super) const WITHDRAW: &str = r"
if redis.call('GET', KEYS[2]) ~= 'begun' then
  return 0
end
redis.call('DEL', KEYS[2])
redis.call('HINCRBY', KEYS[1], 'requests', -1)
redis.call('HINCRBY', KEYS[1], 'unsettled', -1)
return 1
";

/// An account as it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountState {
    /// The totals.
    pub counts: OwnCounts,
    /// Requests among them of which it was not said what they cost.
    pub unsettled: u64,
    /// When the account was opened, in microseconds by the server's clock; `None` if it was not, or is
    /// forgotten.
    pub since_us: Option<u64>,
}

/// Totals on a Redis server, each booking in one step, under an id that is the request's own: so a step may
/// be repeated until an answer comes.
#[derive(Debug, Clone)]
pub struct Counters {
    client: RedisClient,
    prefix: String,
    scripts: Arc<Scripts>,
}

#[derive(Debug)]
struct Scripts {
    open: Script,
    begin: Script,
    settle: Script,
    withdraw: Script,
}

impl Counters {
    /// Totals whose keys begin with `prefix`.
    #[must_use]
    pub fn new(client: RedisClient, prefix: impl Into<String>) -> Self {
        let [open, begin, settle, withdraw] = [OPEN, BEGIN, SETTLE, WITHDRAW].map(Script::new);
        let scripts = Arc::new(Scripts { open, begin, settle, withdraw });
        Self { client, prefix: prefix.into(), scripts }
    }

    /// Opens the account if it is not open; [`AccountState::since_us`] of it. Blocks.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub fn open(&self) -> Result<u64, RedisError> {
        let mut script = self.scripts.open.key(self.key());
        script.arg(TTL_MS);
        self.client.block(|connection| script.invoke(connection))
    }

    /// Counts the request with this `id`, which is about to be sent; `false` if it was counted before.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn begin(&self, id: &str) -> Result<bool, RedisError> {
        let mut script = self.scripts.begin.key(self.key());
        script.key(self.booking(id)).arg(TTL_MS);
        self.client.ask(async |connection| script.invoke_async(connection).await).await
    }

    /// Adds what the request with this `id` has cost; `false` if that was added before.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn settle(&self, id: &str, prompt: u64, completion: u64) -> Result<bool, RedisError> {
        let mut script = self.scripts.settle.key(self.key());
        script.key(self.booking(id)).arg(TTL_MS).arg(prompt).arg(completion);
        self.client.ask(async |connection| script.invoke_async(connection).await).await
    }

    /// Takes back a request that was not sent; `false` if there is none to take back.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn withdraw(&self, id: &str) -> Result<bool, RedisError> {
        let mut script = self.scripts.withdraw.key(self.key());
        script.key(self.booking(id));
        self.client.ask(async |connection| script.invoke_async(connection).await).await
    }

    /// The account as it stands now. Blocks.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub fn read(&self) -> Result<AccountState, RedisError> {
        type Fields = (Option<u64>, Option<u64>, Option<u64>, Option<u64>, Option<u64>);
        let mut get = redis::cmd("HMGET");
        get.arg(self.key()).arg(&[REQUESTS, PROMPT, COMPLETION, "unsettled", "since"]);
        let (requests, prompt, completion, unsettled, since_us): Fields =
            self.client.block(|connection| get.query(connection))?;
        let counts = OwnCounts {
            requests: requests.unwrap_or(0),
            prompt_tokens: prompt.unwrap_or(0),
            completion_tokens: completion.unwrap_or(0),
        };
        Ok(AccountState { counts, unsettled: unsettled.unwrap_or(0), since_us })
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

    fn booking(&self, id: &str) -> String {
        format!("{}booked:{id}", self.prefix)
    }
}
