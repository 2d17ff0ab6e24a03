//! Clients with a bug: a right strategy whose hands are bent.

use deadheat::history::{JobEnd, Outcome};
use deadheat::strategy::{Answer, Blocking, Call, Hands, LocalFuture, ReportedTokens, Strategy, Task};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A job whose result waits for another's.
pub(crate) type Kept = (Task, Answer, JobEnd, u32);

/// What is wrong with a client. Where it names a job, only that one suffers.
pub(crate) enum Bug {
    /// Tries again what was refused for good.
    DeafToRefusals,
    /// Counts answered requests only.
    CountsSuccesses,
    /// Books a request twice.
    CountsTwice(u64),
    /// Books the tokens of every answer twice.
    BooksTokensTwice,
    /// Loses the tokens of one answer.
    LosesTokens(u64),
    /// Gives two jobs each other's answers.
    Swaps(u64, u64, Mutex<Option<Box<Kept>>>),
    /// Records a result twice.
    RecordsTwice(u64),
    /// Records no result.
    RecordsNone(u64),
    /// Keeps a text that is not the one that came.
    CutsText(u64),
    /// Takes whatever came for a whole answer.
    TakesAllForOk,
}

/// A strategy with a bug.
pub(crate) struct Bent {
    pub(crate) inner: Arc<dyn Strategy>,
    pub(crate) bug: Bug,
}

impl Strategy for Bent {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        self.inner.run(task, Rc::new(BentHands { inner: hands, bug: &self.bug }))
    }
}

struct BentHands<'a> {
    inner: Rc<dyn Hands + 'a>,
    bug: &'a Bug,
}

impl Hands for BentHands<'_> {
    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn attempt<'a>(&'a self, task: &'a Task, call: Call<'a>) -> LocalFuture<'a, Answer> {
        Box::pin(async move {
            let mut answer = self.inner.attempt(task, call).await;
            match self.bug {
                Bug::DeafToRefusals if answer.error.is_some() => answer.should_retry = Some(true),
                Bug::TakesAllForOk => (answer.outcome, answer.error) = (Outcome::Ok, None),
                _ => {}
            }
            answer
        })
    }

    fn blocking<'a>(&'a self, task: &'a Task, call: Call<'a>) -> Blocking<'a> {
        self.inner.blocking(task, call)
    }

    fn wait_until(&self, until: Duration) -> LocalFuture<'_, bool> {
        self.inner.wait_until(until)
    }

    fn stopped(&self) -> LocalFuture<'_, ()> {
        self.inner.stopped()
    }

    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        let job = task.job.index;
        match self.bug {
            Bug::RecordsNone(bad) if *bad == job => {}
            Bug::RecordsTwice(bad) if *bad == job => {
                self.inner.record(task, answer, end, attempts);
                self.inner.record(task, answer, end, attempts);
            }
            Bug::CutsText(bad) if *bad == job => {
                let text_hash = Some("00000000deadbeef".to_owned());
                self.inner.record(task, &Answer { text_hash, ..answer.clone() }, end, attempts);
            }
            Bug::Swaps(a, b, kept) if *a == job || *b == job => {
                let other = kept.lock().expect("no panic while it is held").take();
                match other {
                    None => {
                        let mine = Box::new((task.clone(), answer.clone(), end, attempts));
                        *kept.lock().expect("no panic while it is held") = Some(mine);
                    }
                    Some(kept) => {
                        let (first, its_answer, its_end, its_attempts) = *kept;
                        self.inner.record(&first, answer, end, its_attempts);
                        self.inner.record(task, &its_answer, its_end, attempts);
                    }
                }
            }
            _ => self.inner.record(task, answer, end, attempts),
        }
    }

    fn cannot_work(&self, why: String) {
        self.inner.cannot_work(why);
    }

    fn count(&self, task: &Task, answer: &Answer) {
        let job = task.job.index;
        match self.bug {
            Bug::CountsSuccesses if answer.outcome != Outcome::Ok => {}
            Bug::CountsTwice(bad) if *bad == job => {
                self.inner.count(task, answer);
                self.inner.count(task, &Answer { usage: None, ..answer.clone() });
            }
            Bug::LosesTokens(bad) if *bad == job => {
                self.inner.count(task, &Answer { usage: None, ..answer.clone() });
            }
            Bug::BooksTokensTwice => {
                let twice = |usage: ReportedTokens| ReportedTokens {
                    prompt_tokens: 2 * usage.prompt_tokens,
                    completion_tokens: 2 * usage.completion_tokens,
                };
                self.inner.count(task, &Answer { usage: answer.usage.map(twice), ..answer.clone() });
            }
            _ => self.inner.count(task, answer),
        }
    }

    fn draw(&self, task: &Task, n: u32) -> f64 {
        self.inner.draw(task, n)
    }

    fn reserve(&self, task: &Task) -> bool {
        self.inner.reserve(task)
    }
}
