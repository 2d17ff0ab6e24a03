//! A Redis server, or the model of one, as locks, results and totals see it.

use super::connection::Connection;
use super::error::{RedisError, RedisErrorKind, refused_or_unknown};
use super::model::{ModelConnection, ModelSettings};
use super::owner::Owners;
use super::remote::Remote;
use crate::shared::{Absence, LockServer};
use redis::{FromRedisValue, RedisResult};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Keys looked at in one step of [`RedisClient::clear`].
const SCANNED: usize = 1000;
/// What the model of a server is called in errors.
const MODEL: &str = "the model";

/// A Redis server, or the model of one. Cheap to clone; connects when it is first asked for something.
///
/// Each runtime has a connection of its own, which all its tasks share: a connection is driven by the runtime
/// that made it, and that of an engine thread runs only while the thread does. A connection that failed is
/// replaced at the next call, so a server that comes back is found again.
#[derive(Clone)]
pub struct RedisClient {
    inner: Arc<Inner>,
}

struct Inner {
    server: Server,
    owners: Owners,
}

enum Server {
    Remote(Box<Remote>),
    Model(ModelConnection, ModelSettings),
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("RedisClient");
        match &self.inner.server {
            Server::Remote(remote) => shown.field(remote.address()),
            Server::Model(..) => shown.field(&MODEL),
        };
        shown.finish()
    }
}

impl RedisClient {
    /// The server at `url`: `redis://user:password@host:port/db`, `rediss://…` for TLS (trusted is what the
    /// operating system trusts, or the file that `SSL_CERT_FILE` names), `redis+unix:///path/of/socket`.
    ///
    /// # Errors
    /// [`RedisErrorKind::Url`] if that is no address of a Redis server. Nothing is connected yet.
    pub fn new(url: &str) -> Result<Self, RedisError> {
        let remote = Remote::new(url)?;
        let owners = Owners::new().map_err(|error| {
            RedisError::new(RedisErrorKind::Url, "an address", format!("no random bytes: {error}"))
        })?;
        Ok(Self { inner: Arc::new(Inner { server: Server::Remote(Box::new(remote)), owners }) })
    }

    /// A client of a model, with no process and no socket: each question is answered in this thread, by the
    /// settings' clock, after the other tasks that are ready had a turn.
    #[must_use]
    pub fn model(server: Arc<LockServer>, settings: ModelSettings) -> Self {
        let owners = Owners::seeded(settings.seed, settings.client);
        let connection = ModelConnection::new(server, settings.clock, settings.epoch);
        Self { inner: Arc::new(Inner { server: Server::Model(connection, settings), owners }) }
    }

    /// An owner token for one acquisition of a lock: 128 random bits; of a model's client, drawn from its
    /// seed.
    #[must_use]
    pub fn owner_token(&self) -> String {
        self.inner.owners.next()
    }

    /// Whether the server answers. Blocks for six seconds at the most.
    ///
    /// # Errors
    /// Why it does not.
    pub fn ping(&self) -> Result<(), RedisError> {
        self.block(|connection| redis::cmd("PING").query::<()>(connection))
    }

    /// Deletes all keys that begin with `prefix`. Blocks. Walks over all keys of the database.
    ///
    /// # Errors
    /// Why the server did not; the keys expire by themselves then.
    pub fn clear(&self, prefix: &str) -> Result<(), RedisError> {
        let pattern = format!("{}*", escaped(prefix));
        self.block(|connection| {
            let mut cursor = 0u64;
            loop {
                let mut scan = redis::cmd("SCAN");
                scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(SCANNED);
                let (next, keys): (u64, Vec<Vec<u8>>) = scan.query(connection)?;
                if !keys.is_empty() {
                    redis::cmd("UNLINK").arg(keys).query::<()>(connection)?;
                }
                if next == 0 {
                    return Ok(());
                }
                cursor = next;
            }
        })
    }

    /// Asks on this runtime's connection. A connection that fails is given up, with all who use it now.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        question: impl AsyncFnOnce(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, RedisError> {
        match &self.inner.server {
            Server::Remote(remote) => remote.ask(question).await,
            Server::Model(connection, settings) => {
                // On a real server other tasks run while the question is on its way.
                tokio::task::yield_now().await;
                pass(settings.latency / 2).await;
                let mut asked = Connection::Model(connection.clone());
                let answer = question(&mut asked).await;
                let absence = asked.absence();
                match absence {
                    None | Some(Absence::Unreachable) => pass(settings.latency / 2).await,
                    Some(Absence::Unheard | Absence::Unanswered) => pass(settings.silence).await,
                }
                answer.map_err(|error| modelled(&error, absence))
            }
        }
    }

    /// Asks on a connection of its own, blocking this thread.
    pub(super) fn block<T>(
        &self,
        question: impl FnOnce(&mut dyn redis::ConnectionLike) -> RedisResult<T>,
    ) -> Result<T, RedisError> {
        match &self.inner.server {
            Server::Remote(remote) => remote.block(question),
            Server::Model(connection, _) => {
                let mut connection = connection.clone();
                question(&mut connection).map_err(|error| modelled(&error, connection.absence()))
            }
        }
    }
}

async fn pass(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// An error of the model: what the same trouble with a real server would be called.
fn modelled(error: &redis::RedisError, absence: Option<Absence>) -> RedisError {
    let (kind, text) = if absence == Some(Absence::Unreachable) {
        (RedisErrorKind::Unreachable, format!("cannot connect: {error}"))
    } else {
        refused_or_unknown(error)
    };
    RedisError::new(kind, MODEL, text)
}

/// A prefix as a pattern that means itself.
fn escaped(prefix: &str) -> String {
    prefix
        .chars()
        .flat_map(|c| ['\\'].into_iter().filter(move |_| "*?[]^-\\".contains(c)).chain([c]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "hunter2-of-the-test";

    #[test]
    fn neither_debug_nor_errors_hold_the_password() {
        let url = format!("redis://user:{SECRET}@127.0.0.1:1/3");
        let client = RedisClient::new(&url).expect("an address");
        let refused = client.ping().expect_err("no server listens on port 1");
        assert_eq!(refused.kind(), RedisErrorKind::Unreachable);
        assert!(refused.to_string().starts_with("redis at 127.0.0.1:1: cannot connect: "), "{refused}");
        let Server::Remote(remote) = &client.inner.server else { panic!("a model at {url}") };
        let echoed = remote.address().error(RedisErrorKind::Refused, &format!("no user {SECRET}"));
        for text in [format!("{client:?}"), format!("{refused:?}"), echoed.to_string(), format!("{echoed:?}")]
        {
            assert!(!text.contains(SECRET), "{text}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_its_password() {
        for url in [
            format!("http://user:{SECRET}@host"),
            format!("redis://user:{SECRET}@host:nine"),
            format!("redis://user:{SECRET}@host:99999/x"),
            format!("redis://user:{SECRET}@host/x"),
            format!("{SECRET} no url"),
        ] {
            let error = RedisClient::new(&url).expect_err(&url);
            assert_eq!(error.kind(), RedisErrorKind::Url);
            assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
            assert!(error.to_string().contains("write redis://"), "{error}");
        }
    }

    #[test]
    fn a_prefix_means_itself() {
        assert_eq!(escaped("deadheat:run-1:[a*?]\\:"), "deadheat:run\\-1:\\[a\\*\\?\\]\\\\:");
    }
}
