//! The rules for an external program: there is a ledger, and what the program shows of itself, but no history
//! of attempts as the client saw them.
//!
//! What the ledger alone decides is decided as for deadheat's own client. What is not declared is not judged,
//! and the verdict says which option of `deadheat audit` would decide it.

mod answers;
mod course;
mod exit;
mod sums;

use super::check;
use super::tally::Ruling;
use super::view::CellView;
use crate::history::{JobKey, ProgramRun, ResultSource};
use crate::summary::{Invariant, Verdict, VerdictRow};

/// The ruling on a program.
pub(super) fn rule(invariant: Invariant, view: &CellView<'_>, conduct: &ProgramRun) -> Ruling {
    match invariant {
        Invariant::AttemptsCapped if conduct.attempts_cap.is_none() => {
            undeclared("how many attempts a job may have", "--attempts-cap N")
        }
        Invariant::InFlightCapped if view.plan.declared.concurrency.is_none() => {
            undeclared("how many attempts may be in flight", "--concurrency N")
        }
        Invariant::BudgetKept if view.plan.budget.is_none() => {
            undeclared("what may be spent", "--budget '4000 tokens', or '0.50 USD' with --price")
        }
        Invariant::BilledOnce => billed_once(view, conduct),
        Invariant::Progress => course::progress(view, conduct),
        Invariant::CancelPropagates => course::cancel_propagates(view, conduct),
        Invariant::EveryJobAnswered => answers::every_job_answered(view, conduct),
        Invariant::OneResultPerJob => answers::one_result_per_job(view, conduct),
        Invariant::StatusHonest if conduct.results == ResultSource::Output => {
            answers::shown_honestly(view, conduct)
        }
        Invariant::AnswerMatchesJob | Invariant::ContentIntact | Invariant::StatusHonest
            if conduct.results == ResultSource::None =>
        {
            no_results()
        }
        Invariant::ContentIntact if conduct.results == ResultSource::Output => Ruling::unknown(
            "the program claims no text: write @claim lines with \"job\", \"id\" and \"text\"",
        ),
        Invariant::RequestsCounted => sums::requests_counted(view, conduct),
        Invariant::TokensCounted => sums::tokens_counted(view, conduct),
        Invariant::ProcessesAgree => sums::processes_agree(view, conduct),
        Invariant::ExitHonest => exit::exit_honest(view, conduct),
        _ => check(invariant)(view),
    }
}

/// As for any client, but for requests that nothing but their text tells apart: two of them that say the same
/// and are both answered may be one job twice, or two jobs.
fn billed_once(view: &CellView<'_>, conduct: &ProgramRun) -> Ruling {
    let ruling = check(Invariant::BilledOnce)(view);
    let mut names: Vec<&JobKey> = conduct.names.values().collect();
    names.sort_unstable();
    let alike: usize = names.chunk_by(|a, b| a == b).map(<[_]>::len).filter(|same| *same > 1).sum();
    if ruling.verdict != Verdict::Holds || alike == 0 {
        return ruling;
    }
    Ruling::unknown(format!(
        "{alike} requests say what another says, and each was asked anew after an answer or beside it: \
         whether they \
         are one job cannot be told; give each job a tag, or say --job-key REGEX"
    ))
}

/// The ruling of `exit-honest` where the client is not a program of its own.
pub(super) fn only_of_programs(_: &CellView<'_>) -> Ruling {
    Ruling::not_applicable("the client is no program of its own")
}

fn undeclared(what: &str, option: &str) -> Ruling {
    Ruling::unknown(format!("nothing declares {what}: say {option}"))
}

fn no_results() -> Ruling {
    Ruling::unknown(
        "the program shows no result: print each job's tag with its answer's id, or write @claim lines",
    )
}

/// Puts the names of jobs in the place of the numbers under which they were judged, and says which layer of
/// the program repeated itself.
pub(super) fn call_by_name(row: &mut VerdictRow, conduct: &ProgramRun) {
    let Some(witness) = &mut row.witness else { return };
    let layered = matches!(
        row.invariant,
        Invariant::BilledOnce
            | Invariant::AttemptsCapped
            | Invariant::NoRetryWhenPermanent
            | Invariant::RetryAfterRespected
    );
    let layers = witness.jobs.iter().find_map(|job| match job {
        JobKey::Own(id) if layered => conduct.layers.get(id),
        _ => None,
    });
    if let Some([retries, calls]) = layers {
        witness.text += &match (retries, calls) {
            (0, calls) => format!("; no attempt is an SDK's own retry: the program made {calls} calls"),
            (1, 1) => {
                "; one attempt is the SDK's own retry (x-stainless-retry-count), the program made one call"
                    .to_owned()
            }
            (retries, 1) => format!(
                "; {retries} attempts are the SDK's own retries (x-stainless-retry-count), the program made \
                 one call"
            ),
            (retries, calls) => format!(
                "; two layers retry: {retries} of its attempts are the SDK's own (x-stainless-retry-count), \
                 inside \
                 {calls} calls of the program"
            ),
        };
    }
    for (id, name) in &conduct.names {
        let number = JobKey::Own(*id);
        if witness.jobs.contains(&number) || witness.text.contains(&id.to_string()) {
            let begins = conduct.excerpts.get(name).map(|text| format!(" (\"{text}\")")).unwrap_or_default();
            // A person recognises it by its text, and needs that once.
            witness.text = witness.text.replacen(&id.to_string(), &format!("{name}{begins}"), 1);
            witness.text = witness.text.replace(&id.to_string(), &name.to_string());
        }
        for job in witness.jobs.iter_mut().filter(|job| **job == number) {
            *job = name.clone();
        }
    }
}
