//! The three lock workloads of Jepsen's report on etcd 3.4.3, on real Redis, with holders that pause for
//! longer than their lock lasts: what a lock with a time to live promises, what it does not, and what the
//! fencing token adds.

use crate::linear::{Counter, CounterOp, Lock, LockOp, operation};
use crate::redis_support;

use deadheat::clock::{Clock, ns};
use deadheat::engine::RedisServer;
use deadheat::shared::Fence;
use deadheat::strategy::redis::{Locks, RedisClient, Released};
use porcupine_rs::{Operation, check_operations};
use redis_support::{block_on, pause, until};
use std::sync::Mutex;
use std::time::Duration;

const CLIENTS: u64 = 4;
const TURNS: u64 = 12;
const HOUR: Duration = Duration::from_secs(3600);
const TTL: Duration = Duration::from_millis(25);
/// A holder's pause: longer than its lock lasts.
const PAUSE: Duration = Duration::from_millis(60);

fn server() -> (RedisServer, Locks) {
    let server = RedisServer::spawn().expect("a server");
    let client = RedisClient::new(&server.url()).expect("a client");
    (server, Locks::new(client, "deadheat:jepsen:0:"))
}

/// Runs every client's turns on a thread of its own, each numbered uniquely.
fn clients(turn: impl AsyncFn(u64) + Sync) {
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let turn = &turn;
            scope.spawn(move || {
                block_on(async {
                    for n in 0..TURNS {
                        turn(client * TURNS + n).await;
                    }
                });
            });
        }
    });
}

async fn hold(locks: &Locks, owner: &str, ttl: Duration) -> u64 {
    until(async || locks.acquire("register", owner, ttl).await.expect("an answer")).await
}

/// When a client believed that it held the lock: from its grant to its own release; and when it had asked for
/// the one, and was answered to the other.
#[derive(Debug, Clone, Copy)]
struct Held {
    asked: Duration,
    from: Duration,
    until: Duration,
    answered: Duration,
    token: u64,
}

/// What the clients saw of the lock, as operations.
fn operations(held: &[Held]) -> Vec<Operation<Lock>> {
    let seen = |(owner, held): (u64, &Held)| {
        let token = held.token;
        let acquired = LockOp::Acquired { owner, token };
        [
            operation(owner, (ns(held.asked), ns(held.from)), acquired),
            operation(owner, (ns(held.until), ns(held.answered)), LockOp::Released { owner }),
        ]
    };
    (0..).zip(held).flat_map(seen).collect()
}

/// What contradicts a mutex: two holders at once, and tokens that do not follow the order of the grants.
fn contradictions(mut held: Vec<Held>) -> (usize, usize) {
    held.sort_by_key(|held| held.from);
    let both = held.windows(2).filter(|pair| pair[1].from < pair[0].until).count();
    let backwards = held.windows(2).filter(|pair| pair[1].token <= pair[0].token).count();
    (both, backwards)
}

fn mutex(ttl: Duration, pauses: bool) -> Vec<Held> {
    let (_server, locks) = server();
    let clock = Clock::start();
    let all = Mutex::new(Vec::new());
    clients(async |turn| {
        let (owner, asked) = (locks.owner_token(), clock.now());
        let token = hold(&locks, &owner, ttl).await;
        let from = clock.now();
        pause(if pauses && turn % 4 == 0 { PAUSE } else { Duration::from_millis(1) }).await;
        // Until here the client believes that it holds the lock: the answer comes when it is free already.
        let until = clock.now();
        let released = locks.release("register", &owner).await.expect("an answer");
        assert!(pauses || released == Released::Yes, "lost a lock within its time");
        let answered = clock.now();
        all.lock().expect("no panic").push(Held { asked, from, until, answered, token });
    });
    all.into_inner().expect("no panic")
}

#[test]
fn without_pauses_a_lock_is_a_mutex() {
    let held = mutex(HOUR, false);
    assert_eq!(held.len() as u64, CLIENTS * TURNS);
    assert!(check_operations(&operations(&held)));
    assert_eq!(contradictions(held), (0, 0));
}

#[test]
fn a_pause_past_its_time_makes_two_holders() {
    let held = mutex(TTL, true);
    assert!(!check_operations(&operations(&held)), "two holders at once");
    let (both, _) = contradictions(held);
    assert!(both > 0, "no two clients held the lock at once: the pauses did nothing");
}

#[test]
fn two_holders_and_a_token_that_shrinks_are_seen() {
    let held = |from, until, token| {
        let [from, until] = [from, until].map(Duration::from_millis);
        Held { asked: from, from, until, answered: until, token }
    };
    let linear = |held: [Held; 2]| check_operations(&operations(&held));
    assert!(linear([held(20, 30, 2), held(0, 20, 1)]));
    assert!(!linear([held(0, 21, 1), held(20, 30, 2)]), "two holders");
    assert!(!linear([held(0, 20, 2), held(21, 30, 2)]), "one token twice");
    assert_eq!(contradictions(vec![held(20, 30, 2), held(0, 20, 1)]), (0, 0));
    assert_eq!(contradictions(vec![held(0, 21, 1), held(20, 30, 2)]), (1, 0));
    assert_eq!(contradictions(vec![held(0, 20, 2), held(20, 30, 2)]), (0, 1));
}

