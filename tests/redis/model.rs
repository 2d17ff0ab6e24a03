//! Redis and the model of it give the same answers to the same questions: locks, results and totals, and the
//! commands they are made of, over keys that also hold what they should not.

use crate::redis_support;
use crate::steps;

use deadheat::clock::Clock;
use deadheat::engine::RedisServer;
use deadheat::shared::LockServer;
use deadheat::strategy::redis::{
    Counters, Locks, ModelConnection, ModelSettings, RedisClient, RedisError, Store,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis::{ConnectionLike, Value};
use redis_support::{block_on, until};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use steps::{KEYS, Step, spoilt, step};

const CASES: u32 = 100;
const STEPS: usize = 60;
const PREFIX: &str = "deadheat:model[*]:0:";
const HOUR: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(3);

/// One of the two, as its clients see it.
struct Side {
    locks: Locks,
    store: Store,
    counters: Counters,
    tokens: BTreeMap<usize, u64>,
}

impl Side {
    fn new(client: &RedisClient) -> Self {
        let locks = Locks::new(client.clone(), PREFIX);
        let (store, counters) = (Store::new(client.clone(), PREFIX), Counters::new(client.clone(), PREFIX));
        Self { locks, store, counters, tokens: BTreeMap::new() }
    }

    /// What the step is answered. Tokens are compared by those before: the servers count from different
    /// times.
    async fn answer(&mut self, step: &Step) -> String {
        let name = |lock: usize| ["a", "b"][lock];
        let owner = |owner: usize| format!("owner-{owner}");
        let ttl = |lasting| if lasting { HOUR } else { SHORT };
        match *step {
            Step::Acquire { lock, owner: by, lasting } => {
                match self.locks.acquire(name(lock), &owner(by), ttl(lasting)).await {
                    Ok(Some(token)) => match self.tokens.insert(lock, token) {
                        None => "Granted first".to_owned(),
                        Some(before) => {
                            format!(
                                "Granted newer={} next={}",
                                token > before,
                                token.wrapping_sub(before) == 1
                            )
                        }
                    },
                    other => shown(other),
                }
            }
            Step::Renew { lock, owner: by, lasting } => {
                shown(self.locks.renew(name(lock), &owner(by), ttl(lasting)).await)
            }
            Step::Release { lock, owner: by } => shown(self.locks.release(name(lock), &owner(by)).await),
            Step::ReleaseUnchecked { lock } => shown(self.locks.release_unchecked(name(lock)).await),
            Step::Put { question, ref text, lasting } => {
                shown(self.store.put(question, text, ttl(lasting)).await)
            }
            Step::Get { question } => shown(self.store.get(question).await),
            // The servers' clocks differ; whether an account is open does not.
            Step::Open => shown(self.counters.open().map(|_since| ())),
            Step::Begin { id } => shown(self.counters.begin(&id.to_string()).await),
            Step::Settle { id, prompt, completion } => {
                shown(self.counters.settle(&id.to_string(), prompt, completion).await)
            }
            Step::Withdraw { id } => shown(self.counters.withdraw(&id.to_string()).await),
            Step::Read => {
                let read = self.counters.read();
                shown(read.map(|standing| (standing.counts, standing.unsettled, standing.since_us.is_some())))
            }
            Step::Clear => shown(self.counters.clear()),
            Step::Expire { .. } | Step::Restart | Step::Raw { .. } => unreachable!("no question of a client"),
        }
    }
}

fn shown<T: Debug>(answer: Result<T, RedisError>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// A command's answer. Of times only that they are some: that of the server, and a fencing token that began
/// with it.
fn ask(connection: &mut dyn ConnectionLike, key: &str, words: &str) -> String {
    let mut words = words.split(' ').map(|word| if word == "KEY" { key } else { word });
    let name = words.next().expect("a name");
    let mut command = redis::cmd(name);
    words.for_each(|word| _ = command.arg(word));
    match command.query::<Value>(connection) {
        Ok(Value::Array(_)) if name == "TIME" => "a time".to_owned(),
        Ok(Value::Int(left)) if name == "PTTL" && left > 0 => format!("{} h", (left + 1_800_000) / 3_600_000),
        Ok(Value::Array(mut found)) if name == "SCAN" => {
            if let Some(Value::Array(keys)) = found.last_mut() {
                keys.sort_by_key(|key| format!("{key:?}"));
            }
            format!("{found:?}")
        }
        Ok(answer) => token(&answer).map_or(format!("{answer:?}"), |_| "a token".to_owned()),
        Err(error) => format!("{:?} {:?}", error.code(), error.detail()),
    }
}

fn token(answer: &Value) -> Option<u64> {
    let number = redis::from_redis_value::<u64>(answer.clone()).ok()?;
    (1_000_000_000_000_000..10_000_000_000_000_000).contains(&number).then_some(number)
}

/// Waits until what was kept for a short time is gone on both sides.
fn outlast(connections: &mut [&mut dyn ConnectionLike], key: &str) {
    for connection in connections {
        let gone = || redis::cmd("EXISTS").arg(key).query::<u64>(*connection).expect("an answer") == 0;
        let mut gone = gone;
        block_on(until(async || gone().then_some(())));
    }
}

struct Both {
    server: RedisServer,
    client: RedisClient,
    connection: redis::Connection,
}

impl Both {
    fn connect(server: &RedisServer) -> redis::Connection {
        redis::Client::open(server.url()).expect("an address").get_connection().expect("a connection")
    }

    /// Takes the steps on both sides. Returns what was seen.
    fn run(&mut self, steps: &[Step]) -> Result<Vec<String>, TestCaseError> {
        redis::cmd("FLUSHALL").query::<()>(&mut self.connection).expect("an empty server");
        let (model, clock) = (Arc::new(LockServer::new()), Clock::start());
        let settings = ModelSettings::new(clock, 1);
        let mut raw = ModelConnection::new(model.clone(), clock, settings.epoch);
        let mut sides = [Side::new(&self.client), Side::new(&RedisClient::model(model.clone(), settings))];
        let mut seen = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            let key = |key: usize| format!("{PREFIX}{}", KEYS[key]);
            let answers = match step {
                Step::Restart => {
                    self.server.restart_empty().expect("a restart");
                    self.connection = Self::connect(&self.server);
                    model.restart_empty();
                    // The first question after it finds its connection broken.
                    let asked = async || sides[0].store.get(0).await.ok();
                    block_on(until(asked));
                    continue;
                }
                Step::Expire { key: at } => {
                    let name = key(*at);
                    let there: u64 = redis::cmd("PEXPIREAT")
                        .arg(&name)
                        .arg(1)
                        .query(&mut self.connection)
                        .expect("an answer");
                    [there.to_string(), model.expire(|key| key == name.as_bytes()).to_string()]
                }
                Step::Raw { key: at, words } => {
                    [ask(&mut self.connection, &key(*at), words), ask(&mut raw, &key(*at), words)]
                }
                _ => block_on(async {
                    let [redis, model] = &mut sides;
                    [redis.answer(step).await, model.answer(step).await]
                }),
            };
            prop_assert_eq!(&answers[0], &answers[1], "step {} of {:#?}", at, &steps[..=at]);
            let short = match step {
                Step::Acquire { lock, lasting: false, .. } if answers[0] != "None" => Some(*lock),
                Step::Renew { lock, lasting: false, .. } if answers[0] == "true" => Some(*lock),
                Step::Put { question, lasting: false, .. } => Some(4 + usize::from(*question == 1)),
                _ => None,
            };
            if let Some(at) = short {
                // A refused step may have taken the lock before.
                outlast(&mut [&mut self.connection, &mut raw], &key(at));
            }
            let name = format!("{step:?}");
            let name = name.split([' ', '{']).next().unwrap_or_default();
            let command = if let Step::Raw { words, .. } = step { words.split(' ').next() } else { None };
            seen.push(format!("{name} {} {}", command.unwrap_or_default(), answers[0]));
        }
        Ok(seen)
    }
}

#[test]
fn redis_and_the_model_agree_step_by_step() {
    let server = RedisServer::spawn().expect("a server");
    let client = RedisClient::new(&server.url()).expect("a client");
    let connection = Both::connect(&server);
    let both = RefCell::new(Both { server, client, connection });
    let seen = RefCell::new(BTreeMap::<String, u64>::new());
    for what in both.borrow_mut().run(&spoilt()).expect("agreement") {
        *seen.borrow_mut().entry(what).or_default() += 1;
    }
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let agreed = runner.run(&proptest::collection::vec(step(), 1..STEPS), |steps| {
        for what in both.borrow_mut().run(&steps)? {
            *seen.borrow_mut().entry(what).or_default() += 1;
        }
        Ok(())
    });
    let seen = seen.into_inner();
    agreed.unwrap_or_else(|error| panic!("{error}"));
    // All kinds of steps, with all kinds of answers, or the sequences prove little.
    let kinds = [
        "Acquire  Granted newer=true next=true",
        "Acquire  Granted newer=true next=false",
        "Acquire  None",
        "Acquire  Refused",
        "Renew  true",
        "Renew  false",
        "Renew  Refused",
        "Release  Yes",
        "Release  NotOwner",
        "Put  ()",
        "Get  Some(\"x\")",
        "Get  None",
        "Open  ()",
        "Open  Refused",
        "Begin  true",
        "Begin  false",
        "Settle  true",
        "Settle  false",
        "Withdraw  true",
        "Withdraw  false",
        "Expire  1",
        "Raw GET bulk-string",
        "Raw INCR int(2)",
        "Raw PTTL 1 h",
        "Raw PTTL 168 h",
        "Raw SCAN",
    ];
    for kind in kinds {
        let count: u64 = seen.iter().filter(|(what, _)| what.starts_with(kind)).map(|(_, n)| n).sum();
        assert!(count > 0, "{kind} was never seen; {seen:#?}");
    }
}
