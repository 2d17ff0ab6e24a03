//! What calm runs tell of a subject: which requests it makes, which of them cause which, how fast it thinks.

use super::lives::{RequestRecord, RequestRecords};
use crate::schedule::{RequestKey, Trace, TraceEvent, Why};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

/// Most requests that sweeps are made over; a pair sweep grows with the square of it.
const REQUESTS_MAX: usize = 400;

/// Requests by number: positions in [`Undisturbed::requests`].
pub(super) type Pair = (usize, usize);

/// What is known of an undisturbed subject.
#[derive(Debug, Clone, Default)]
pub(super) struct Undisturbed {
    /// The requests that come in every calm run, in the order of their first arrival.
    pub(super) requests: Vec<RequestKey>,
    /// Those that do not.
    pub(super) unstable: Vec<RequestKey>,
    /// Requests beyond those that sweeps are made over.
    pub(super) beyond: usize,
    /// In flight together when everything is answered at once.
    pub(super) near: HashSet<Pair>,
    /// In flight together when answers leave one at a time.
    pub(super) together: HashSet<Pair>,
    /// By request: those that had to be answered before it came, whatever the order.
    pub(super) before: Vec<BTreeSet<usize>>,
    /// By request: the one whose answer brings it, if that is always the same or one of the same job.
    pub(super) cause: Vec<Option<usize>>,
    /// By request: how many causes stand behind it.
    pub(super) depth: Vec<usize>,
    /// By request: jobs of the run that began before its own.
    pub(super) lane: Vec<usize>,
    /// From an answer to what it brings, 99th percentile.
    pub(super) think_p99: Duration,
    /// From the first arrival to the last end.
    pub(super) lasted: Duration,
    /// The longest that a request was in flight.
    pub(super) service: Duration,
    /// The most that were in flight at once.
    pub(super) in_flight: usize,
}

/// What one run says of causes: answers left one at a time, so whatever came after a release was brought by
/// it.
struct Chain {
    came: Vec<bool>,
    cause: Vec<Option<usize>>,
    before: Vec<BTreeSet<usize>>,
    think: Vec<Duration>,
}

impl Undisturbed {
    /// Learns from runs in which everything was answered at once, and from runs in which answers left one at
    /// a time, in different orders.
    pub(super) fn learn(free: &[&Trace], single: &[&Trace]) -> Self {
        let lives =
            |traces: &[&Trace]| traces.iter().map(|trace| RequestRecords::of(trace)).collect::<Vec<_>>();
        let (all, single) = (lives(free), lives(single));
        let Some((free, others)) = all.split_first() else { return Self::default() };
        let came: Vec<&RequestKey> = free.list.iter().map(|life| &life.request).collect();
        let everywhere = |key: &RequestKey| all.iter().all(|lives| lives.get(key).is_some());
        let stable: Vec<RequestKey> = came.iter().filter(|key| everywhere(key)).copied().cloned().collect();
        let others = others.iter().flat_map(|lives| lives.list.iter().map(|life| &life.request));
        let strange: BTreeSet<&RequestKey> =
            came.into_iter().chain(others).filter(|key| !everywhere(key)).collect();
        let unstable = strange.into_iter().cloned().collect();
        let beyond = stable.len().saturating_sub(REQUESTS_MAX);
        let requests: Vec<RequestKey> = stable.into_iter().take(REQUESTS_MAX).collect();
        let index: HashMap<&RequestKey, usize> =
            requests.iter().enumerate().map(|(n, request)| (request, n)).collect();
        let chains: Vec<Chain> = single.iter().map(|lives| chain(lives, &index)).collect();
        let mut think: Vec<Duration> = chains.iter().flat_map(|chain| chain.think.iter().copied()).collect();
        think.sort_unstable();
        let (mut cause, before) = agreed(&chains, requests.len());
        for (request, cause) in requests.iter().zip(&mut cause).filter(|(_, cause)| cause.is_none()) {
            *cause = earlier(request, &requests, all.iter().chain(&single));
        }
        let together = single.iter().flat_map(|lives| overlapping(lives, &requests)).collect();
        Self {
            near: overlapping(free, &requests),
            together,
            depth: before.iter().map(BTreeSet::len).collect(),
            lane: lanes(&requests),
            in_flight: all.iter().chain(&single).map(RequestRecords::most_in_flight).max().unwrap_or(0),
            cause,
            before,
            think_p99: p99(&think),
            lasted: lasted(free),
            service: free.list.iter().filter_map(RequestRecord::lasted).max().unwrap_or_default(),
            requests,
            unstable,
            beyond,
        }
    }

