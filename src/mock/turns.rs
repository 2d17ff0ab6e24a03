//! Whose turn it is: `max_in_flight` places, and the queue before them.
//!
//! A generation holds its place until its last token, also when its client has left; one whose client
//! left the queue takes its turn as well, if the provider bills after a disconnect. The gate stands behind
//! this room: what it holds back has had its turn, and keeps its place.

use super::play::Play;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

/// What waits for a place.
#[derive(Debug)]
enum Waiting {
    /// An attempt with a client.
    Play(Box<Play>),
    /// A generation of this length whose client has left.
    Unseen(Duration),
}

/// Places and queue.
#[derive(Debug)]
pub(super) struct Turns {
    /// Places; `None` is no limit.
    places: Option<u32>,
    /// Longest queue; `None` is no limit.
    queue_max: Option<u32>,
    /// Places taken by attempts with a client.
    running: usize,
    /// When the places of unseen generations become free, soonest first.
    unseen: BinaryHeap<Reverse<Duration>>,
    /// Numbers of arrival, first come first served; those no longer in `waiting` have left.
    queue: VecDeque<u64>,
    waiting: HashMap<u64, Waiting>,
}

impl Turns {
    pub(super) fn new(places: Option<u32>, queue_max: Option<u32>) -> Self {
        // Without any place nothing would ever be answered.
        let places = places.map(|n| n.max(1));
        Self {
            places,
            queue_max,
            running: 0,
            unseen: BinaryHeap::new(),
            queue: VecDeque::new(),
            waiting: HashMap::new(),
        }
    }

    /// Generations in progress.
    pub(super) fn in_flight(&self) -> usize {
        self.running + self.unseen.len()
    }

    pub(super) fn queued(&self) -> usize {
        self.waiting.len()
    }

    /// Whether one more has to be turned away.
    pub(super) fn refuses(&self) -> bool {
        self.full() && self.queue_max.is_some_and(|max| self.queued() >= max as usize)
    }

    fn full(&self) -> bool {
        self.places.is_some_and(|places| self.in_flight() >= places as usize)
    }

    /// Starts `play` now, or queues it.
    pub(super) fn enter(&mut self, now: Duration, play: Box<Play>) -> Option<Box<Play>> {
        if self.full() || !self.waiting.is_empty() {
            self.wait(play.seq(), Waiting::Play(play));
            return None;
        }
        Some(self.start(now, play))
    }

    /// Takes a place, or a place in the queue, for a generation whose client has left; whether it has begun.
    pub(super) fn enter_unseen(&mut self, now: Duration, seq: u64, length: Duration) -> bool {
        let waits = self.full() || !self.waiting.is_empty();
        if waits {
            self.wait(seq, Waiting::Unseen(length));
        } else {
            self.hold_until(now.saturating_add(length));
        }
        !waits
    }

    fn wait(&mut self, seq: u64, what: Waiting) {
        self.queue.push_back(seq);
        self.waiting.insert(seq, what);
    }

    fn start(&mut self, now: Duration, mut play: Box<Play>) -> Box<Play> {
        self.running += 1;
        play.start = Some(now);
        play.in_turn = true;
        play
    }

    /// The client of a queued attempt has left. If it `stays` the generation keeps its turn.
    pub(super) fn leave(&mut self, seq: u64, stays: impl FnOnce(&Play) -> bool) -> Option<Box<Play>> {
        let Some(Waiting::Play(play)) = self.waiting.remove(&seq) else { return None };
        if let (true, Some(length)) = (stays(&play), play.length()) {
            self.waiting.insert(seq, Waiting::Unseen(length));
        }
        Some(play)
    }

    /// A place that was taken by an attempt with a client is given back, or kept until `until`.
    pub(super) fn ended(&mut self, until: Option<Duration>) {
        self.running = self.running.saturating_sub(1);
        if let Some(until) = until {
            self.hold_until(until);
        }
    }

    fn hold_until(&mut self, until: Duration) {
        self.unseen.push(Reverse(until));
    }

    /// Frees the places of generations that have ended by `now`, and starts the next one. `begun` is told
    /// the numbers and ends of those whose client has left.
    #[expect(
        clippy::vec_box,
        reason = "plays are large, and stay where they are on their way to a connection"
    )]
    pub(super) fn advance(
        &mut self,
        now: Duration,
        started: &mut Vec<Box<Play>>,
        begun: &mut dyn FnMut(u64, Duration),
    ) {
        while self.unseen.peek().is_some_and(|Reverse(until)| *until <= now) {
            self.unseen.pop();
        }
        while !self.full() {
            let Some(seq) = self.queue.pop_front() else { break };
            match self.waiting.remove(&seq) {
                Some(Waiting::Play(play)) => {
                    let play = self.start(now, play);
                    started.push(play);
                }
                Some(Waiting::Unseen(length)) => {
                    let until = now.saturating_add(length);
                    begun(seq, until);
                    if length > Duration::ZERO {
                        self.hold_until(until);
                    }
                }
                None => {}
            }
        }
    }

    /// When [`Self::advance`] is due without any other event: a request waits for an unseen generation's end.
    pub(super) fn next_advance(&self) -> Option<Duration> {
        let next = self.unseen.peek().map(|Reverse(until)| *until);
        next.filter(|_| !self.waiting.is_empty())
    }
}
