//! What one worker process has begun and not ended, kept by the run for the case that the worker dies.

use super::part::{ProcessPart, Split};
use super::ranges::Ranges;
use super::worker_protocol::{Begun, Notes, Price, Redelivery, Resumed, Sending};
use crate::history::{Attempt, ErrorClass, Event, JobId, Outcome};
use crate::profile::Piece;
use std::collections::BTreeMap;

/// One worker's jobs of one block.
#[derive(Debug, Default)]
pub(super) struct Account {
    pieces: Vec<(Split, Ranges)>,
    open: BTreeMap<u64, OpenJob>,
    /// Attempts that have been sent and have not ended, by job and number, and whether they are warm-up.
    in_flight: BTreeMap<(u64, u32), (Sending, bool)>,
    /// What is reserved for attempts of each job and not settled.
    reserved: BTreeMap<u64, Vec<Price>>,
}

/// What a worker that died leaves behind.
#[derive(Debug, Default)]
pub(super) struct LostWork {
    /// The ends of its attempts in flight, for the history.
    pub(super) events: Vec<Event>,
    /// The piece of each job that had its result.
    pub(super) ended_jobs: Vec<usize>,
    /// What was reserved for attempts that were never sent.
    pub(super) unsent: Vec<Price>,
}

/// A job in progress.
#[derive(Debug)]
struct OpenJob {
    begun: Begun,
    attempts: u32,
    /// As in [`Redelivery`].
    answered: Vec<(u32, u64, u64)>,
    deliveries: u32,
    recorded: bool,
}

/// What a message adds to the cell's counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Jobs that no worker had begun before.
    pub(super) begun: u64,
    pub(super) dropped: u64,
    /// The piece of each job that has ended.
    pub(super) ended_jobs: Vec<usize>,
}

impl Account {
    /// The account of a block of which nothing has been begun.
    pub(super) fn new(part: ProcessPart, pieces: &[Piece]) -> Self {
        let pieces = pieces.iter().map(|piece| (part.of(&piece.load), Ranges::default())).collect();
        Self { pieces, ..Self::default() }
    }

    /// Enters what a worker has reported.
    pub(super) fn note(&mut self, notes: &Notes) -> Change {
        let mut change = Change::default();
        for begun in &notes.begun {
            change.begun += u64::from(self.take(begun.piece, begun.job));
            self.open.entry(begun.job).or_insert(OpenJob {
                begun: *begun,
                attempts: 0,
                answered: Vec::new(),
                deliveries: 1,
                recorded: false,
            });
        }
        for sending in &notes.sending {
            let mut warmup = false;
            if let Some(open) = self.open.get_mut(&sending.job) {
                open.attempts = open.attempts.max(sending.n);
                warmup = open.begun.warmup;
            }
            self.in_flight.insert((sending.job, sending.n), (*sending, warmup));
        }
        for event in &notes.events {
            match event {
                Event::Attempt(attempt) => {
                    self.in_flight.remove(&(attempt.job.index, attempt.n));
                    if let Some(open) = self.open.get_mut(&attempt.job.index) {
                        open.attempts = open.attempts.max(attempt.n);
                        open.answered.extend(cost(attempt));
                    }
                }
                Event::Job(job) => {
                    if let Some(open) = self.open.get_mut(&job.job.index) {
                        open.recorded = true;
                    }
                }
                Event::CellEnd(_) => {}
            }
        }
        for (piece, job) in &notes.dropped {
            change.dropped += u64::from(self.take(*piece, *job));
        }
        change.ended_jobs =
            notes.ended.iter().filter_map(|job| self.open.remove(job)).map(|o| o.begun.piece).collect();
        change
    }

    /// Enters that a job has been begun or dropped; `false` if that was known.
    fn take(&mut self, piece: usize, job: u64) -> bool {
        self.pieces.get_mut(piece).is_some_and(|(split, taken)| taken.insert(split.place(job)))
    }

