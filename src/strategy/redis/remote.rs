//! A Redis server that is reached over a socket, and one connection to it for each runtime.

use super::connection::Connection;
use super::error::{Address, RedisError, RedisErrorKind};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisResult};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// The longest wait for a connection, and for an answer: a server that is only slow must not pass for one
/// that is gone.
const PATIENCE: Duration = Duration::from_secs(3);

type Connecting = Shared<BoxFuture<'static, Result<MultiplexedConnection, RedisError>>>;

/// The server and the connections to it.
pub(super) struct Remote {
    client: Client,
    address: Address,
    connections: Mutex<HashMap<tokio::runtime::Id, (u64, Connecting)>>,
    made: AtomicU64,
}

impl Remote {
    pub(super) fn new(url: &str) -> Result<Self, RedisError> {
        // What cannot be parsed cannot be shown without its password either.
        let client = Client::open(url).map_err(|error| {
            let why = error.category().to_owned();
            let text = format!("{why}; write redis://user:password@host:port/db, or rediss:// for TLS");
            RedisError::new(RedisErrorKind::Url, "an address that cannot be read", text)
        })?;
        let address = Address::of(client.get_connection_info());
        Ok(Self { client, address, connections: Mutex::default(), made: AtomicU64::new(0) })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        question: impl AsyncFnOnce(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, RedisError> {
        let runtime = Handle::current().id();
        let (number, connecting) = self.connection(runtime);
        let mut connection = match connecting.await {
            Ok(connection) => Connection::Remote(connection),
            Err(error) => {
                self.give_up(runtime, number);
                return Err(error);
            }
        };
        question(&mut connection).await.map_err(|error| {
            let error = self.address.asked(&error);
            if error.kind() == RedisErrorKind::Unknown {
                self.give_up(runtime, number);
            }
            error
        })
    }

    pub(super) fn block<T>(
        &self,
        question: impl FnOnce(&mut dyn redis::ConnectionLike) -> RedisResult<T>,
    ) -> Result<T, RedisError> {
        let connected = self.client.get_connection_with_timeout(PATIENCE).and_then(|connection| {
            connection.set_read_timeout(Some(PATIENCE))?;
            connection.set_write_timeout(Some(PATIENCE))?;
            Ok(connection)
        });
        let mut connection = connected.map_err(|error| self.address.unreachable(&error))?;
        question(&mut connection).map_err(|error| self.address.asked(&error))
    }

    /// The runtime's connection, or the attempt to make one, which all its tasks wait for together.
    fn connection(&self, runtime: tokio::runtime::Id) -> (u64, Connecting) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let made = connections.entry(runtime).or_insert_with(|| {
            let (client, address) = (self.client.clone(), self.address.clone());
            (self.made.fetch_add(1, Relaxed), connect(client, address).boxed().shared())
        });
        made.clone()
    }

    /// Forgets a connection, unless another one has taken its place already.
    fn give_up(&self, runtime: tokio::runtime::Id, number: u64) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
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
