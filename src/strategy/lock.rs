//! What all strategies with a lock in Redis have in common: jobs of one question, one lock, one answer.

use super::REDIS_PATIENCE;
use super::hands_layer::HandsLayer;
use super::redis::{Locks, RedisClient, RedisError, Released, Store};
use super::{Answer, Hands, Lease, Task, Unlock};
use crate::history::{ErrorClass, JobEnd, Outcome};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::time::Duration;

/// How long a question's answer is kept for the other jobs that ask it.
const KEPT: Duration = Duration::from_secs(3600);
/// Between two looks at a lock that another holds, on average.
const POLL: Duration = Duration::from_millis(10);

/// Locks and answers of one cell.
#[derive(Debug)]
pub(super) struct QuestionLocks {
    locks: Locks,
    store: Store,
    pub(super) ttl: Duration,
}

/// A lock that was acquired.
#[derive(Debug)]
pub(super) struct HeldLock {
    pub(super) lock: String,
    pub(super) owner: String,
    pub(super) token: u64,
    pub(super) unlock: Unlock,
}

/// What came of asking for a question's lock.
pub(super) enum LockOutcome {
    /// Another process has asked the question already, to this end.
    Answered(Answer, JobEnd),
    /// The lock is held.
    Held(HeldLock),
    /// Redis could not be asked for so long that the job is given up.
    NoRedis,
    /// The run was stopped.
    Stopped,
}

/// What became of a question, as it is kept for others.
#[derive(Serialize, Deserialize)]
struct StoredEnd {
    id: Option<String>,
    text_hash: Option<String>,
    /// How the job ended that asked; `None` if it was answered.
    doubt: Option<JobEnd>,
}

impl StoredEnd {
    fn read(text: &str, now: Duration) -> Option<(Answer, JobEnd)> {
        let Self { id, text_hash, doubt } = serde_json::from_str(text).ok()?;
        let (outcome, error) = match doubt {
            None => (Outcome::Ok, None),
            Some(_) => (Outcome::Unknown, Some(ErrorClass::Reset)),
        };
        let answer = Answer { outcome, error, id, text_hash, ..Answer::not_sent(now) };
        Some((answer, doubt.unwrap_or(JobEnd::Answered)))
    }
}

impl QuestionLocks {
    pub(super) fn new(redis: &RedisClient, prefix: &str, ttl: Duration) -> Self {
        Self { locks: Locks::new(redis.clone(), prefix), store: Store::new(redis.clone(), prefix), ttl }
    }

    /// What became of the task's question, if that is known.
    async fn answer(&self, task: &Task, now: Duration) -> Result<Option<(Answer, JobEnd)>, RedisError> {
        let text = self.store.get(task.question).await?;
        Ok(text.and_then(|text| StoredEnd::read(&text, now)))
    }

    /// Keeps an answer for the other jobs of its question. An answer that cannot be kept is asked for again
    /// by them, which the ledger shows.
    pub(super) async fn keep(&self, task: &Task, answer: &Answer, end: JobEnd) {
        let doubt = (answer.outcome != Outcome::Ok).then_some(end);
        let kept = StoredEnd { id: answer.id.clone(), text_hash: answer.text_hash.clone(), doubt };
        let Ok(text) = serde_json::to_string(&kept) else { return };
        for _ in 0..3 {
            // A doubt must not take an answer's place: its lock may have been lost.
            let kept = match doubt {
                None => self.store.put(task.question, &text, KEPT).await,
                Some(_) => self.store.put_first(task.question, &text, KEPT).await.map(drop),
            };
            if kept.is_ok() {
                return;
            }
        }
    }

