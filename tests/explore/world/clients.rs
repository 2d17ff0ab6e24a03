//! Clients as people write them, each with one race, and a right one.

use super::*;
use std::cell::Cell;

const GIVES_UP: Option<Duration> = Some(Duration::from_millis(150));

fn client(jobs: u64, start: fn(&Api, u64) -> Vec<Task>, judge: fn(&Books, u64) -> Judged) -> Client {
    Client { jobs, start, judge, runs: 0 }
}

/// One task per job.
fn each(jobs: u64, task: impl Fn(u64) -> Task) -> Vec<Task> {
    (0..jobs).map(task).collect()
}

fn matches(books: &Books, _: u64) -> Judged {
    let wrong = books.results.iter().find(|(job, answer)| answer.is_some_and(|of| of != **job));
    let verdict = match wrong {
        Some((job, answer)) => {
            Err(format!("{} was given the answer of job {}", key(*job, 1).job, answer.unwrap_or(0)))
        }
        None => Ok(books.results.len() as u64),
    };
    vec![(Invariant::AnswerMatchesJob, verdict)]
}

fn billed_once(books: &Books, jobs: u64) -> (Invariant, Result<u64, String>) {
    let times = |job: u64| books.billed.iter().filter(|(k, n)| k.job == key(job, 1).job && **n > 0).count();
    let twice = (0..jobs).find(|job| times(*job) > 1);
    let verdict = match twice {
        Some(job) => Err(format!("{} was billed {} times", key(job, 1).job, times(job))),
        None => Ok(jobs),
    };
    (Invariant::BilledOnce, verdict)
}

fn progress(books: &Books, _: u64) -> Judged {
    let verdict = if books.stuck { Err("nothing happened any more".to_owned()) } else { Ok(1) };
    vec![(Invariant::Progress, verdict)]
}

/// Gathers answers as they come, and zips them with the jobs.
pub(crate) fn zips() -> Client {
    fn start(api: &Api, jobs: u64) -> Vec<Task> {
        let came: Rc<RefCell<Vec<Option<u64>>>> = Rc::default();
        each(jobs, |job| {
            let (api, came) = (api.clone(), came.clone());
            Box::pin(async move {
                let reply = api.call(key(job, 1), None, false).await;
                let Reply::Ok { of } = reply else { return };
                came.borrow_mut().push(Some(of));
                if came.borrow().len() as u64 == jobs {
                    (0..jobs).zip(came.borrow().iter()).for_each(|(job, answer)| api.result(job, *answer));
                }
            })
        })
    }
    client(12, start, matches)
}

/// Whatever came last is shown, not whatever was asked last.
pub(crate) fn overwrites() -> Client {
    fn start(api: &Api, jobs: u64) -> Vec<Task> {
        each(jobs, |job| {
            let api = api.clone();
            Box::pin(async move {
                if let Reply::Ok { of } = api.call(key(job, 1), None, false).await {
                    api.result(jobs - 1, Some(of));
                }
            })
        })
    }
    client(8, start, matches)
}

/// Three pairs of lanes. Each pair adds to a total that it read before a call.
pub(crate) fn loses_updates() -> Client {
    fn start(api: &Api, jobs: u64) -> Vec<Task> {
        let mut tasks: Vec<Task> = Vec::new();
        for first in (0..jobs).step_by(3) {
            let total = Rc::new(Cell::new(0));
            let add = move |api: Api, total: Rc<Cell<u64>>, job: u64| async move {
                let before = total.get();
                if let Reply::Ok { .. } = api.call(key(job, 1), None, false).await {
                    total.set(before + TOKENS);
                    api.0.borrow_mut().books.totals.insert(first, total.get());
                }
            };
            tasks.push(Box::pin(add(api.clone(), total.clone(), first)));
            let api = api.clone();
            tasks.push(Box::pin(async move {
                if first + 2 < jobs {
                    api.call(key(first + 1, 1), None, false).await;
                    add(api, total, first + 2).await;
                }
            }));
        }
        tasks
    }
    fn judge(books: &Books, jobs: u64) -> Judged {
        let billed = |job: u64| books.billed.get(&key(job, 1)).copied().unwrap_or(0);
        let whole = (0..jobs).step_by(3).filter(|first| first + 2 < jobs);
        let lost = whole.map(|first| (first, billed(first) + billed(first + 2))).find(|(first, billed)| {
            let struck = *billed < 2 * TOKENS;
            !struck && books.totals.get(first).is_some_and(|total| total < billed)
        });
        let verdict = match lost {
            Some((first, billed)) => {
                Err(format!("{billed} tokens were billed, {:?} counted", books.totals[&first]))
            }
            None => Ok(jobs / 3),
        };
        vec![(Invariant::TokensCounted, verdict)]
    }
    client(9, start, judge)
}

/// Looks into a cache, and asks if nothing is there; two may look before one has asked.
pub(crate) fn asks_twice() -> Client {
    fn start(api: &Api, _: u64) -> Vec<Task> {
        let cache = Rc::new(Cell::new(false));
        let (first, filled) = (api.clone(), cache.clone());
        let second = api.clone();
        vec![
            Box::pin(async move {
                first.call(key(0, 1), None, false).await;
                filled.set(true);
            }),
            Box::pin(async move {
                second.call(key(1, 1), None, false).await;
                if !cache.get() {
                    second.call(key(0, 2), None, false).await;
                }
            }),
        ]
    }
    client(2, start, |books, jobs| vec![billed_once(books, jobs)])
}

