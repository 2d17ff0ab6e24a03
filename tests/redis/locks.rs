//! Locks, results and totals on a real Redis server.

use crate::redis_support;

use deadheat::engine::RedisServer;
use deadheat::strategy::OwnCounts;
use deadheat::strategy::redis::*;
use redis_support::{PortServer, block_on, until};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

const PREFIX: &str = "deadheat:test:0:";
const HOUR: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

fn server() -> (RedisServer, RedisClient) {
    let server = RedisServer::spawn().expect("a server");
    let client = RedisClient::new(&server.url()).expect("a client");
    (server, client)
}

async fn take(locks: &Locks, owner: &str, ttl: Duration) -> Option<u64> {
    locks.acquire("a", owner, ttl).await.expect("an answer")
}

/// How long the lock lasts if it is not renewed, as the server says.
fn left(server: &RedisServer) -> Duration {
    let mut connection =
        redis::Client::open(server.url()).expect("an address").get_connection().expect("a connection");
    let ms: u64 =
        redis::cmd("PTTL").arg(format!("{PREFIX}lock:a")).query(&mut connection).expect("a lock with an end");
    Duration::from_millis(ms)
}

/// Takes the lock as soon as its time is up.
async fn take_next(locks: &Locks, owner: &str) -> u64 {
    until(async || take(locks, owner, HOUR).await).await
}

#[test]
fn a_lock_excludes_threads_and_its_tokens_grow() {
    const THREADS: usize = 4;
    const TURNS: usize = 50;
    let (_server, client) = server();
    let locks = Locks::new(client, PREFIX);
    let (inside, tokens) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let turn = async || {
        let owner = locks.owner_token();
        let token = until(async || take(&locks, &owner, HOUR).await).await;
        assert_eq!(inside.fetch_add(1, SeqCst), 0, "two hold the lock");
        tokio::task::yield_now().await;
        tokens.lock().expect("no panic").push(token);
        assert_eq!(inside.fetch_sub(1, SeqCst), 1, "two hold the lock");
        assert_eq!(locks.release("a", &owner).await.expect("an answer"), Released::Yes);
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                block_on(async {
                    for _ in 0..TURNS {
                        turn().await;
                    }
                });
            });
        }
    });
    let tokens = tokens.into_inner().expect("no panic");
    assert_eq!(tokens.len(), THREADS * TURNS);
    assert!(tokens.is_sorted_by(|a, b| a < b), "tokens do not grow: {tokens:?}");
}

#[test]
fn only_the_owner_renews_and_releases() {
    let (_server, client) = server();
    let locks = Locks::new(client, PREFIX);
    block_on(async {
        let first = take(&locks, "one", HOUR).await.expect("a free lock");
        assert_eq!(take(&locks, "two", HOUR).await, None);
        assert_eq!(take(&locks, "one", HOUR).await, None, "not re-entrant");
        assert!(!locks.renew("a", "two", HOUR).await.expect("an answer"));
        assert_eq!(locks.release("a", "two").await.expect("an answer"), Released::NotOwner);
        assert_eq!(take(&locks, "two", HOUR).await, None, "a stranger freed the lock");
        assert!(locks.acquire("b", "two", HOUR).await.expect("an answer").is_some(), "locks are apart");
        assert_eq!(locks.release("a", "one").await.expect("an answer"), Released::Yes);
        assert_eq!(locks.release("a", "one").await.expect("an answer"), Released::NotOwner, "twice");
        let second = take(&locks, "two", HOUR).await.expect("a free lock");
        assert!(second > first);
        // The planted bug: a release that checks nothing frees another's lock.
        locks.release_unchecked("a").await.expect("an answer");
        let third = take(&locks, "three", HOUR).await.expect("the lock that was torn from its holder");
        assert!(third > second);
        assert_eq!(locks.release("a", "two").await.expect("an answer"), Released::NotOwner);
    });
}

#[test]
fn a_lock_ends_by_itself_unless_it_is_renewed() {
    let (server, client) = server();
    let locks = Locks::new(client, PREFIX);
    block_on(async {
        let first = take(&locks, "one", SHORT).await.expect("a free lock");
        assert!(locks.renew("a", "one", HOUR).await.expect("an answer"));
        assert!(left(&server) > SHORT, "renewed, and it would end all the same");
        assert_eq!(take(&locks, "two", HOUR).await, None);
        assert!(locks.renew("a", "one", SHORT).await.expect("an answer"));
        let second = take_next(&locks, "two").await;
        assert!(second > first);
        assert!(!locks.renew("a", "one", HOUR).await.expect("an answer"), "renewed what it had lost");
        assert_eq!(locks.release("a", "one").await.expect("an answer"), Released::NotOwner);
        // Less than a millisecond is one.
        locks.release_unchecked("a").await.expect("an answer");
        assert!(take(&locks, "three", Duration::ZERO).await.is_some());
        take_next(&locks, "four").await;
    });
}