    /// Waits for the answer to the task's question, or for its lock.
    pub(super) async fn turn(&self, task: &Task, hands: &dyn Hands) -> LockOutcome {
        let mut looks = 0;
        let mut silent_since = None;
        loop {
            match self.look(task, hands.now()).await {
                Ok(Some(turn)) => return turn,
                Ok(None) => silent_since = None,
                Err(_) => {
                    let since = *silent_since.get_or_insert(hands.now());
                    if hands.now() - since > REDIS_PATIENCE {
                        return LockOutcome::NoRedis;
                    }
                }
            }
            looks += 1;
            let pause = POLL.mul_f64(0.5 + hands.draw(task, looks));
            if !hands.wait_until(hands.now() + pause).await {
                return LockOutcome::Stopped;
            }
        }
    }

    async fn look(&self, task: &Task, now: Duration) -> Result<Option<LockOutcome>, RedisError> {
        if let Some((answer, end)) = self.answer(task, now).await? {
            return Ok(Some(LockOutcome::Answered(answer, end)));
        }
        let lock = format!("question:{:04}", task.question);
        let owner = self.locks.owner_token();
        let token = self.locks.acquire(&lock, &owner, self.ttl).await?;
        Ok(token.map(|token| LockOutcome::Held(HeldLock { lock, owner, token, unlock: Unlock::Heard })))
    }

    /// Looks once more, under the lock: its last holder may have answered in between. If not, the lock
    /// is about to be used.
    pub(super) async fn settled(
        &self,
        held: &mut HeldLock,
        task: &Task,
        hands: &dyn Hands,
    ) -> Option<(Answer, JobEnd)> {
        if let Ok(Some(known)) = self.answer(task, hands.now()).await {
            return Some(known);
        }
        held.unlock = hands.holding(&held.lock, held.token).await;
        None
    }

    /// Whether the lock is still held; if so it lasts for a whole term again.
    pub(super) async fn renew(&self, held: &HeldLock) -> bool {
        self.locks.renew(&held.lock, &held.owner, self.ttl).await.unwrap_or(false)
    }

    /// Gives the lock back if it is still this holder's. Whatever comes of it, its time ends it.
    pub(super) async fn release(&self, held: &HeldLock) -> Option<Released> {
        match held.unlock {
            Unlock::Heard => self.locks.release(&held.lock, &held.owner).await.ok(),
            Unlock::Lost => {
                let _ = self.locks.release_without_answer(&held.lock, &held.owner).await;
                None
            }
        }
    }

    /// Deletes the lock, held by its owner or not.
    pub(super) async fn release_unchecked(&self, held: &HeldLock) {
        let _ = self.locks.release_unchecked(&held.lock).await;
    }
}

impl HeldLock {
    /// What an attempt under this lock carries.
    pub(super) fn lease(&self, checked: bool) -> Lease {
        Lease { lock: self.lock.clone(), token: self.token, checked }
    }
}

/// Takes what a job came to, before it is recorded.
pub(super) struct EndCapture<'a> {
    hands: &'a dyn Hands,
    result: RefCell<Option<(Answer, JobEnd, u32)>>,
}

impl<'a> EndCapture<'a> {
    pub(super) fn new(hands: &'a dyn Hands) -> Self {
        Self { hands, result: RefCell::default() }
    }

    pub(super) fn result(self) -> Option<(Answer, JobEnd, u32)> {
        self.result.into_inner()
    }
}

impl HandsLayer for EndCapture<'_> {
    fn inner(&self) -> &dyn Hands {
        self.hands
    }

    fn record(&self, _: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        self.result.replace(Some((answer.clone(), end, attempts)));
    }
}

/// Ends a job that never came to its turn; `false` if it did.
pub(super) fn without_turn(turn: &LockOutcome, task: &Task, hands: &dyn Hands, attempts: u32) -> bool {
    match turn {
        LockOutcome::Answered(answer, end) => hands.record(task, answer, *end, attempts),
        LockOutcome::NoRedis => {
            hands.record(task, &Answer::not_sent(hands.now()), JobEnd::Exhausted, attempts)
        }
        LockOutcome::Stopped => {
            hands.record(task, &Answer::not_sent(hands.now()), JobEnd::Cancelled, attempts)
        }
        LockOutcome::Held(_) => return false,
    }
    true
}
