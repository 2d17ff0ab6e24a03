//! A program's own totals against the ledger's: `requests-counted`, `tokens-counted`, `processes-agree`.

use crate::history::{Booked, JobKey, LedgerRow, ProgramRun};
use crate::invariants::retries::nothing_seen;
use crate::invariants::tally::{Ruling, Tally, count};
use crate::invariants::totals::{Tokens, culprit, difference};
use crate::invariants::view::{CellView, is_whole};
use std::collections::BTreeSet;

/// Processes whose share a witness gives, at the most.
const SHARES: usize = 8;

/// Requests as a program may count them.
struct Requests {
    attempts: u64,
    /// What is right: attempts, calls without an SDK's own retries, jobs, answered jobs.
    right: BTreeSet<u64>,
}

impl Requests {
    fn of(view: &CellView<'_>, conduct: &ProgramRun) -> Self {
        let attempts = view.ledger.len() as u64;
        let (mut asked, mut answered, mut whole) = (0, 0, 0);
        for job in view.jobs().filter(|job| !job.ledger.is_empty()) {
            asked += 1;
            answered += u64::from(job.ledger.iter().any(is_whole));
            whole += job.ledger.iter().filter(|row| is_whole(row)).count() as u64;
        }
        let calls = conduct.calls.unwrap_or(attempts);
        Self { attempts, right: BTreeSet::from([attempts, calls, asked, answered, whole]) }
    }
}

/// Claimed requests are the attempts of the ledger, or the calls, the jobs or the answers, as the program
/// counts them.
pub(super) fn requests_counted(view: &CellView<'_>, conduct: &ProgramRun) -> Ruling {
    let books: Vec<(&Booked, u64)> =
        conduct.books.iter().filter_map(|book| Some((book, book.requests?))).collect();
    if books.is_empty() {
        return unclaimed("requests", "--claim-requests REGEX");
    }
    let made = Requests::of(view, conduct);
    let mut tally = Tally::new();
    for (book, claimed) in books {
        tally.relevant += made.attempts.max(1);
        if !made.right.contains(&claimed) {
            tally.violation(view.last_ns(), (book, claimed));
        }
    }
    let words = |(book, claimed): (&Booked, u64)| {
        let text = format!(
            "{} claims {}, {} the {} that the ledger has",
            book.whose,
            count(claimed, "request"),
            difference(claimed, made.attempts),
            made.attempts
        );
        (Vec::new(), text)
    };
    tally.ruling(words, || nothing_seen(view))
}

/// Claimed tokens are those delivered whole, or those billed. Where a job was answered whole more than once,
/// a program may have taken one of its answers or all.
pub(super) fn tokens_counted(view: &CellView<'_>, conduct: &ProgramRun) -> Ruling {
    let books: Vec<&Booked> = conduct.books.iter().filter(|book| book.has_tokens()).collect();
    if books.is_empty() {
        return unclaimed("tokens", "--claim-total REGEX");
    }
    let sums = Sums::of(view);
    let mut tally = Tally::new();
    for book in books {
        tally.relevant += (view.ledger.len() as u64).max(1);
        if !sums.bear_out(book) {
            tally.violation(view.last_ns(), book);
        }
    }
    tally.ruling(|book| sums.words(view, book), || nothing_seen(view))
}

/// The sums that a right program may have.
struct Sums {
    delivered: Tokens,
    billed: Tokens,
    right: Vec<Tokens>,
}

impl Sums {
    fn of(view: &CellView<'_>) -> Self {
        let mut sums = [Tokens::default(); 4];
        let [delivered, billed, first, last] = &mut sums;
        for job in view.jobs() {
            let whole: Vec<&LedgerRow> = job.ledger.iter().filter(|row| is_whole(row)).collect();
            for row in job.ledger {
                *billed = billed.plus(Tokens::billed(row));
            }
            for row in &whole {
                let again = |other: &&&LedgerRow| other.body_hash == row.body_hash;
                *delivered = delivered.plus(Tokens::delivered(row));
                if whole.iter().find(again).is_some_and(|one| std::ptr::eq(*one, *row)) {
                    *first = first.plus(Tokens::delivered(row));
                }
                if whole.iter().rev().find(again).is_some_and(|one| std::ptr::eq(*one, *row)) {
                    *last = last.plus(Tokens::delivered(row));
                }
            }
        }
        Self { delivered: sums[0], billed: sums[1], right: sums.to_vec() }
    }