#[test]
fn tokens_grow_over_a_restart_that_lost_everything() {
    let (mut server, client) = server();
    let locks = Locks::new(client, PREFIX);
    block_on(async {
        let mut last = 0;
        for round in 0..3 {
            for turn in 0..20 {
                let owner = format!("{round}.{turn}");
                // The first call after a restart finds its connection broken.
                let token = until(async || locks.acquire("a", &owner, HOUR).await.ok().flatten()).await;
                assert!(token > last, "round {round}: {token} after {last}");
                last = token;
                assert_eq!(locks.release("a", &owner).await.expect("an answer"), Released::Yes);
            }
            assert!(take(&locks, "old", HOUR).await.is_some());
            server.restart_empty().expect("a restart");
            // What was held is free: no lock service that loses its memory excludes a client.
            let freed = until(async || locks.acquire("a", "new", HOUR).await.ok().flatten()).await;
            assert!(freed > last + 1, "round {round}: {freed} after {last}");
            last = freed;
            assert_eq!(locks.release("a", "old").await.expect("an answer"), Released::NotOwner);
            assert_eq!(locks.release("a", "new").await.expect("an answer"), Released::Yes);
        }
        assert!(last < 1 << 53, "more than Lua can count exactly");
    });
}

#[test]
fn a_release_whose_answer_is_lost_is_done_all_the_same() {
    let (mut server, client) = server();
    let locks = Locks::new(client, PREFIX);
    block_on(async {
        assert!(take(&locks, "one", HOUR).await.is_some());
        locks.release_without_answer("a", "two").await.expect("asked");
        assert_eq!(take(&locks, "two", HOUR).await, None, "a stranger freed the lock");
        locks.release_without_answer("a", "one").await.expect("asked");
        assert!(take(&locks, "two", HOUR).await.is_some());
        server.kill();
        // The connection breaks under the first one, which may have arrived; the next one cannot be sent.
        let error = until(async || locks.release_without_answer("a", "two").await.err()).await;
        assert_eq!(error.kind(), RedisErrorKind::Unreachable);
    });
}

#[test]
fn a_step_without_an_answer_is_unknown_and_says_so() {
    let (server, client) = server();
    let locks = Locks::new(client, PREFIX);
    block_on(async {
        // A server that is stopped takes what it is sent and says nothing.
        let process = redis_support::process_id(&server.url()).to_string();
        assert!(take(&locks, "one", HOUR).await.is_some());
        let signal = |name: &str| Command::new("kill").args([name, process.as_str()]).status().expect("kill");
        signal("-STOP");
        let asked = locks.renew("a", "one", HOUR).await;
        signal("-CONT");
        assert_eq!(asked.expect_err("no answer").kind(), RedisErrorKind::Unknown);
        let renewed = until(async || locks.renew("a", "one", HOUR).await.ok()).await;
        assert!(renewed, "reconnected to the same server");
    });
}

#[test]
fn results_are_shared_and_expire() {
    let (_server, client) = server();
    let store = Store::new(client, PREFIX);
    block_on(async {
        assert_eq!(store.get(7).await.expect("an answer"), None);
        store.put(7, "sev\u{e9}n\n\0", HOUR).await.expect("a put");
        assert_eq!(store.get(7).await.expect("an answer").as_deref(), Some("sev\u{e9}n\n\0"));
        assert_eq!(store.get(8).await.expect("an answer"), None);
        store.put(7, "short", SHORT).await.expect("a put");
        until(async || store.get(7).await.expect("an answer").is_none().then_some(())).await;
    });
}