    /// The most that an attempt of the job can cost has been reserved.
    pub(super) fn reserve(&mut self, job: u64, most: Price) {
        self.reserved.entry(job).or_default().push(most);
    }

    /// One reservation of the job has been replaced by what was spent; they are all the same.
    pub(super) fn settle(&mut self, job: u64) {
        if let Some(reserved) = self.reserved.get_mut(&job) {
            reserved.pop();
            if reserved.is_empty() {
                self.reserved.remove(&job);
            }
        }
    }

    /// The worker has died. Its attempts in flight end unknown, and stay reserved; jobs that had their result
    /// are done.
    pub(super) fn reap(&mut self, cell: u16, now_ns: u64) -> LostWork {
        for (job, _) in self.in_flight.keys() {
            if let Some(reserved) = self.reserved.get_mut(job) {
                reserved.pop();
            }
        }
        let unsent = std::mem::take(&mut self.reserved).into_values().flatten().collect();
        let lost = std::mem::take(&mut self.in_flight).into_values();
        let events = lost.map(|(sending, warmup)| lost_attempt(cell, sending, warmup, now_ns)).collect();
        let ended_jobs =
            self.open.values().filter(|open| open.recorded).map(|open| open.begun.piece).collect();
        self.open.retain(|_, open| !open.recorded);
        self.open.values_mut().for_each(|open| open.deliveries += 1);
        LostWork { events, ended_jobs, unsent }
    }

    /// Where the worker's successor starts.
    pub(super) fn resumed(&self) -> Vec<Resumed> {
        let again = |piece: usize| {
            let open = self.open.values().filter(move |open| open.begun.piece == piece);
            let delivery = |open: &OpenJob| Redelivery {
                begun: open.begun,
                attempts: open.attempts,
                answered: open.answered.clone(),
                deliveries: open.deliveries,
            };
            open.map(delivery).collect()
        };
        let pieces = self.pieces.iter().enumerate();
        pieces
            .map(|(index, (_, taken))| Resumed { taken: taken.clone(), again: again(index), round: None })
            .collect()
    }
}

/// The tokens of an attempt, if it was answered.
fn cost(attempt: &Attempt) -> Option<(u32, u64, u64)> {
    let (prompt, completion) = attempt.prompt_tokens.zip(attempt.completion_tokens)?;
    (attempt.outcome == Outcome::Ok).then_some((attempt.n, prompt, completion))
}

