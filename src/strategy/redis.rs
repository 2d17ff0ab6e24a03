//! What processes share through a Redis server: locks, results and totals.
//!
//! Each step is one script, one transaction or one command, so that no other client sees half of it. All
//! keys lie under a prefix and expire by themselves; [`RedisClient::clear`] deletes them at the end.
//!
//! A Redis lock is a *lease*: it ends when its time is up, whether or not its holder has noticed, and it is
//! gone when the server is. So it excludes no client by itself. Each acquisition therefore carries a fencing
//! token, and what is written under the lock must refuse a token older than one it has seen.
//!
//! The same stands on a model of such a server ([`RedisClient::model`]), which answers in the caller's thread
//! and by the caller's clock, be that a virtual one; a property test holds it against a real server.
//!
//! Nothing here tries again: what an attempt without an answer means only its caller can say, and the waits
//! between attempts are the caller's too.

mod client;
mod connection;
mod counters;
mod error;
mod locks;
mod model;
mod owner;
mod remote;
mod store;

pub use client::RedisClient;
pub use counters::{AccountState, Counters};
pub use error::{RedisError, RedisErrorKind};
pub use locks::{Locks, Released};
pub use model::{ModelConnection, ModelSettings};
pub use store::Store;
