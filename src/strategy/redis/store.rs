//! Results that processes share.

use super::client::RedisClient;
use super::error::RedisError;
use super::locks::ms;
use std::time::Duration;

/// One value for each question, on a Redis server.
#[derive(Debug, Clone)]
pub struct Store {
    client: RedisClient,
    prefix: String,
}

impl Store {
    /// A store whose keys begin with `prefix`.
    #[must_use]
    pub fn new(client: RedisClient, prefix: impl Into<String>) -> Self {
        Self { client, prefix: prefix.into() }
    }

    /// Keeps `value` for `ttl` (whole milliseconds, one at the least), instead of what was there.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn put(&self, question: u64, value: &str, ttl: Duration) -> Result<(), RedisError> {
        let mut set = redis::cmd("SET");
        set.arg(self.key(question)).arg(value).arg("PX").arg(ms(ttl));
        self.client.ask(async |connection| set.query_async(connection).await).await
    }

    /// Keeps `value` like [`put`](Self::put) if nothing is there; `false` if something is.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn put_first(&self, question: u64, value: &str, ttl: Duration) -> Result<bool, RedisError> {
        let mut set = redis::cmd("SET");
        set.arg(self.key(question)).arg(value).arg("PX").arg(ms(ttl)).arg("NX");
        let put: Option<()> = self.client.ask(async |connection| set.query_async(connection).await).await?;
        Ok(put.is_some())
    }

    /// The value that is kept for the question.
    ///
    /// # Errors
    /// If Redis could not be asked, refused, or did not answer.
    pub async fn get(&self, question: u64) -> Result<Option<String>, RedisError> {
        let mut get = redis::cmd("GET");
        get.arg(self.key(question));
        self.client.ask(async |connection| get.query_async(connection).await).await
    }

    fn key(&self, question: u64) -> String {
        format!("{}answer:{question}", self.prefix)
    }
}
