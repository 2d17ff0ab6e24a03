//! `broken-cache`: looks into the cache, calls, stores.
//!
//! `if key not in cache: cache[key] = await call()`: all that look before the first answer is there call.

use crate::history::{JobEnd, Outcome};
use crate::strategy::hands_layer::HandsLayer;
use crate::strategy::{
    Answer, Hands, LocalFuture, ProcessContext, Retry, RetryPolicy, Semaphore, Single, Strategy, Task,
};
use crate::sync::lock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;

// `[strategy.broken-cache]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Single);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        Arc::new(CheckedCache::new(self.0.permits, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("check-then-act cache")
    }

    fn shares_answers(&self) -> bool {
        true
    }
}

/// Keeps the answer to each question.
#[derive(Debug)]
pub struct CheckedCache {
    inner: Semaphore,
    answers: Mutex<HashMap<u64, Answer>>,
}

impl CheckedCache {
    /// With so many permits, and this retry policy.
    #[must_use]
    pub fn new(permits: u32, retry: RetryPolicy) -> Self {
        Self { inner: Semaphore::new(permits, retry), answers: Mutex::default() }
    }
}

struct Storing<'a> {
    hands: Rc<dyn Hands + 'a>,
    answers: &'a Mutex<HashMap<u64, Answer>>,
}

impl HandsLayer for Storing<'_> {
    fn inner(&self) -> &dyn Hands {
        &*self.hands
    }

    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        if answer.outcome == Outcome::Ok {
            lock(self.answers).insert(task.question, answer.clone());
        }
        self.hands.record(task, answer, end, attempts);
    }
}

impl Strategy for CheckedCache {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        let known = lock(&self.answers).get(&task.question).cloned();
        match known {
            Some(answer) => Box::pin(async move { hands.record(&task, &answer, JobEnd::Answered, 0) }),
            None => self.inner.run(task, Rc::new(Storing { hands, answers: &self.answers })),
        }
    }
}
