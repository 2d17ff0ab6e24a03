//! A Redis server, and one connection to it for each runtime.

use super::error::{Address, RedisError, RedisErrorKind};
use super::owner::Owners;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisResult};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// The longest wait for a connection, and for an answer: a server that is only slow must not look dead.
const PATIENCE: Duration = Duration::from_secs(3);
/// Keys looked at in one step of [`RedisClient::clear`].
const SCANNED: usize = 1000;

type Connecting = Shared<BoxFuture<'static, Result<MultiplexedConnection, RedisError>>>;

/// A Redis server. Cheap to clone; connects when it is first asked for something.
///
/// Each runtime has a connection of its own, which all its tasks share: a connection is driven by the runtime
/// that made it, and that of an engine thread runs only while the thread does. A connection that failed is
/// replaced at the next call, so a server that comes back is found again.
#[derive(Clone)]
pub struct RedisClient {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    address: Address,
    owners: Owners,
    connections: Mutex<HashMap<tokio::runtime::Id, (u64, Connecting)>>,
    made: AtomicU64,
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisClient").field(&self.inner.address).finish()
    }
}

impl RedisClient {
    /// The server at `url`: `redis://user:password@host:port/db`, `rediss://…` for TLS (trusted is what the
    /// operating system trusts, or the file that `SSL_CERT_FILE` names), `redis+unix:///path/of/socket`.
    ///
    /// # Errors
    /// [`RedisErrorKind::Url`] if that is no address of a Redis server. Nothing is connected yet.
    pub fn new(url: &str) -> Result<Self, RedisError> {
        // What cannot be parsed cannot be shown without its password either.
        let wrong =
            |text: String| RedisError::new(RedisErrorKind::Url, "an address that cannot be read", text);
        let client = Client::open(url).map_err(|error| {
            let why = error.category().to_owned();
            wrong(format!("{why}; write redis://user:password@host:port/db, or rediss:// for TLS"))
        })?;
        let owners = Owners::new().map_err(|error| wrong(format!("no random bytes: {error}")))?;
        let address = Address::of(client.get_connection_info());
        let (connections, made) = (Mutex::default(), AtomicU64::new(0));
        Ok(Self { inner: Arc::new(Inner { client, address, owners, connections, made }) })
    }

    /// An owner token for one acquisition of a lock: 128 random bits.
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
        question: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, RedisError> {
        let runtime = Handle::current().id();
        let (number, connecting) = self.connection(runtime);
        let mut connection = match connecting.await {
            Ok(connection) => connection,
            Err(error) => {
                self.give_up(runtime, number);
                return Err(error);
            }
        };
        question(&mut connection).await.map_err(|error| {
            let error = self.inner.address.asked(&error);
            if error.kind() == RedisErrorKind::Unknown {
                self.give_up(runtime, number);
            }
            error
        })
    }

    /// Asks on a connection of its own, blocking this thread.
    pub(super) fn block<T>(
        &self,
        question: impl FnOnce(&mut redis::Connection) -> RedisResult<T>,
    ) -> Result<T, RedisError> {
        let address = &self.inner.address;
        let mut connection = self
            .inner
            .client
            .get_connection_with_timeout(PATIENCE)
            .and_then(|connection| {
                connection.set_read_timeout(Some(PATIENCE))?;
                connection.set_write_timeout(Some(PATIENCE))?;
                Ok(connection)
            })
            .map_err(|error| address.unreachable(&error))?;
        question(&mut connection).map_err(|error| address.asked(&error))
    }

    /// The runtime's connection, or the attempt to make one, which all its tasks wait for together.
    fn connection(&self, runtime: tokio::runtime::Id) -> (u64, Connecting) {
        let mut connections = self.inner.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let made = connections.entry(runtime).or_insert_with(|| {
            let (client, address) = (self.inner.client.clone(), self.inner.address.clone());
            (self.inner.made.fetch_add(1, Relaxed), connect(client, address).boxed().shared())
        });
        made.clone()
    }

    /// Forgets a connection, unless another one has taken its place already.
    fn give_up(&self, runtime: tokio::runtime::Id, number: u64) {
        let mut connections = self.inner.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if connections.get(&runtime).is_some_and(|(current, _)| *current == number) {
            connections.remove(&runtime);
        }
    }
}

async fn connect(client: Client, address: Address) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let connection = client.get_multiplexed_async_connection_with_config(&config).await;
    connection.map_err(|error| address.unreachable(&error))
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
        let refused = client.ping().expect_err("nobody listens on port 1");
        assert_eq!(refused.kind(), RedisErrorKind::Unreachable);
        assert!(refused.to_string().starts_with("redis at 127.0.0.1:1: cannot connect: "), "{refused}");
        let echoed = client.inner.address.error(RedisErrorKind::Refused, &format!("no user {SECRET}"));
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
