//! What the client has on its own books, against what the ledger adds up to.

use super::books::never_arrived;
use super::retries::nothing_seen;
use super::tally::{Ruling, Tally, count};
use super::view::{CellView, JobView, is_whole};
use crate::history::{AttemptRow, Claim, ErrorClass, JobKey, LedgerRow};

/// How many requests were made.
pub(super) struct RequestCounts {
    /// In the ledger.
    arrived: u64,
    /// Cannot have reached it: nothing was sent, or no connection came about.
    unsent: u64,
    /// Sent, not in the ledger and not ended well: may or may not count as made.
    doubtful: u64,
}

impl RequestCounts {
    pub(super) fn of(view: &CellView<'_>) -> Self {
        let mut made = Self { arrived: view.ledger.len() as u64, unsent: 0, doubtful: 0 };
        for job in view.jobs() {
            let known = |a: &AttemptRow| job.ledger.binary_search_by_key(&a.n, |row| row.attempt).is_ok();
            for a in job.attempts.iter().filter(|a| !known(a)) {
                made.unsent += u64::from(never_arrived(a));
                made.doubtful += u64::from(!never_arrived(a) && a.error.is_some());
            }
        }
        made
    }

    fn least(&self) -> u64 {
        self.arrived + self.unsent
    }

    pub(super) fn most(&self) -> u64 {
        self.least() + self.doubtful
    }

    /// Whether this may be the number.
    pub(super) fn agrees(&self, requests: u64) -> bool {
        (self.least()..=self.most()).contains(&requests)
    }

    /// The number that may be right and is nearest to this.
    pub(super) fn nearest(&self, requests: u64) -> u64 {
        requests.clamp(self.least(), self.most())
    }
}

/// Claimed requests equal the ledger's attempts, plus those that cannot have reached it: nothing was sent,
/// or no connection came about. An attempt that was sent, is not in the ledger and did not end well may
/// or may not count as made.
pub(super) fn requests_counted(view: &CellView<'_>) -> Ruling {
    let Some(claim) = &view.claim else { return no_claim() };
    let made = RequestCounts::of(view);
    if made.most() == 0 && claim.requests == 0 {
        return nothing_seen(view);
    }
    let mut tally = Tally::new();
    tally.relevant = made.most();
    if !made.agrees(claim.requests) {
        tally.violation(view.last_ns(), miscounted(view));
    }
    let words = |jobs| {
        let off = difference(claim.requests, made.nearest(claim.requests));
        let text = format!(
            "the client claims {}, {off} the {} that were made ({} has {}, {} never left)",
            count(claim.requests, "request"),
            made.least(),
            view.books,
            made.arrived,
            made.unsent,
        );
        (jobs, text)
    };
    tally.ruling(words, || nothing_seen(view))
}

/// The first job of which client and ledger have different numbers of attempts, if there is one.
fn miscounted(view: &CellView<'_>) -> Vec<JobKey> {
    let sent = |job: &JobView<'_>| job.attempts.iter().filter(|a| !never_arrived(a)).count();
    let odd = view.jobs().find(|job| sent(job) != job.ledger.len());
    odd.map(|job| JobKey::Own(job.id)).into_iter().collect()
}

/// A sum of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) prompt: u64,
    pub(super) completion: u64,
}

impl Tokens {
    pub(super) fn delivered(row: &LedgerRow) -> Self {
        Self { prompt: row.prompt_tokens, completion: row.delivered_tokens }
    }

    pub(super) fn billed(row: &LedgerRow) -> Self {
        Self { prompt: row.billed_prompt_tokens, completion: row.billed_completion_tokens }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        // Damaged evidence must not overflow.
        Self {
            prompt: self.prompt.saturating_add(other.prompt),
            completion: self.completion.saturating_add(other.completion),
        }
    }

    pub(super) fn total(self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }
}

/// Claimed prompt, completion and total tokens equal what was delivered whole, or what was billed. An
/// answer handed over whole to a client that had just given up may be in the claim or not.
pub(super) fn tokens_counted(view: &CellView<'_>) -> Ruling {
    let Some(claim) = &view.claim else { return no_claim() };
    if view.ledger.is_empty() && claim.total_tokens == 0 {
        return nothing_seen(view);
    }
    let known @ [delivered, _, billed] = known_tokens(view);
    let claimed = claimed_tokens(claim);
    let mut tally = Tally::new();
    tally.relevant = view.ledger.len() as u64;
    if !known.contains(&claimed) || claim.total_tokens != claimed.total() {
        tally.violation(view.last_ns(), ());
        tally.violations = wrong_totals(claim, delivered).max(1);
    }
    let words = |()| token_words(view, claim, claimed, delivered, billed);
    tally.ruling(words, || nothing_seen(view))
}

