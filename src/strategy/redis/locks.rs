//! Locks with an owner, a time to live and a fencing token.

use super::client::RedisClient;
use super::error::{RedisError, RedisErrorKind};
use redis::Script;
use std::sync::Arc;
use std::time::Duration;

/// How long a fencing counter is kept after its last use: longer than any run.
const COUNTER_TTL_MS: u64 = 7 * 24 * 3600 * 1000;

/// Takes the lock if it is free, and draws the next fencing token in the same step.
///
/// A counter that is not there (first use, or a server that was restarted empty) begins at the server's time
/// in microseconds: no counter that began earlier and grew by one per acquisition can have got there, as no
/// server grants a million locks a second for long. So tokens grow over restarts as long as the server's
/// clock is not set back. They stay below 2^53, which is what Lua can count exactly, until the year 2255.
pub(super) const ACQUIRE: &str = r"
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return false
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  local now = redis.call('TIME')
  redis.call('SET', KEYS[2], now[1] .. string.format('%06d', now[2]))
end
local token = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return token
";

/// Extends the lock if it is still the owner's.
pub(super) const RENEW: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
";

/// Deletes the lock if it is still the owner's.
pub(super) const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
";

/// What came of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// The lock was the owner's, and is free now.
    Yes,
    /// The owner had lost it before: its time was up, or the server was restarted. Its holder keeps it.
    NotOwner,
}

/// Locks on a Redis server.
///
/// A step that ends [unknown](super::RedisErrorKind::Unknown) may have been done. After such an acquisition
/// the lock may be held by the owner that asked for it: release it by that owner, or wait until its time is
/// up, and ask again as another owner. After such a renewal the holder must take the lock for lost.
#[derive(Debug, Clone)]
pub struct Locks {
    client: RedisClient,
    prefix: String,
    scripts: Arc<Scripts>,
}

#[derive(Debug)]
struct Scripts {
    acquire: Script,
    renew: Script,
    release: Script,
}

impl Locks {
    /// Locks whose keys begin with `prefix`.
    #[must_use]
    pub fn new(client: RedisClient, prefix: impl Into<String>) -> Self {
        let scripts = Scripts {
            acquire: Script::new(ACQUIRE),
            renew: Script::new(RENEW),
            release: Script::new(RELEASE),
        };
        Self { client, prefix: prefix.into(), scripts: Arc::new(scripts) }
    }

    /// An owner for one acquisition: 128 random bits.
    #[must_use]
    pub fn owner_token(&self) -> String {
        self.client.owner_token()
    }

    /// Takes `lock` for `ttl` (whole milliseconds, one at the least): the fencing token, above all that came
    /// before, or `None` if it is held, be it by this owner.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn acquire(&self, lock: &str, owner: &str, ttl: Duration) -> Result<Option<u64>, RedisError> {
        let mut script = self.scripts.acquire.key(self.key(lock));
        script.key(format!("{}fence:{lock}", self.prefix)).arg(owner).arg(ms(ttl)).arg(COUNTER_TTL_MS);
        self.client.ask(async |connection| script.invoke_async(connection).await).await
    }

    /// Lets `lock` last for `ttl` from now; `false` if `owner` does not hold it any more.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn renew(&self, lock: &str, owner: &str, ttl: Duration) -> Result<bool, RedisError> {
        let mut script = self.scripts.renew.key(self.key(lock));
        script.arg(owner).arg(ms(ttl));
        self.client.ask(async |connection| script.invoke_async(connection).await).await
    }

    /// Gives `lock` back if `owner` still holds it.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn release(&self, lock: &str, owner: &str) -> Result<Released, RedisError> {
        let mut script = self.scripts.release.key(self.key(lock));
        script.arg(owner);
        let deleted: bool = self.client.ask(async |connection| script.invoke_async(connection).await).await?;
        Ok(if deleted { Released::Yes } else { Released::NotOwner })
    }

    /// Deletes `lock`, held by its owner or not: the release of a client with a bug, and the end of a lock's
    /// time.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn release_unchecked(&self, lock: &str) -> Result<(), RedisError> {
        let mut delete = redis::cmd("DEL");
        delete.arg(self.key(lock));
        self.client.ask(async |connection| delete.query_async(connection).await).await
    }

    /// Like [`release`](Self::release), but the answer is lost on its way: what is told is only that Redis
    /// was asked. The caller must take the lock for neither held nor free.
    ///
    /// # Errors
    /// If Redis could not be asked, which is certain: then the lock is not free.
    pub async fn release_without_answer(&self, lock: &str, owner: &str) -> Result<(), RedisError> {
        match self.release(lock, owner).await {
            Err(error) if error.kind() == RedisErrorKind::Unreachable => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn key(&self, lock: &str) -> String {
        format!("{}lock:{lock}", self.prefix)
    }
}

/// Whole milliseconds, one at the least: Redis refuses none.
pub(super) fn ms(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).clamp(1, COUNTER_TTL_MS)
}
