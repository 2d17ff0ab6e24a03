//! A thief of locks: takes the lock away from one who is about to call, and lets the call go on when the next
//! holder's is under way. So its token is stale by then.

use deadheat::history::JobEnd;
use deadheat::strategy::redis::{Locks, RedisClient};
use deadheat::strategy::{
    Answer, Blocking, Call, Hands, LocalFuture, ReportedTokens, Strategy, Task, Unlock,
};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// For how long a victim waits for a client that takes its lock: there may be none any more.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks whether one has.
const LOOK: Duration = Duration::from_millis(5);
/// How long a request takes to its provider, at the most.
const ON_THE_WAY: Duration = Duration::from_millis(100);

/// A strategy with locks, every third job of which is robbed once.
pub(crate) struct Thief {
    inner: Arc<dyn Strategy>,
    locks: Locks,
    /// The newest token under which a call has begun, and when, for each lock.
    newest: Mutex<HashMap<String, (u64, Duration)>>,
}

impl Thief {
    pub(crate) fn new(inner: Arc<dyn Strategy>, redis: &RedisClient, prefix: &str) -> Self {
        Self { inner, locks: Locks::new(redis.clone(), prefix), newest: Mutex::default() }
    }

    async fn rob(&self, lock: &str, token: u64, hands: &dyn Hands) {
        self.locks.release_unchecked(lock).await.expect("an answer");
        let until = hands.now() + PATIENCE;
        while hands.now() < until {
            let newest = self.newest.lock().expect("whole").get(lock).copied();
            if newest.is_some_and(|(newer, begun)| newer > token && hands.now() > begun + ON_THE_WAY) {
                return;
            }
            if !hands.wait_until(hands.now() + LOOK).await {
                return;
            }
        }
    }
}

impl Strategy for Thief {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        self.inner.run(task, Rc::new(Robbed { hands, thief: self }))
    }
}

struct Robbed<'a> {
    hands: Rc<dyn Hands + 'a>,
    thief: &'a Thief,
}

impl Hands for Robbed<'_> {
    fn now(&self) -> Duration {
        self.hands.now()
    }

    fn earlier(&self) -> Option<&[Option<ReportedTokens>]> {
        self.hands.earlier()
    }

    fn attempt<'a>(&'a self, task: &'a Task, call: Call<'a>) -> LocalFuture<'a, Answer> {
        Box::pin(async move {
            if let Some(lease) = &call.lease {
                if task.job.index.is_multiple_of(3) && call.n == 1 {
                    self.thief.rob(&lease.lock, lease.token, &*self.hands).await;
                }
                let mut newest = self.thief.newest.lock().expect("whole");
                let known = newest.entry(lease.lock.clone()).or_default();
                *known = (*known).max((lease.token, self.hands.now()));
            }
            self.hands.attempt(task, call).await
        })
    }

    fn blocking<'a>(&'a self, task: &'a Task, call: Call<'a>) -> Blocking<'a> {
        self.hands.blocking(task, call)
    }

    fn cannot_work(&self, why: String) {
        self.hands.cannot_work(why);
    }

    fn has_threads(&self) -> bool {
        self.hands.has_threads()
    }

    fn holding<'a>(&'a self, lock: &'a str, token: u64) -> LocalFuture<'a, Unlock> {
        self.hands.holding(lock, token)
    }

    fn wait_until(&self, until: Duration) -> LocalFuture<'_, bool> {
        self.hands.wait_until(until)
    }

    fn stopped(&self) -> LocalFuture<'_, ()> {
        self.hands.stopped()
    }

    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        self.hands.record(task, answer, end, attempts);
    }

    fn count(&self, task: &Task, answer: &Answer) {
        self.hands.count(task, answer);
    }

    fn draw(&self, task: &Task, n: u32) -> f64 {
        self.hands.draw(task, n)
    }

    fn reserve(&self, task: &Task) -> bool {
        self.hands.reserve(task)
    }

    fn reserve_spare(&self, task: &Task) -> bool {
        self.hands.reserve_spare(task)
    }
}