/// The first error ends everything; what is under way was paid for.
pub(crate) fn aborts() -> Client {
    fn start(api: &Api, jobs: u64) -> Vec<Task> {
        let failed = Rc::new(Cell::new(false));
        each(jobs, |job| {
            let (api, failed) = (api.clone(), failed.clone());
            Box::pin(async move {
                let mut call = Box::pin(api.call(key(job, 1), None, false));
                let over = failed.clone();
                let reply = std::future::poll_fn(move |cx| match over.get() {
                    true => Poll::Ready(None),
                    false => call.as_mut().poll(cx).map(Some),
                });
                match reply.await {
                    Some(Reply::Ok { of }) => api.result(job, Some(of)),
                    Some(_) => {
                        failed.set(true);
                        api.result(job, None);
                    }
                    None => {}
                }
            })
        })
    }
    fn judge(books: &Books, jobs: u64) -> Judged {
        let lost = (0..jobs).find(|job| {
            books.billed.get(&key(*job, 1)).is_some_and(|n| *n > 0) && !books.results.contains_key(job)
        });
        let verdict = match lost {
            Some(job) => Err(format!("{} was paid for and has no result", key(job, 1).job)),
            None => Ok(jobs),
        };
        vec![(Invariant::OneResultPerJob, verdict)]
    }
    client(10, start, judge)
}

/// Two permits, and a job that takes a second one while it has the first.
pub(crate) fn nests_permits() -> Client {
    async fn permit(permits: &Cell<u32>) {
        std::future::poll_fn(|_| match permits.get() {
            0 => Poll::Pending,
            free => {
                permits.set(free - 1);
                Poll::Ready(())
            }
        })
        .await;
    }
    fn start(api: &Api, jobs: u64) -> Vec<Task> {
        let permits = Rc::new(Cell::new(2));
        each(jobs, |job| {
            let (api, permits) = (api.clone(), permits.clone());
            Box::pin(async move {
                // Jobs come one after the other, as long as none is slow.
                let warm = 2 * job as u32;
                for attempt in 1..=warm {
                    api.call(key(job, attempt), None, false).await;
                }
                permit(&permits).await;
                api.call(key(job, warm + 1), None, false).await;
                permit(&permits).await;
                api.call(key(job, warm + 2), None, false).await;
                permits.set(permits.get() + 2);
                api.changed();
            })
        })
    }
    client(3, start, progress)
}

/// Sends again what was not answered in time, as if it had not been accepted.
pub(crate) fn submits_twice() -> Client {
    fn start(api: &Api, jobs: u64) -> Vec<Task> {
        each(jobs, |job| {
            let api = api.clone();
            Box::pin(async move {
                for attempt in 1..=3 {
                    match api.call(key(job, attempt), GIVES_UP, false).await {
                        Reply::TimedOut => continue,
                        Reply::Ok { of } => return api.result(job, Some(of)),
                        _ => break,
                    }
                }
                api.result(job, None);
            })
        })
    }
    client(20, start, |books, jobs| vec![billed_once(books, jobs)])
}

/// A lock that lasts 150 ms, whatever is still at work under it.
pub(crate) fn outlives_its_lease() -> Client {
    fn start(api: &Api, jobs: u64) -> Vec<Task> {
        let lease: Rc<Cell<Option<Duration>>> = Rc::default();
        let inside = Rc::new(Cell::new(0_u32));
        each(jobs, |job| {
            let (api, lease, inside) = (api.clone(), lease.clone(), inside.clone());
            Box::pin(async move {
                while lease.get().is_some_and(|until| api.now() < until) {
                    api.sleep(Duration::from_millis(5)).await;
                }
                lease.set(Some(api.now() + Duration::from_millis(150)));
                inside.set(inside.get() + 1);
                if inside.get() > 1 {
                    api.0.borrow_mut().books.overlap = true;
                }
                api.call(key(job, 1), None, false).await;
                inside.set(inside.get() - 1);
                lease.set(None);
            })
        })
    }
    fn judge(books: &Books, jobs: u64) -> Judged {
        let verdict = if books.overlap { Err("two at work under one lock".to_owned()) } else { Ok(jobs) };
        vec![(Invariant::LockExclusive, verdict)]
    }
    client(6, start, judge)
}

/// Waits as it is told, sends again with one idempotency key, books by job, and admits what failed.
pub(crate) fn right() -> Client {
    fn start(api: &Api, jobs: u64) -> Vec<Task> {
        each(jobs, |job| {
            let api = api.clone();
            Box::pin(async move {
                for attempt in 1..=4 {
                    let accepted = (1..attempt).any(|n| {
                        api.0.borrow().books.billed.get(&key(job, n)).is_some_and(|billed| *billed > 0)
                    });
                    match api.call(key(job, attempt), GIVES_UP, accepted).await {
                        Reply::Ok { of } => return api.result(job, Some(of)),
                        Reply::Status { permanent: true, .. } => break,
                        Reply::Status { wait, .. } => api.sleep(wait).await,
                        Reply::TimedOut | Reply::Broken => api.sleep(Duration::from_millis(20)).await,
                    }
                }
                api.result(job, None);
            })
        })
    }
    fn judge(books: &Books, jobs: u64) -> Judged {
        let lost = (0..jobs).find(|job| !books.results.contains_key(job));
        let results = lost.map_or(Ok(jobs), |job| Err(format!("{} has no result", key(job, 1).job)));
        let mut judged = vec![billed_once(books, jobs), (Invariant::OneResultPerJob, results)];
        judged.extend(matches(books, jobs));
        judged.extend(progress(books, jobs));
        judged.push((Invariant::FencingMonotonic, Ok(0)));
        judged
    }
    client(12, start, judge)
}
