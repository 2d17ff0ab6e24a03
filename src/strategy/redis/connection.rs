//! What a question is asked on: a socket, or the model of a server.

use super::model::ModelConnection;
use crate::shared::Absence;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, Pipeline, RedisFuture, Value};

/// A connection of one runtime to a server, or one to a model.
pub(super) enum Connection {
    Remote(MultiplexedConnection),
    Model(ModelConnection),
}

impl Connection {
    /// Why a model did not answer.
    pub(super) fn absence(&self) -> Option<Absence> {
        match self {
            Self::Remote(_) => None,
            Self::Model(connection) => connection.absence(),
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Remote(connection) => connection.req_packed_command(command),
            Self::Model(connection) => ConnectionLike::req_packed_command(connection, command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Remote(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Model(connection) => {
                ConnectionLike::req_packed_commands(connection, pipeline, offset, count)
            }
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Remote(connection) => connection.get_db(),
            Self::Model(connection) => ConnectionLike::get_db(connection),
        }
    }
}