    /// Whether `y` can be answered while `x` is not: no answer to `x` is needed for `y` to come.
    pub(super) fn feasible(&self, (x, y): Pair) -> bool {
        !self.before[y].contains(&x)
    }

    /// Whether `y` is answered before `x` comes at all, in every run.
    pub(super) fn vacuous(&self, (x, y): Pair) -> bool {
        self.before[x].contains(&y)
    }

    /// Requests that came after the gate had already gone on, and those of which it can be told.
    ///
    /// Of one with a known cause: it came after a release that was picked since its cause was over. Of
    /// another: the gate picked while the client had less in flight than it has undisturbed, and more came
    /// before the next pick than the answers of this one can have brought.
    pub(super) fn late(&self, trace: &Trace) -> [u64; 2] {
        let lives = RequestRecords::of(trace);
        let picked: Vec<Duration> = lives
            .releases()
            .into_iter()
            .filter(|(_, _, why)| matches!(why, Why::Picked))
            .map(|((at, _), ..)| at)
            .collect();
        if picked.is_empty() {
            return [0, 0];
        }
        let mut late = self.uncaused(trace);
        for (n, request) in self.requests.iter().enumerate() {
            let cause = self.cause[n].and_then(|cause| lives.get(&self.requests[cause]));
            let (Some(life), Some(((since, _), _))) = (lives.get(request), cause.and_then(|c| c.over)) else {
                continue;
            };
            let until = life.arrived.0;
            let first = picked.partition_point(|at| *at <= since);
            late[1] += 1;
            late[0] += u64::from(picked.get(first).is_some_and(|at| *at < until));
        }
        late
    }

    /// As [`Self::late`], for requests without a known cause.
    fn uncaused(&self, trace: &Trace) -> [u64; 2] {
        let known = |key: &RequestKey| self.requests.iter().position(|request| request == key);
        let mut late = [0, 0];
        let (mut open, mut room, mut brought) = (0_usize, false, 0_usize);
        for step in &trace.steps {
            match step.event {
                TraceEvent::Arrived => {
                    open += 1;
                    let told = known(&step.request).is_some_and(|n| self.cause[n].is_none());
                    late[1] += u64::from(told);
                    late[0] += u64::from(told && room && brought == 0);
                    brought = brought.saturating_sub(1);
                }
                TraceEvent::Released { why: Why::Picked } => {
                    room = open < self.in_flight;
                    brought = 0;
                }
                event if event.ends() => {
                    open = open.saturating_sub(1);
                    brought += 1;
                }
                _ => {}
            }
        }
        late
    }
}

fn overlapping(lives: &RequestRecords, requests: &[RequestKey]) -> HashSet<Pair> {
    let found: Vec<Option<&RequestRecord>> = requests.iter().map(|request| lives.get(request)).collect();
    let mut pairs = HashSet::new();
    for (x, first) in found.iter().enumerate() {
        for (y, second) in found.iter().enumerate() {
            if let (true, Some(first), Some(second)) = (x != y, first, second)
                && first.overlaps(second)
            {
                pairs.insert((x, y));
            }
        }
    }
    pairs
}