#[test]
fn totals_lose_nothing_and_count_a_repeated_booking_once() {
    let (mut server, client) = server();
    let counters = Counters::new(client.clone(), PREFIX);
    assert_eq!(counters.read().expect("an answer"), AccountState::default());
    let since_us = counters.open().expect("an account");
    assert_eq!(counters.open().expect("an account"), since_us, "opened twice");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let counters = counters.clone();
            scope.spawn(move || {
                block_on(async {
                    for n in 0..50 {
                        let id = format!("{thread}.{n}");
                        assert!(counters.begin(&id).await.expect("a booking"));
                        assert!(!counters.begin(&id).await.expect("a booking"), "counted twice");
                        assert!(counters.settle(&id, 5, 2).await.expect("a booking"));
                        assert!(!counters.settle(&id, 5, 2).await.expect("a booking"), "booked twice");
                        assert!(!counters.begin(&id).await.expect("a booking"), "counted after all");
                        assert!(!counters.withdraw(&id).await.expect("a booking"), "it was sent");
                    }
                });
            });
        }
    });
    let counts = OwnCounts { requests: 200, prompt_tokens: 1000, completion_tokens: 400 };
    let settled = AccountState { counts, unsettled: 0, since_us: Some(since_us) };
    assert_eq!(counters.read().expect("an answer"), settled);
    block_on(async {
        assert!(counters.begin("sent").await.expect("a booking"));
        assert!(counters.begin("not sent").await.expect("a booking"));
        assert!(counters.withdraw("not sent").await.expect("a booking"));
        assert!(!counters.withdraw("not sent").await.expect("a booking"), "taken back twice");
        assert!(counters.settle("unannounced", 1, 1).await.expect("a booking"));
    });
    let counts = OwnCounts { requests: 202, prompt_tokens: 1001, completion_tokens: 401 };
    assert_eq!(counters.read().expect("an answer"), AccountState { counts, unsettled: 1, ..settled });
    server.restart_empty().expect("a restart");
    assert_eq!(counters.read().expect("an answer").since_us, None);
    assert_ne!(counters.open().expect("an account"), since_us, "another account");
}

#[test]
fn all_keys_lie_under_the_prefix_expire_and_are_cleared() {
    let (server, client) = server();
    let keys = || -> BTreeSet<String> {
        let raw = redis::Client::open(server.url()).expect("an address");
        let mut connection = raw.get_connection().expect("a connection");
        let keys: BTreeSet<String> = redis::cmd("KEYS").arg("*").query(&mut connection).expect("keys");
        for key in &keys {
            let ttl: i64 = redis::cmd("PTTL").arg(key).query(&mut connection).expect("its time");
            assert!(ttl > 0, "{key} would stay for ever");
        }
        keys
    };
    let fill = |prefix: &str| {
        block_on(async {
            let (locks, store) = (Locks::new(client.clone(), prefix), Store::new(client.clone(), prefix));
            let counters = Counters::new(client.clone(), prefix);
            assert!(locks.acquire("a", "one", HOUR).await.expect("an answer").is_some());
            store.put(1, "x", HOUR).await.expect("a put");
            assert!(counters.begin("x").await.expect("a booking"));
        });
    };
    // Read as a pattern, the first prefix would also be the second's.
    let (mine, other) = ("deadheat:r*n[1]:0:", "deadheat:run1:0:");
    fill(mine);
    fill(other);
    let found = keys();
    assert_eq!(found.len(), 10, "{found:?}");
    assert!(found.iter().all(|key| key.starts_with(mine) || key.starts_with(other)), "{found:?}");
    Counters::new(client.clone(), mine).clear().expect("cleared");
    let found = keys();
    assert!(found.len() == 5 && found.iter().all(|key| key.starts_with(other)), "{found:?}");
}

#[test]
fn a_user_with_a_password_is_let_in_and_a_wrong_one_is_not_told() {
    const SECRET: &str = "correct-horse/battery";
    let server = PortServer::start(|port| {
        let rights = ["on", &format!(">{SECRET}"), "~deadheat:*", "+@all", "-@admin"];
        let words = ["--user", "ci"].into_iter().chain(rights).map(str::to_owned);
        words
            .chain(["--user", "default", "off", "--port"].map(str::to_owned))
            .chain([port.to_string()])
            .collect()
    });
    let at = |login: &str| {
        let url = format!("redis://{login}127.0.0.1:{}/2", server.port);
        Locks::new(RedisClient::new(&url).expect("a client"), PREFIX)
    };
    block_on(async {
        let locks = at("ci:correct-horse%2Fbattery@");
        assert!(take(&locks, "one", HOUR).await.is_some());
        let refused = at("ci:wrong-horse@").acquire("a", "one", HOUR).await.expect_err("a wrong password");
        assert_eq!(refused.kind(), RedisErrorKind::Refused);
        assert!(refused.to_string().contains("check user and password"), "{refused}");
        assert!(!format!("{refused} {refused:?}").contains("wrong-horse"), "{refused}");
        let refused = at("").acquire("a", "one", HOUR).await.expect_err("no password");
        assert_eq!(refused.kind(), RedisErrorKind::Refused, "{refused}");
        let elsewhere = Locks::new(
            RedisClient::new(&format!("redis://ci:correct-horse%2Fbattery@127.0.0.1:{}", server.port))
                .expect("a client"),
            "another:",
        );
        let denied = elsewhere.acquire("a", "one", HOUR).await.expect_err("keys that it may not touch");
        assert_eq!(denied.kind(), RedisErrorKind::Refused, "{denied}");
    });
}