/// The sums that a right client may have: everything delivered whole, the same without answers that came as
/// the client gave up, and everything billed.
pub(super) fn known_tokens(view: &CellView<'_>) -> [Tokens; 3] {
    let (mut delivered, mut missed, mut billed) = (Tokens::default(), Tokens::default(), Tokens::default());
    for job in view.jobs() {
        for row in job.ledger {
            billed = billed.plus(Tokens::billed(row));
            if is_whole(row) {
                let sum = if gave_up(&job, row) { &mut missed } else { &mut delivered };
                *sum = sum.plus(Tokens::delivered(row));
            }
        }
    }
    [delivered.plus(missed), delivered, billed]
}

/// The prompt and completion tokens of a claim.
pub(super) fn claimed_tokens(claim: &Claim) -> Tokens {
    Tokens { prompt: claim.prompt_tokens, completion: claim.completion_tokens }
}

/// Whether the client stopped listening to this answer, as far as it knows itself.
fn gave_up(job: &JobView<'_>, row: &LedgerRow) -> bool {
    use ErrorClass as E;
    let error = job.client(row).and_then(|a| a.error);
    matches!(
        error,
        Some(E::Cancelled | E::WorkerDied | E::TimeoutTotal | E::TimeoutIdle | E::TimeoutFirstByte)
    )
}

fn wrong_totals(claim: &Claim, delivered: Tokens) -> u64 {
    let pairs = [
        (claim.prompt_tokens, delivered.prompt),
        (claim.completion_tokens, delivered.completion),
        (claim.total_tokens, delivered.total()),
    ];
    pairs.iter().filter(|(claimed, true_sum)| claimed != true_sum).count() as u64
}

fn token_words(
    view: &CellView<'_>,
    claim: &Claim,
    claimed: Tokens,
    delivered: Tokens,
    billed: Tokens,
) -> (Vec<JobKey>, String) {
    let (kind, seen, due, paid) = if claimed.completion != delivered.completion {
        ("completion", claimed.completion, delivered.completion, billed.completion)
    } else if claimed.prompt != delivered.prompt {
        ("prompt", claimed.prompt, delivered.prompt, billed.prompt)
    } else {
        ("total", claim.total_tokens, delivered.total(), billed.total())
    };
    let mut text = format!(
        "the client claims {seen} {kind} tokens, {} the {due} delivered ({paid} billed, by {})",
        difference(seen, due),
        view.books,
    );
    let suspects = [
        culprit(view, claimed, delivered, Tokens::delivered),
        culprit(view, claimed, billed, Tokens::billed).filter(|_| billed != delivered),
    ];
    // A client may keep either sum; where each blames another job, neither is named.
    let culprit = match suspects {
        [Some(a), Some(b)] if a != b => None,
        [a, b] => a.or(b),
    };
    if let Some((job, lost)) = &culprit {
        let fate = if *lost { "not at all" } else { "twice" };
        text += &format!(": exactly the tokens of {job}, whose answer was counted {fate}");
    }
    (culprit.into_iter().map(|(job, _)| job).collect(), text)
}

/// The one job whose answer, lost or counted twice, explains the claim exactly; and whether it was lost.
/// `None` if several would.
pub(super) fn culprit<T: Addable>(
    view: &CellView<'_>,
    claimed: T,
    sum: T,
    of: impl Fn(&LedgerRow) -> T,
) -> Option<(JobKey, bool)> {
    let lost = claimed.size() < sum.size();
    let explains = |row: &&LedgerRow| {
        let tokens = of(row);
        let adds_up = if lost { claimed.with(tokens) == sum } else { sum.with(tokens) == claimed };
        tokens != T::default() && adds_up
    };
    let mut rows = view.ledger.iter().filter(explains);
    let only = rows.next()?;
    rows.next().is_none().then(|| (only.job.clone(), lost))
}

/// What can be summed up.
pub(super) trait Addable: Copy + Default + PartialEq {
    /// Both together.
    fn with(self, other: Self) -> Self;
    /// By what two of them are compared.
    fn size(self) -> u64;
}

impl Addable for Tokens {
    fn with(self, other: Self) -> Self {
        self.plus(other)
    }

    fn size(self) -> u64 {
        self.total()
    }
}

impl Addable for u64 {
    fn with(self, other: Self) -> Self {
        self.saturating_add(other)
    }

    fn size(self) -> u64 {
        self
    }
}

/// `3 fewer than`, `1 more than`.
pub(super) fn difference(seen: u64, due: u64) -> String {
    let word = if seen < due { "fewer" } else { "more" };
    format!("{} {word} than", seen.abs_diff(due))
}

pub(super) fn no_claim() -> Ruling {
    Ruling::unknown("the client claims no totals for this cell")
}
