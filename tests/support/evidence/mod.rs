//! Random evidence of a client and a provider that both behave: what the judges must let pass, and what
//! mutations start from.

pub(crate) mod plan;

use deadheat::history::{
    AttemptRow, CellEnd, Claim, ErrorClass, Evidence, JobEnd, JobId, JobKey, JobRow, LedgerEnd, LedgerRow,
    NotIssued, Outcome,
};
use deadheat::invariants::judge;
use deadheat::plan::Plan;
use deadheat::summary::{Invariant, Verdict, VerdictRow};
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const MS: u64 = 1_000_000;

/// Rules by which each cell is judged.
pub(crate) const RULES: usize = Invariant::ALL.len() - 1;

/// What becomes of one attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    Whole,
    RateLimited {
        wait_ms: u64,
    },
    ServerError,
    Permanent,
    /// Billed, and cut in the middle; the plan does not retry that.
    Cut,
    /// Never got a connection; the plan does not retry that.
    Unconnected,
    /// The run ended it.
    Cancelled,
}

/// A job: how long its attempts take in ms, whether the profile was still warming up, their fates.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) took_ms: u64,
    pub(crate) warmup: bool,
    pub(crate) fates: Vec<Fate>,
}

/// A plan and evidence that obeys all its invariants.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) evidence: Evidence,
}

/// Stories that every world begins with, so that each invariant has something to look at.
fn fixed(max_attempts: u32) -> Vec<Story> {
    use Fate::{Cut, Permanent, RateLimited, ServerError, Whole};
    let story = |fates: &[Fate]| Story { took_ms: 20, warmup: false, fates: fates.to_vec() };
    vec![
        story(&[RateLimited { wait_ms: 300 }, Whole]),
        story(&[Permanent]),
        story(&vec![ServerError; max_attempts as usize]),
        story(&[Cut]),
        story(&[Whole]),
        Story { warmup: true, ..story(&[ServerError, Whole]) },
    ]
}

fn story(max_attempts: u32) -> impl Strategy<Value = Story> {
    use Fate::{Cancelled, Cut, Permanent, RateLimited, ServerError, Unconnected, Whole};
    let again = prop_oneof![(1u64..3_000).prop_map(|wait_ms| RateLimited { wait_ms }), Just(ServerError)];
    let last = prop_oneof![
        8 => Just(Whole), 1 => Just(Permanent), 1 => Just(Cut), 1 => Just(Unconnected), 1 => Just(Cancelled)
    ];
    let before = prop::collection::vec(again, 0..max_attempts as usize);
    (1u64..400, any::<bool>(), before, last).prop_map(|(took_ms, warmup, mut fates, last)| {
        fates.push(last);
        Story { took_ms, warmup, fates }
    })
}

/// One or two cells of a built-in target, under a cap, with or without jobs that were not issued.
pub(crate) fn world() -> impl Strategy<Value = World> {
    (1u32..8, 2u32..5, 1usize..3, any::<bool>(), 0u64..4).prop_flat_map(
        |(permits, max_attempts, cells, claims_billed, not_issued)| {
            let stories = prop::collection::vec(story(max_attempts), 0..40).prop_map(move |more| {
                let mut stories = fixed(max_attempts);
                stories.extend(more);
                stories
            });
            prop::collection::vec(stories, cells).prop_map(move |cells| {
                let plan = plan::plan(permits, max_attempts, cells.len());
                World::build(plan, &cells, claims_billed, not_issued)
            })
        },
    )
}

impl World {
    /// Plays the stories cell after cell, each under `plan.declared.concurrency`.
    pub(crate) fn build(plan: Plan, cells: &[Vec<Story>], claims_billed: bool, not_issued: u64) -> Self {
        let mut evidence = Evidence::default();
        let mut now_ns = 5 * MS;
        for (cell, stories) in (0u16..).zip(cells) {
            let from = evidence.ledger.len();
            now_ns = play(&plan, &mut evidence, cell, stories, now_ns) + 40_000 * MS;
            evidence.claims.push(claim(cell, &evidence, from, claims_billed));
            let issued = stories.len() as u64;
            let held_back = [(NotIssued::TimeUp, not_issued)].into_iter().filter(|(_, n)| *n > 0).collect();
            evidence.cells.push(CellEnd {
                cell,
                planned: issued + not_issued,
                issued,
                not_issued: held_back,
                elapsed_ns: now_ns,
                offered_per_1000_s: None,
                cpu_busiest_ppm: 0,
                cpu_ns: 0,
                stuck_since_ns: None,
            });
        }
        let mut world = Self { plan, evidence };
        world.sort();
        world
    }

    /// Puts all rows into the order that evidence promises.
    pub(crate) fn sort(&mut self) {
        let Evidence { attempts, jobs, ledger, .. } = &mut self.evidence;
        attempts.sort_by_key(|row| (row.job, row.n, row.done_ns));
        jobs.sort_by_key(|row| (row.job, row.done_ns));
        ledger.sort_by(|a, b| (&a.job, a.attempt, a.arrived_ns).cmp(&(&b.job, b.attempt, b.arrived_ns)));
    }

