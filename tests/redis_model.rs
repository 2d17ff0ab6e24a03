//! The same steps on Redis and on the model that the built-in parts are checked with give the same answers.
#![cfg(not(loom))]

mod redis_support;

use deadheat::engine::RedisServer;
use deadheat::seed;
use deadheat::shared::Leases;
use deadheat::strategy::redis::{Locks, RedisClient, Released};
use rand::Rng;
use redis_support::block_on;
use std::collections::BTreeMap;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const SEQUENCES: u64 = 40;
const STEPS: usize = 60;

#[derive(Debug, Clone, Copy)]
enum Step {
    Acquire,
    Renew,
    Release,
    Expire,
}

/// What a step was answered. Tokens are compared by their order: the servers count from different numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Granted { newest: bool },
    Done(bool),
}

async fn on_redis(locks: &Locks, tokens: &mut Tokens, step: Step, name: &str, owner: u64) -> Answer {
    let word = format!("owner-{owner}");
    match step {
        Step::Acquire => tokens.answer(name, locks.acquire(name, &word, HOUR).await.expect("an answer")),
        Step::Renew => Answer::Done(locks.renew(name, &word, HOUR).await.expect("an answer")),
        Step::Release => Answer::Done(locks.release(name, &word).await.expect("an answer") == Released::Yes),
        Step::Expire => {
            locks.release_unchecked(name).await.expect("an answer");
            Answer::Done(true)
        }
    }
}

fn on_model(leases: &Leases, tokens: &mut Tokens, step: Step, name: &str, owner: u64) -> Answer {
    let now = Duration::ZERO;
    match step {
        Step::Acquire => tokens.answer(name, leases.acquire(name, owner, HOUR, now)),
        Step::Renew => Answer::Done(leases.renew(name, owner, HOUR, now)),
        Step::Release => Answer::Done(leases.release(name, owner, now)),
        Step::Expire => {
            leases.expire(name);
            Answer::Done(true)
        }
    }
}

/// The newest token of each name.
#[derive(Default)]
struct Tokens(BTreeMap<String, u64>);

impl Tokens {
    fn answer(&mut self, name: &str, token: Option<u64>) -> Answer {
        let Some(token) = token else { return Answer::Done(false) };
        let before = self.0.insert(name.to_owned(), token);
        Answer::Granted { newest: before.is_none_or(|before| before < token) }
    }
}

#[test]
fn redis_and_the_model_agree_step_by_step() {
    let server = RedisServer::spawn().expect("a server");
    let client = RedisClient::new(&server.url()).expect("a client");
    let mut seen = BTreeMap::<String, u64>::new();
    block_on(async {
        for sequence in 0..SEQUENCES {
            let mut draw = seed::stream(7, "redis-model", sequence);
            let locks = Locks::new(client.clone(), format!("deadheat:model:{sequence}:"));
            let (leases, mut of_redis, mut of_model) = (Leases::new(), Tokens::default(), Tokens::default());
            let mut history = Vec::new();
            for _ in 0..STEPS {
                let step = match draw.random_range(0..10) {
                    0..5 => Step::Acquire,
                    5..7 => Step::Renew,
                    7..9 => Step::Release,
                    _ => Step::Expire,
                };
                let name = ["a", "b"][draw.random_range(0..2)];
                let owner = draw.random_range(0..3);
                let redis = on_redis(&locks, &mut of_redis, step, name, owner).await;
                let model = on_model(&leases, &mut of_model, step, name, owner);
                history.push((step, name, owner));
                assert_eq!(redis, model, "sequence {sequence}: {history:?}");
                *seen.entry(format!("{step:?} {redis:?}")).or_default() += 1;
            }
        }
    });
    // All kinds of steps, with all kinds of answers, or the sequences prove little.
    let kinds = [
        "Acquire Granted { newest: true }",
        "Acquire Done(false)",
        "Renew Done(true)",
        "Renew Done(false)",
        "Release Done(true)",
        "Release Done(false)",
        "Expire Done(true)",
    ];
    assert!(kinds.iter().all(|kind| seen.get(*kind).is_some_and(|count| *count >= 20)), "{seen:?}");
    assert_eq!(seen.len(), kinds.len(), "{seen:?}");
}
