//! One run of a client in the world, and how its books become verdicts.

use super::*;
use deadheat::explore::{Subject, Trial};
use deadheat::summary::{Verdict, VerdictRow, Witness};
use std::task::Waker;

/// A client: its tasks, for so many jobs, and how its books are judged.
pub(crate) struct Client {
    pub(crate) jobs: u64,
    pub(crate) start: fn(&Api, u64) -> Vec<Task>,
    pub(crate) judge: fn(&Books, u64) -> Judged,
    pub(crate) runs: u64,
}

impl Subject for Client {
    fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String> {
        self.runs += 1;
        let jobs = jobs.unwrap_or(self.jobs);
        let world = World {
            now: Duration::ZERO,
            schedule: schedule.clone(),
            reqs: Vec::new(),
            alarms: Vec::new(),
            trace: Trace::default(),
            lines: Vec::new(),
            active: Duration::ZERO,
            draws: 0,
            changes: 0,
            books: Books::default(),
        };
        let api = Api(Rc::new(RefCell::new(world)));
        let mut tasks: Vec<Option<Task>> = (self.start)(&api, jobs).into_iter().map(Some).collect();
        loop {
            poll_all(&api, &mut tasks);
            if tasks.iter().all(Option::is_none) {
                break;
            }
            if api.0.borrow_mut().turn() {
                continue;
            }
            let next = api.0.borrow().next().filter(|at| *at < END);
            let Some(next) = next else {
                api.0.borrow_mut().books.stuck = true;
                break;
            };
            api.0.borrow_mut().now = next;
        }
        drop(tasks);
        let mut world = api.0.borrow_mut();
        let came = |key: &RequestKey| world.reqs.iter().any(|req| req.key == *key);
        let holds = schedule.holds.iter().filter(|hold| !came(&hold.request)).cloned().map(Unseen::Hold);
        let faults = schedule.faults.iter().filter(|f| !came(&f.request)).cloned().map(Unseen::Fault);
        let unseen = holds.chain(faults).collect();
        world.trace.unseen = unseen;
        let verdicts = (self.judge)(&world.books, jobs).into_iter().map(|(of, verdict)| row(of, verdict));
        let (trace, books) = (world.trace.clone(), world.lines.clone());
        Ok(Trial { trace, verdicts: verdicts.collect(), books, ..Trial::default() })
    }
}

/// Polls every task until nothing changes any more.
fn poll_all(api: &Api, tasks: &mut [Option<Task>]) {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let before = api.0.borrow().changes;
        let mut ended = false;
        for task in tasks.iter_mut() {
            if task.as_mut().is_some_and(|task| task.as_mut().poll(&mut context).is_ready()) {
                *task = None;
                ended = true;
            }
        }
        if !ended && api.0.borrow().changes == before {
            return;
        }
    }
}

fn row(invariant: Invariant, verdict: Result<u64, String>) -> VerdictRow {
    let witness = |text: String| Witness { jobs: Vec::new(), at_ns: 0, text };
    VerdictRow {
        target: "mock".to_owned(),
        strategy: "client".to_owned(),
        invariant,
        verdict: match &verdict {
            Ok(0) => Verdict::NotApplicable,
            Ok(_) => Verdict::Holds,
            Err(_) => Verdict::Broken,
        },
        relevant: verdict.clone().unwrap_or(1),
        violations: u64::from(verdict.is_err()),
        why: None,
        witness: verdict.err().map(witness),
    }
}