    pub(crate) fn judge(&self) -> Vec<VerdictRow> {
        judge(&self.plan, &self.evidence)
    }

    /// The rows of one cell, in the order of [`Invariant::ALL`].
    pub(crate) fn cell(&self, cell: u16) -> Vec<VerdictRow> {
        self.judge().into_iter().skip(RULES * usize::from(cell)).take(RULES).collect()
    }

    pub(crate) fn row(&self, invariant: Invariant) -> VerdictRow {
        self.cell(0).into_iter().find(|row| row.invariant == invariant).expect("judged")
    }

    pub(crate) fn attempt(&mut self, index: u64, n: u32) -> &mut AttemptRow {
        let at = self.evidence.attempts.iter().position(|row| row.job == id(index) && row.n == n);
        &mut self.evidence.attempts[at.expect("the job and attempt exist")]
    }

    pub(crate) fn ledger(&mut self, index: u64, n: u32) -> &mut LedgerRow {
        let at = self.evidence.ledger.iter().position(|row| row.job == key(index) && row.attempt == n);
        &mut self.evidence.ledger[at.expect("the job and attempt exist")]
    }

    pub(crate) fn job(&mut self, index: u64) -> &mut JobRow {
        let at = self.evidence.jobs.iter().position(|row| row.job == id(index));
        &mut self.evidence.jobs[at.expect("the job and attempt exist")]
    }

    /// Indexes of the first cell's jobs that were answered.
    pub(crate) fn answered(&self) -> Vec<u64> {
        let ok = self.evidence.jobs.iter().filter(|row| row.job.cell == 0 && row.outcome == Outcome::Ok);
        ok.map(|row| row.job.index).collect()
    }

    /// Asserts that in the first cell exactly these are broken, and nothing in any other, and returns the
    /// first one's row.
    #[track_caller]
    pub(crate) fn breaks(&self, expected: &[Invariant]) -> VerdictRow {
        let rows = self.judge();
        let (first, others) = rows.split_at(RULES);
        let broken = |rows: &[VerdictRow]| -> Vec<Invariant> {
            rows.iter().filter(|row| row.verdict == Verdict::Broken).map(|row| row.invariant).collect()
        };
        assert_eq!(broken(first), expected, "{first:#?}");
        assert_eq!(broken(others), [], "{others:#?}");
        let row = first.iter().find(|row| row.invariant == expected[0]).expect("judged").clone();
        assert!(row.violations > 0 && row.violations <= row.relevant, "{row:?}");
        row
    }
}

/// A job of the first cell.
pub(crate) fn id(index: u64) -> JobId {
    JobId { cell: 0, index }
}

/// The same, as the ledger writes it.
pub(crate) fn key(index: u64) -> JobKey {
    JobKey::Own(id(index))
}

fn claim(cell: u16, evidence: &Evidence, from: usize, billed: bool) -> Claim {
    let rows = &evidence.ledger[from..];
    let counted = |row: &&LedgerRow| billed || row.end == LedgerEnd::Whole;
    let prompt_tokens = rows
        .iter()
        .filter(counted)
        .map(|row| if billed { row.billed_prompt_tokens } else { row.prompt_tokens });
    let completion = rows
        .iter()
        .filter(counted)
        .map(|row| if billed { row.billed_completion_tokens } else { row.delivered_tokens });
    let (prompt_tokens, completion_tokens) = (prompt_tokens.sum(), completion.sum());
    let requests = evidence.attempts.iter().filter(|row| row.job.cell == cell).count() as u64;
    Claim {
        process: None,
        cell,
        requests,
        prompt_tokens,
        completion_tokens,
        total_tokens: prompt_tokens + completion_tokens,
    }
}

