//! `broken-result-order`: results are appended as they complete, and taken in the order of the jobs.
//!
//! `for future in as_completed(futures): results.append(…)`, then `zip(jobs, results)`: the first answer goes
//! to the first job, whichever asked for it.

use crate::history::JobEnd;
use crate::strategy::hands_layer::HandsLayer;
use crate::strategy::{
    Answer, Hands, LocalFuture, ProcessContext, Retry, RetryPolicy, Semaphore, Single, Strategy, Task,
};
use crate::sync::lock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;

// `[strategy.broken-result-order]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Single);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        Arc::new(CompletionOrder::new(self.0.permits, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("results in the order of completion")
    }
}

/// Gives the n-th answer to the n-th job.
#[derive(Debug)]
pub struct CompletionOrder {
    inner: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Jobs in the order in which they were begun.
    begun: Vec<Task>,
    completed: usize,
}

impl CompletionOrder {
    /// With so many permits, and this retry policy.
    #[must_use]
    pub fn new(permits: u32, retry: RetryPolicy) -> Self {
        Self { inner: Semaphore::new(permits, retry), state: Mutex::default() }
    }
}

struct ReorderingHands<'a> {
    hands: Rc<dyn Hands + 'a>,
    state: &'a Mutex<State>,
}

impl HandsLayer for ReorderingHands<'_> {
    fn inner(&self) -> &dyn Hands {
        &*self.hands
    }

    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        let owner = {
            let mut state = lock(self.state);
            state.completed += 1;
            state.begun.get(state.completed - 1).cloned()
        };
        self.hands.record(owner.as_ref().unwrap_or(task), answer, end, attempts);
    }
}

impl Strategy for CompletionOrder {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        lock(&self.state).begun.push(task.clone());
        self.inner.run(task, Rc::new(ReorderingHands { hands, state: &self.state }))
    }
}