    /// Whether all that an account says fits one of the sums.
    fn bear_out(&self, book: &Booked) -> bool {
        let fits = |claimed: Option<u64>, sum: u64| claimed.is_none_or(|claimed| claimed == sum);
        self.right.iter().any(|sum| {
            fits(book.prompt_tokens, sum.prompt)
                && fits(book.completion_tokens, sum.completion)
                && fits(book.total_tokens, sum.total())
        })
    }

    fn words(&self, view: &CellView<'_>, book: &Booked) -> (Vec<JobKey>, String) {
        let Self { delivered, billed, .. } = self;
        let fields = [
            ("total", book.total_tokens, Tokens::total as fn(Tokens) -> u64),
            ("completion", book.completion_tokens, |sum| sum.completion),
            ("prompt", book.prompt_tokens, |sum| sum.prompt),
        ];
        let claimed = fields.into_iter().filter_map(|(kind, claimed, of)| Some((kind, claimed?, of)));
        let wrong =
            claimed.clone().find(|(_, claimed, of)| *claimed != of(*delivered) && *claimed != of(*billed));
        let Some((kind, claimed, of)) = wrong.or_else(|| claimed.clone().next()) else {
            return (Vec::new(), format!("{} claims no tokens", book.whose));
        };
        let (due, paid) = (of(*delivered), of(*billed));
        let mut text = format!(
            "{} claims {claimed} {kind} tokens, {} the {due} delivered ({paid} billed)",
            book.whose,
            difference(claimed, due),
        );
        let suspects = [
            culprit(view, claimed, due, |row| of(Tokens::delivered(row))),
            culprit(view, claimed, paid, |row| of(Tokens::billed(row))).filter(|_| paid != due),
        ];
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
}

/// What the processes have counted adds up to the ledger.
pub(super) fn processes_agree(view: &CellView<'_>, conduct: &ProgramRun) -> Ruling {
    let shares = &conduct.shares;
    if shares.len() < 2 {
        return match view.strategy.processes() {
            0 | 1 => Ruling::not_applicable("no more than one process has totals of its own"),
            _ => unclaimed("totals in each process", "--claim-total REGEX"),
        };
    }
    let sum = |of: fn(&Booked) -> Option<u64>| shares.iter().filter_map(of).reduce(u64::saturating_add);
    let together = Booked {
        whose: format!("the sum over {} processes", shares.len()),
        requests: sum(|book| book.requests),
        prompt_tokens: sum(|book| book.prompt_tokens),
        completion_tokens: sum(|book| book.completion_tokens),
        total_tokens: sum(|book| book.total_tokens),
    };
    let (sums, made) = (Sums::of(view), Requests::of(view, conduct));
    let mut tally = Tally::new();
    tally.relevant = shares.len() as u64;
    let each = |of: fn(&Booked) -> Option<u64>| {
        let words = |book: &Booked| Some(format!("{} has {}", book.whose, of(book)?));
        let named: Vec<String> = shares.iter().take(SHARES).filter_map(words).collect();
        format!(" ({}{})", named.join(", "), if shares.len() > SHARES { ", …" } else { "" })
    };
    if !sums.bear_out(&together) {
        let (jobs, text) = sums.words(view, &together);
        tally.violation(
            view.last_ns(),
            (jobs, text + &each(|book| book.total_tokens.or(book.completion_tokens))),
        );
    } else if let Some(requests) = together.requests.filter(|requests| !made.right.contains(requests)) {
        let text = format!(
            "{} is {}, {} the {} that the ledger has{}",
            together.whose,
            count(requests, "request"),
            difference(requests, made.attempts),
            made.attempts,
            each(|book| book.requests)
        );
        tally.violation(view.last_ns(), (Vec::new(), text));
    }
    tally.ruling(|witness| witness, || nothing_seen(view))
}

fn unclaimed(what: &str, option: &str) -> Ruling {
    Ruling::unknown(format!("the program claims no {what}: say {option}, or write an @claim line at its end"))
}