/// Runs one cell's stories through a pool of permits; returns when the last one ended.
fn play(plan: &Plan, evidence: &mut Evidence, cell: u16, stories: &[Story], start_ns: u64) -> u64 {
    let permits = plan.declared.concurrency.expect("test plans declare it") as usize;
    let mut free_ns = vec![start_ns; permits];
    let due_ns = |index: u64| start_ns + index * 3 * MS;
    let mut ready: BinaryHeap<_> =
        (0u64..).zip(stories).map(|(index, _)| Reverse((due_ns(index), index, 1u32))).collect();
    let mut end_ns = start_ns;
    while let Some(Reverse((ready_ns, index, n))) = ready.pop() {
        let story = &stories[index as usize];
        let fate = story.fates[n as usize - 1];
        let slot = (0..permits).min_by_key(|slot| free_ns[*slot]).expect("a permit");
        let sent_ns = ready_ns.max(free_ns[slot]) + 10_000;
        let attempt =
            Played { job: JobId { cell, index }, n, due_ns: ready_ns, sent_ns, took_ms: story.took_ms, fate };
        let done_ns = attempt.done_ns();
        attempt.write(evidence);
        free_ns[slot] = done_ns;
        end_ns = end_ns.max(done_ns);
        let retried = matches!(fate, Fate::RateLimited { .. } | Fate::ServerError);
        if retried && n < plan.retry.max_attempts {
            // Spread, as a policy with jitter would.
            let jitter_ms = (index * 7 + u64::from(n)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
            let wait_ms = if let Fate::RateLimited { wait_ms } = fate { wait_ms } else { 50 + jitter_ms };
            ready.push(Reverse((done_ns + wait_ms * MS, index, n + 1)));
        } else {
            attempt.finish(evidence, due_ns(index), story.warmup);
        }
    }
    end_ns
}

struct Played {
    job: JobId,
    n: u32,
    due_ns: u64,
    sent_ns: u64,
    took_ms: u64,
    fate: Fate,
}

/// What both books say of a fate.
struct Told {
    status: Option<u16>,
    end: LedgerEnd,
    outcome: Outcome,
    error: Option<ErrorClass>,
    job_end: JobEnd,
}

impl Played {
    fn done_ns(&self) -> u64 {
        self.sent_ns + self.took_ms * MS + 200_000
    }

    fn told(&self) -> Told {
        use {ErrorClass as E, JobEnd as J, LedgerEnd as L, Outcome as O};
        let (status, end, outcome, error, job_end) = match self.fate {
            Fate::Whole => (Some(200), L::Whole, O::Ok, None, J::Answered),
            Fate::RateLimited { .. } => {
                (Some(429), L::Refused, O::Failed, Some(E::RateLimited), J::Exhausted)
            }
            Fate::ServerError => (Some(500), L::Refused, O::Failed, Some(E::ServerError), J::Exhausted),
            Fate::Permanent => (Some(401), L::Refused, O::Failed, Some(E::ClientError), J::Permanent),
            Fate::Cut => (Some(200), L::Cut, O::Unknown, Some(E::CutStream), J::Exhausted),
            Fate::Unconnected => (None, L::Reset, O::Failed, Some(E::Connect), J::Exhausted),
            Fate::Cancelled => (None, L::ClientClosed, O::Unknown, Some(E::Cancelled), J::Cancelled),
        };
        Told { status, end, outcome, error, job_end }
    }

    fn number(&self) -> u64 {
        (u64::from(self.job.cell) << 40) | (self.job.index << 8) | u64::from(self.n)
    }

    fn write(&self, evidence: &mut Evidence) {
        let Told { status, end, outcome, error, .. } = self.told();
        let generated = matches!(self.fate, Fate::Whole | Fate::Cut);
        // Distinct per job, so that one wrong total names the job.
        let tokens = if generated { 1_000 + self.job.index } else { 0 };
        let delivered = if self.fate == Fate::Cut { tokens / 2 } else { tokens };
        let answer = generated.then(|| self.number());
        let text_hash = answer.map(|number| number ^ 0xabcd);
        let connected = self.fate != Fate::Unconnected;
        let retry_after_ms = if let Fate::RateLimited { wait_ms } = self.fate { Some(wait_ms) } else { None };
        let arrived_ns = self.sent_ns + 50_000;
        let first = |offset_ns| status.map(|_| arrived_ns + offset_ns);
        evidence.attempts.push(AttemptRow {
            job: self.job,
            n: self.n,
            status,
            outcome,
            error,
            due_ns: self.due_ns,
            sent_ns: connected.then_some(self.sent_ns),
            first_byte_ns: first(2_000),
            first_content_ns: answer.and(first(3_000)),
            done_ns: self.done_ns(),
            answer,
            text_hash,
            prompt_tokens: (self.fate == Fate::Whole).then_some(7),
            completion_tokens: (self.fate == Fate::Whole).then_some(tokens),
            chunks: u32::from(generated) * 5,
            retry_after_ms,
        });
        if connected {
            evidence.ledger.push(LedgerRow {
                target: 0,
                seq: evidence.ledger.len() as u64 + 1,
                job: JobKey::Own(self.job),
                attempt: self.n,
                status,
                end,
                permanent: self.fate == Fate::Permanent,
                arrived_ns,
                first_byte_ns: first(1_000),
                first_content_ns: answer.and(first(1_500)),
                ended_ns: self.done_ns() - 60_000,
                answer,
                text_hash,
                body_hash: self.job.index + 1,
                idempotency_key: None,
                lock: None,
                lock_token: None,
                fenced: false,
                replayed: false,
                retry_after_ms,
                prompt_tokens: 7,
                delivered_tokens: delivered,
                billed_prompt_tokens: u64::from(generated) * 7,
                billed_completion_tokens: tokens,
            });
        }
    }

    fn finish(&self, evidence: &mut Evidence, due_ns: u64, warmup: bool) {
        let Told { outcome, job_end: end, .. } = self.told();
        let ok = self.fate == Fate::Whole;
        let number = self.number();
        evidence.jobs.push(JobRow {
            deliveries: 1,
            job: self.job,
            due_ns,
            begun_ns: due_ns,
            done_ns: self.done_ns() + 5_000,
            outcome,
            end,
            attempts: self.n,
            answer: ok.then_some(number),
            text_hash: ok.then_some(number ^ 0xabcd),
            warmup,
        });
    }
}