/// An attempt whose process died: the provider may have done the work.
fn lost_attempt(cell: u16, sending: Sending, warmup: bool, now_ns: u64) -> Event {
    let Sending { job, n, due_ns, at_ns } = sending;
    let sent_ns = at_ns.max(due_ns);
    Event::Attempt(Box::new(Attempt {
        job: JobId { cell, index: job },
        n,
        due_ns,
        sent_ns: Some(sent_ns),
        first_byte_ns: None,
        first_content_ns: None,
        done_ns: now_ns.max(sent_ns),
        gaps_us: Vec::new(),
        status: None,
        outcome: Outcome::Unknown,
        error: Some(ErrorClass::WorkerDied),
        message: Some("its worker process died".to_owned()),
        id: None,
        prompt_tokens: None,
        completion_tokens: None,
        text_hash: None,
        retry_after_ms: None,
        warmup,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Job, JobEnd};
    use crate::profile::Load;

    fn rounds() -> Piece {
        let load = Load::Barrier { size: 4, rounds: 0..9, first_job: 0 };
        let (start, warmup_until, graceful_stop) = Default::default();
        Piece { phase: 0, start, warmup_until, graceful_stop, load }
    }

    fn begun(job: u64) -> Begun {
        Begun { piece: 0, job, due_ns: 5, begun_ns: 6, warmup: false }
    }

    fn sending(job: u64, n: u32) -> Sending {
        Sending { job, n, due_ns: 5, at_ns: 7 }
    }

    fn result(index: u64) -> Event {
        Event::Job(Job {
            deliveries: 1,
            job: JobId { cell: 3, index },
            due_ns: 5,
            begun_ns: 6,
            done_ns: 9,
            outcome: Outcome::Ok,
            end: JobEnd::Answered,
            attempts: 1,
            id: None,
            text_hash: None,
            warmup: false,
        })
    }

    #[test]
    fn a_job_without_a_result_is_delivered_again() {
        let mut account = Account::new(ProcessPart { process: 0, processes: 2 }, &[rounds()]);
        let first = Notes {
            begun: vec![begun(0), begun(2), begun(4), begun(6)],
            sending: vec![sending(0, 1), sending(2, 1), sending(4, 1)],
            ..Notes::default()
        };
        for job in [0, 2, 4, 6] {
            account.reserve(job, (1, job, 0));
        }
        assert_eq!(account.note(&first), Change { begun: 4, ..Change::default() });
        let (_, ended) =
            (account.note(&first), Notes { ended: vec![0], events: vec![result(0)], ..Notes::default() });
        assert_eq!(account.note(&ended).ended_jobs, [0]);
        let Event::Attempt(answered) = lost_attempt(3, sending(4, 1), false, 8) else { panic!("an attempt") };
        account.settle(4);
        account.note(&Notes { events: vec![Event::Attempt(answered), result(4)], ..Notes::default() });
        // Job 0 has ended, job 4 has its result, job 2 was in flight, job 6 had sent nothing.
        let LostWork { events, ended_jobs, unsent } = account.reap(3, 20);
        assert_eq!(unsent, [(1, 6, 0)], "job 6 had sent nothing, job 2 may be billed");
        assert_eq!(ended_jobs, [0]);
        let lost: Vec<(u64, u32)> = events
            .iter()
            .map(|event| match event {
                Event::Attempt(a) => {
                    assert_eq!((a.sent_ns, a.done_ns, a.outcome), (Some(7), 20, Outcome::Unknown));
                    (a.job.index, a.n)
                }
                _ => panic!("{event:?}"),
            })
            .collect();
        assert_eq!(lost, [(0, 1), (2, 1)], "the end of job 0's attempt was never reported");
        let resumed = account.resumed();
        assert!(resumed[0].again.iter().all(|again| again.answered.is_empty()));
        let again: Vec<_> =
            resumed[0].again.iter().map(|a| (a.begun.job, a.attempts, a.deliveries)).collect();
        assert_eq!(again, [(2, 1, 2), (6, 0, 2)]);
        assert_eq!(Vec::from(resumed[0].taken.clone()), [(0, 3)], "even jobs of the first two rounds");
        // The successor begins them again; they are not counted again.
        let successor = Notes { begun: vec![begun(2), begun(8)], ..Notes::default() };
        assert_eq!(account.note(&successor).begun, 1);
    }

    #[test]
    fn a_job_that_is_delivered_again_knows_the_tokens_of_earlier_answers() {
        let mut account = Account::new(ProcessPart { process: 0, processes: 1 }, &[rounds()]);
        let ended = |n, outcome, tokens: Option<(u64, u64)>| {
            let Event::Attempt(mut attempt) = lost_attempt(3, sending(0, n), false, 8) else { panic!("one") };
            attempt.outcome = outcome;
            (attempt.prompt_tokens, attempt.completion_tokens) = tokens.unzip();
            Event::Attempt(attempt)
        };
        account.note(&Notes {
            begun: vec![begun(0)],
            sending: vec![sending(0, 1), sending(0, 2), sending(0, 3)],
            events: vec![ended(1, Outcome::Failed, None), ended(2, Outcome::Ok, Some((7, 9)))],
            ..Notes::default()
        });
        account.reap(3, 20);
        let again = account.resumed().remove(0).again.remove(0);
        assert_eq!((again.attempts, again.answered), (3, vec![(2, 7, 9)]));
    }
}
