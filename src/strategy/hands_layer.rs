//! Hands that pass every call on to other hands, except for the methods that a layer overrides.

use super::{Answer, Blocking, Call, Hands, LocalFuture, ReportedTokens, Task, Unlock};
use crate::history::JobEnd;
use std::time::Duration;

/// What a layer can override; every other call goes to the hands inside.
pub(super) trait HandsLayer {
    /// The hands inside.
    fn inner(&self) -> &dyn Hands;

    /// Instead of [`Hands::record`].
    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        self.inner().record(task, answer, end, attempts);
    }
}

impl<T: HandsLayer> Hands for T {
    fn now(&self) -> Duration {
        self.inner().now()
    }

    fn earlier(&self) -> Option<&[Option<ReportedTokens>]> {
        self.inner().earlier()
    }

    fn attempt<'a>(&'a self, task: &'a Task, call: Call<'a>) -> LocalFuture<'a, Answer> {
        self.inner().attempt(task, call)
    }

    fn blocking<'a>(&'a self, task: &'a Task, call: Call<'a>) -> Blocking<'a> {
        self.inner().blocking(task, call)
    }

    fn holding<'a>(&'a self, lock: &'a str, token: u64) -> LocalFuture<'a, Unlock> {
        self.inner().holding(lock, token)
    }

    fn wait_until(&self, until: Duration) -> LocalFuture<'_, bool> {
        self.inner().wait_until(until)
    }

    fn stopped(&self) -> LocalFuture<'_, ()> {
        self.inner().stopped()
    }

    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        HandsLayer::record(self, task, answer, end, attempts);
    }

    fn cannot_work(&self, why: String) {
        self.inner().cannot_work(why);
    }

    fn count(&self, task: &Task, answer: &Answer) {
        self.inner().count(task, answer);
    }

    fn draw(&self, task: &Task, n: u32) -> f64 {
        self.inner().draw(task, n)
    }

    fn reserve(&self, task: &Task) -> bool {
        self.inner().reserve(task)
    }

    fn reserve_spare(&self, task: &Task) -> bool {
        self.inner().reserve_spare(task)
    }
}
