//! The model of a lock server, as its clients see it: in one thread, by the caller's clock, away on purpose.

use deadheat::clock::Clock;
use deadheat::shared::{Absence, LockServer};
use deadheat::strategy::redis::{
    Counters, Locks, ModelSettings, RedisClient, RedisErrorKind, Released, Store,
};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

const PREFIX: &str = "deadheat:test:0:";
const HOUR: Duration = Duration::from_secs(3600);

fn settings() -> ModelSettings {
    ModelSettings::new(Clock::start(), 7)
}

fn model(settings: ModelSettings) -> (Arc<LockServer>, RedisClient) {
    let server = Arc::new(LockServer::new());
    (server.clone(), RedisClient::model(server, settings))
}

#[tokio::test]
async fn who_is_away_is_told_apart_as_on_a_real_server() {
    let (server, client) = model(settings());
    let (locks, counters) = (Locks::new(client.clone(), PREFIX), Counters::new(client.clone(), PREFIX));
    let kind = async |owner: &str| locks.acquire("a", owner, HOUR).await.expect_err("no answer").kind();
    server.lose(Absence::Unreachable, 1);
    assert_eq!(kind("one").await, RedisErrorKind::Unreachable);
    server.lose(Absence::Unheard, 1);
    assert_eq!(kind("one").await, RedisErrorKind::Unknown);
    assert_eq!(locks.release("a", "one").await.expect("an answer"), Released::NotOwner, "it was heard");
    server.lose(Absence::Unanswered, 1);
    assert_eq!(kind("one").await, RedisErrorKind::Unknown);
    assert!(locks.renew("a", "one", HOUR).await.expect("an answer"), "it was not done");
    assert_eq!(locks.acquire("a", "two", HOUR).await.expect("an answer"), None);
    server.away(Absence::Unreachable, Duration::MAX);
    assert_eq!(counters.read().expect_err("away").kind(), RedisErrorKind::Unreachable);
    assert!(client.ping().expect_err("away").to_string().starts_with("redis at the model: cannot connect: "));
    server.away(Absence::Unreachable, Duration::ZERO);
    client.ping().expect("it is back");
    counters.begin("x").await.expect("a booking");
    assert_eq!(counters.read().expect("an answer").counts.requests, 1);
}

#[tokio::test]
async fn a_lock_whose_time_was_ended_is_lent_again_with_a_newer_token() {
    let (server, client) = model(settings());
    let (locks, store) = (Locks::new(client.clone(), PREFIX), Store::new(client, PREFIX));
    let acquire = async |owner| locks.acquire("a", owner, HOUR).await.expect("an answer");
    let first = acquire("one").await.expect("a free lock");
    assert_eq!(acquire("two").await, None);
    assert_eq!(server.expire(|key| key.ends_with(b"lock:a")), 1);
    let second = acquire("two").await.expect("an ended lock");
    assert_eq!(second, first + 1);
    assert!(!locks.renew("a", "one", HOUR).await.expect("an answer"));
    store.put(1, "x", HOUR).await.expect("a put");
    server.restart_empty();
    assert_eq!(store.get(1).await.expect("an answer"), None);
    assert!(acquire("three").await.expect("an empty server") > second);
}

#[test]
fn one_seed_gives_one_row_of_owners_and_each_client_another() {
    let draw = |seed, client| {
        let (_, client) = model(ModelSettings { client, ..ModelSettings::new(Clock::start(), seed) });
        [client.owner_token(), client.owner_token()]
    };
    assert_eq!(draw(1, 0), draw(1, 0));
    assert_ne!(draw(1, 0), draw(1, 1));
    assert_ne!(draw(1, 0), draw(2, 0));
    assert_ne!(draw(1, 0)[0], draw(1, 0)[1]);
}

#[tokio::test]
async fn others_have_a_turn_while_a_question_is_on_its_way() {
    let (_server, client) = model(settings());
    let (store, order) = (Store::new(client, PREFIX), RefCell::new(Vec::new()));
    let ask = async |who: char| {
        for _ in 0..3 {
            store.get(1).await.expect("an answer");
            order.borrow_mut().push(who);
        }
    };
    tokio::join!(ask('a'), ask('b'));
    let order: String = order.into_inner().into_iter().collect();
    assert!(!order.contains("aaa") && !order.contains("bbb"), "one was asked to the end first: {order}");
}

#[tokio::test(start_paused = true)]
async fn the_step_is_taken_half_way_through_the_latency() {
    let latency = Duration::from_millis(10);
    let (server, slow) = model(ModelSettings { latency, ..settings() });
    let (slow, fast) = (Store::new(slow, PREFIX), Store::new(RedisClient::model(server, settings()), PREFIX));
    let within = async |ms, value| {
        tokio::time::timeout(Duration::from_millis(ms), slow.put(1, value, HOUR)).await.is_ok()
    };
    let kept = async || fast.get(1).await.expect("an answer");
    assert!(!within(4, "early").await);
    assert_eq!(kept().await, None, "taken at once");
    assert!(!within(9, "on its way back").await);
    assert_eq!(kept().await.as_deref(), Some("on its way back"));
    assert!(within(11, "there").await);
}

#[tokio::test(start_paused = true)]
async fn a_lock_ends_by_the_virtual_clock_and_a_day_of_it_takes_no_time() {
    let (_server, client) = model(ModelSettings::new(Clock::of_runtime(), 7));
    let locks = Locks::new(client, PREFIX);
    let acquire = async |owner: String| locks.acquire("a", &owner, HOUR).await.expect("an answer");
    let mut newest = acquire("holder-0".to_owned()).await.expect("a free lock");
    for n in 1..24 {
        tokio::time::advance(HOUR).await;
        assert_eq!(acquire("early".to_owned()).await, None, "it lasts through its last millisecond");
        tokio::time::advance(Duration::from_millis(1)).await;
        let token = acquire(format!("holder-{n}")).await.expect("a lock whose time is up");
        assert_eq!(token, newest + 1);
        newest = token;
        assert!(!locks.renew("a", &format!("holder-{}", n - 1), HOUR).await.expect("an answer"));
    }
}