/// What the lock is there for: a set that clients read, add to, and write back whole.
#[derive(Default)]
struct Register {
    fence: Fence,
    value: Mutex<Vec<u64>>,
}

impl Register {
    fn read(&self) -> Vec<u64> {
        self.value.lock().expect("no panic").clone()
    }

    /// Writes; under a token only if no newer one was seen.
    fn write(&self, value: Vec<u64>, token: Option<u64>) -> bool {
        let mut current = self.value.lock().expect("no panic");
        let admitted = token.is_none_or(|token| self.fence.admit(token));
        if admitted {
            *current = value;
        }
        admitted
    }

    /// Reads under a token, which from then on bars all that are older.
    fn read_fenced(&self, token: u64) -> Option<Vec<u64>> {
        let current = self.value.lock().expect("no panic");
        self.fence.admit(token).then(|| current.clone())
    }
}

/// Every client adds its turns' numbers to the register under the lock; a quarter of them pauses between
/// reading and writing. Returns (writes that were acknowledged and are gone, writes that were refused), and
/// whether each turn could have been one step that adds a number and says how many there are.
fn read_modify_write(fenced: bool) -> (usize, usize, bool) {
    let (_server, locks) = server();
    let (register, clock) = (Register::default(), Clock::start());
    let (acknowledged, refused) = (Mutex::new(Vec::new()), Mutex::new(0));
    let history = Mutex::new(Vec::new());
    let seen = |process, call, seen| operation::<Counter>(process, (ns(call), clock.now_ns()), seen);
    let number = |numbers: usize| i64::try_from(numbers).expect("a few");
    clients(async |turn| {
        let called = clock.now();
        // A client that is refused tries again with a new lock; without the token none is.
        for attempt in 0.. {
            let owner = locks.owner_token();
            let token = hold(&locks, &owner, TTL).await;
            let read = if fenced { register.read_fenced(token) } else { Some(register.read()) };
            if turn % 4 == 0 && attempt == 0 {
                pause(PAUSE).await;
            }
            let written = read.and_then(|mut value| {
                value.push(turn);
                let numbers = value.len();
                register.write(value, fenced.then_some(token)).then_some(numbers)
            });
            locks.release("register", &owner).await.expect("an answer");
            if let Some(numbers) = written {
                let added = seen(turn / TURNS, called, CounterOp::Add { sum: number(numbers) });
                history.lock().expect("no panic").push(added);
                acknowledged.lock().expect("no panic").push(turn);
                break;
            }
            *refused.lock().expect("no panic") += 1;
        }
    });
    let called = clock.now();
    let value = register.read();
    let mut history = history.into_inner().expect("no panic");
    history.push(seen(CLIENTS, called, CounterOp::Read(number(value.len()))));
    let acknowledged = acknowledged.into_inner().expect("no panic");
    assert_eq!(acknowledged.len() as u64, CLIENTS * TURNS);
    let lost = acknowledged.iter().filter(|turn| !value.contains(turn)).count();
    (lost, refused.into_inner().expect("no panic"), check_operations(&history))
}

#[test]
fn under_the_lock_alone_updates_are_lost() {
    let (lost, refused, linear) = read_modify_write(false);
    assert!(!linear, "an update was lost");
    println!("{lost} of {} updates lost", CLIENTS * TURNS);
    assert_eq!(refused, 0);
    assert!(lost > 0, "no update was lost: the pauses did nothing");
}

#[test]
fn under_the_fencing_token_none_is() {
    let (lost, refused, linear) = read_modify_write(true);
    assert!(linear);
    println!("{refused} stale steps refused");
    assert_eq!(lost, 0);
    assert!(refused > 0, "no stale write was refused: the pauses did nothing");
}

#[test]
fn a_token_that_only_writes_check_is_not_enough_for_what_was_read_before() {
    // The first holder's lock ends, the second one reads, and only then the first one writes: its token is
    // still the newest that the register has seen. So reads must show their token too.
    for reads_show_it in [false, true] {
        let register = Register::default();
        let read = |token| if reads_show_it { register.read_fenced(token) } else { Some(register.read()) };
        let (first, second) = (read(1).expect("the newest"), read(2).expect("the newest"));
        let first_written = register.write([first, vec![1]].concat(), Some(1));
        assert!(register.write([second, vec![2]].concat(), Some(2)), "the newest was refused");
        let lost = first_written && !register.read().contains(&1);
        assert_eq!(lost, !reads_show_it);
    }
}
