//! A connection to the model of a Redis server: the same commands, answered in this thread.

mod words;

use crate::clock::Clock;
use crate::shared::{Absence, LockServer};
use redis::aio;
use redis::{Arg, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult, Value};
use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

/// How a client reaches the model of a server.
#[derive(Debug, Clone, Copy)]
pub struct ModelSettings {
    /// The run's clock. What stands on the server expires by it.
    pub clock: Clock,
    /// The clock's epoch, counted from 1970: the server's wall clock, at which fencing counters begin.
    pub epoch: Duration,
    /// Owner tokens are drawn from it, so that one seed gives one result.
    pub seed: u64,
    /// Which client of the server it is: no two of them may draw the same owner tokens.
    pub client: u64,
    /// The way there and back, half of it before the step and half after; none at all if it is zero.
    pub latency: Duration,
    /// How long an answer is waited for that does not come.
    pub silence: Duration,
}

impl ModelSettings {
    /// The first client of a server in November 2023, whose answers take no time.
    #[must_use]
    pub fn new(clock: Clock, seed: u64) -> Self {
        let epoch = Duration::from_secs(1_700_000_000);
        Self { clock, epoch, seed, client: 0, latency: Duration::ZERO, silence: Duration::ZERO }
    }
}

/// One client's connection to the model of a server. Takes the commands that [`Locks`](super::Locks),
/// [`Store`](super::Store) and [`Counters`](super::Counters) use, as a server does; a script it knows by its
/// digest. Everything else it refuses.
#[derive(Clone)]
pub struct ModelConnection {
    server: Arc<LockServer>,
    clock: Clock,
    epoch: Duration,
    absence: Option<Absence>,
}

impl fmt::Debug for ModelConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelConnection").field("absence", &self.absence).finish_non_exhaustive()
    }
}

impl ModelConnection {
    /// A connection to `server`, whose time is that of the clock with this epoch since 1970.
    #[must_use]
    pub fn new(server: Arc<LockServer>, clock: Clock, epoch: Duration) -> Self {
        Self { server, clock, epoch, absence: None }
    }

    /// Why the last question was not answered.
    pub(super) fn absence(&self) -> Option<Absence> {
        self.absence
    }

    fn now(&self) -> Duration {
        self.epoch.saturating_add(self.clock.now())
    }

    fn answer(&mut self, command: &[&[u8]]) -> RedisResult<Value> {
        let now = self.now();
        let answer = self.server.ask(now, |keys| words::answer(keys, command));
        self.heard(answer)
    }

    /// MULTI … EXEC: all in one step, each with an answer of its own. Without it, step after step.
    fn answer_all(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        let commands: Vec<Vec<&[u8]>> = pipeline.cmd_iter().map(words_of).collect();
        if !pipeline.is_transaction() {
            return commands.iter().map(|command| self.answer(command)).collect();
        }
        let now = self.now();
        let answer = self.server.ask(now, |keys| {
            Value::Array(commands.iter().map(|command| words::answer(keys, command)).collect())
        });
        self.heard(answer).map(|all| vec![all])
    }

    fn heard(&mut self, answer: Result<Value, Absence>) -> RedisResult<Value> {
        self.absence = answer.as_ref().err().copied();
        answer.map_err(|absence| {
            RedisError::from((ErrorKind::Io, "the model of the server is away", format!("{absence:?}")))
        })
    }
}

fn words_of(command: &Cmd) -> Vec<&[u8]> {
    let word = |arg| match arg {
        Arg::Simple(word) => word,
        _ => b"0".as_slice(),
    };
    command.args_iter().map(word).collect()
}

impl aio::ConnectionLike for ModelConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(ready(self.answer(&words_of(command))))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        _offset: usize,
        _count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(ready(self.answer_all(pipeline)))
    }

    fn get_db(&self) -> i64 {
        0
    }
}

impl redis::ConnectionLike for ModelConnection {
    fn req_command(&mut self, command: &Cmd) -> RedisResult<Value> {
        self.answer(&words_of(command))
    }

    fn req_packed_command(&mut self, packed: &[u8]) -> RedisResult<Value> {
        let Value::Array(parts) = redis::parse_redis_value(packed)? else {
            return Err((ErrorKind::Parse, "no command").into());
        };
        let word = |part: &Value| match part {
            Value::BulkString(word) => Ok(word.clone()),
            _ => Err(RedisError::from((ErrorKind::Parse, "no command"))),
        };
        let command = parts.iter().map(word).collect::<RedisResult<Vec<_>>>()?;
        self.answer(&command.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    fn req_packed_commands(&mut self, _: &[u8], _: usize, _: usize) -> RedisResult<Vec<Value>> {
        Err((ErrorKind::Client, "the model of a server takes no blocking pipeline").into())
    }

    fn get_db(&self) -> i64 {
        0
    }

    fn check_connection(&mut self) -> bool {
        self.is_open()
    }

    fn is_open(&self) -> bool {
        self.absence != Some(Absence::Unreachable)
    }
}