fn chain(lives: &RequestRecords, index: &HashMap<&RequestKey, usize>) -> Chain {
    let releases = lives.releases();
    let count = index.len();
    let mut chain = Chain {
        came: vec![false; count],
        cause: vec![None; count],
        before: vec![BTreeSet::new(); count],
        think: Vec::new(),
    };
    for life in &lives.list {
        let Some(&n) = index.get(&life.request) else { continue };
        chain.came[n] = true;
        let last = releases.partition_point(|(at, ..)| *at < life.arrived);
        let Some((_, by, _)) = last.checked_sub(1).and_then(|last| releases.get(last)) else { continue };
        let by = &lives.list[*by];
        if let Some(((over, _), _)) = by.over {
            chain.think.push(life.arrived.0.saturating_sub(over));
        }
        let Some(&cause) = index.get(&by.request) else { continue };
        chain.cause[n] = Some(cause);
        let mut before = chain.before[cause].clone();
        before.insert(cause);
        chain.before[n] = before;
    }
    chain
}

/// What all runs agree on in which a request came.
fn agreed(chains: &[Chain], count: usize) -> (Vec<Option<usize>>, Vec<BTreeSet<usize>>) {
    let cause = |n: usize| {
        let mut seen = chains.iter().filter(|chain| chain.came[n]).map(|chain| chain.cause[n]);
        let first = seen.next().flatten();
        first.filter(|_| seen.all(|other| other == first))
    };
    let before = |n: usize| {
        let mut seen = chains.iter().filter(|chain| chain.came[n]).map(|chain| &chain.before[n]);
        let first = seen.next().cloned().unwrap_or_default();
        seen.fold(first, |agreed, other| agreed.intersection(other).copied().collect())
    };
    ((0..count).map(cause).collect(), (0..count).map(before).collect())
}

/// The last request of the same job before this one, if it was over in every run when this one came.
fn earlier<'a>(
    request: &RequestKey,
    requests: &[RequestKey],
    mut runs: impl Iterator<Item = &'a RequestRecords>,
) -> Option<usize> {
    let own = |other: &&RequestKey| {
        other.job == request.job && (other.attempt, other.repeat) < (request.attempt, request.repeat)
    };
    let last = requests.iter().filter(own).max()?;
    let after = |lives: &RequestRecords| match (lives.get(last), lives.get(request)) {
        (Some(first), Some(second)) => first.over.is_some_and(|(over, _)| over < second.arrived),
        _ => true,
    };
    if runs.all(after) { requests.iter().position(|key| key == last) } else { None }
}

/// How long a client thinks, by a run in which everything was answered at once: the longest from the last end
/// to an arrival.
pub(super) fn thought(free: &Trace) -> Duration {
    let mut last = None;
    let mut longest = Duration::ZERO;
    for step in &free.steps {
        match (&step.event, last) {
            (TraceEvent::Arrived, Some(last)) => longest = longest.max(step.at.saturating_sub(last)),
            (event, _) if event.ends() => last = Some(step.at),
            _ => {}
        }
    }
    longest
}

/// By request: the number of its job, in the order in which jobs came.
fn lanes(requests: &[RequestKey]) -> Vec<usize> {
    let mut seen = HashMap::new();
    let number = |request: &RequestKey| {
        let next = seen.len();
        *seen.entry(request.job.clone()).or_insert(next)
    };
    requests.iter().map(number).collect()
}

fn lasted(lives: &RequestRecords) -> Duration {
    let begin = lives.list.iter().map(|life| life.arrived.0).min().unwrap_or_default();
    let end = lives.list.iter().filter_map(|life| life.over).map(|((at, _), _)| at).max().unwrap_or_default();
    end.saturating_sub(begin)
}

fn p99(sorted: &[Duration]) -> Duration {
    let rank = (sorted.len() * 99).div_ceil(100);
    rank.checked_sub(1).and_then(|rank| sorted.get(rank)).copied().unwrap_or_default()
}
