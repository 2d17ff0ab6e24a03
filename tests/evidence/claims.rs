//! The invariants that compare what a client holds with the ledger: each mutation is found.

use crate::evidence;

use deadheat::history::{JobEnd, Outcome};
use deadheat::summary::Invariant as I;
use evidence::{id, key, world};
use proptest::prelude::*;
use proptest::sample::Index;

proptest! {
    #[test]
    fn a_request_too_many_or_too_few_is_found(mut world in world(), off in 1u64..5, more in any::<bool>()) {
        let claim = &mut world.evidence.claims[0];
        claim.requests = if more { claim.requests + 9 + off } else { claim.requests - 5 - off };
        // An attempt that was cancelled may have been made or not, so a small surplus may be honest.
        let row = world.breaks(&[I::RequestsCounted]);
        let text = row.witness.unwrap().text;
        let word = if more { "more than" } else { "fewer than" };
        prop_assert!(text.contains(word), "{}", text);
    }

    #[test]
    fn one_wrong_total_names_the_job_that_was_lost_or_doubled(
        mut world in world(), at in any::<Index>(), doubled in any::<bool>()
    ) {
        let answered = world.answered();
        let index = answered[at.index(answered.len())];
        let completion = 1_000 + index;
        let claim = &mut world.evidence.claims[0];
        if doubled {
            claim.prompt_tokens += 7;
            claim.completion_tokens += completion;
            claim.total_tokens += 7 + completion;
        } else {
            claim.prompt_tokens -= 7;
            claim.completion_tokens -= completion;
            claim.total_tokens -= 7 + completion;
        }
        let row = world.breaks(&[I::TokensCounted]);
        let witness = row.witness.unwrap();
        prop_assert!(witness.text.contains("completion tokens"), "{}", witness.text);
        // Where the delivered and the billed sum would each blame another job, none is named.
        if let [job] = &witness.jobs[..] {
            prop_assert_eq!(job, &key(index));
            let fate = if doubled { "twice" } else { "not at all" };
            prop_assert!(witness.text.contains(fate), "{}", witness.text);
        }
    }

    #[test]
    fn a_total_that_is_not_the_sum_of_its_parts_is_found(mut world in world()) {
        world.evidence.claims[0].total_tokens += 1;
        world.breaks(&[I::TokensCounted]);
    }

    #[test]
    fn two_answers_changed_places(mut world in world(), a in any::<Index>(), b in any::<Index>()) {
        let answered = world.answered();
        let (a, b) = (answered[a.index(answered.len())], answered[b.index(answered.len())]);
        prop_assume!(a != b);
        let (first, second) = (world.job(a).clone(), world.job(b).clone());
        (world.job(a).answer, world.job(a).text_hash) = (second.answer, second.text_hash);
        (world.job(b).answer, world.job(b).text_hash) = (first.answer, first.text_hash);
        let row = world.breaks(&[I::AnswerMatchesJob]);
        prop_assert_eq!(row.violations, 2);
        let (victim, owner) = if (first.done_ns, a) <= (second.done_ns, b) { (a, b) } else { (b, a) };
        let witness = row.witness.unwrap();
        prop_assert_eq!(witness.jobs, [key(victim), key(owner)]);
        prop_assert!(witness.text.contains("which was given to"), "{}", witness.text);
    }

    #[test]
    fn a_second_result_is_found(mut world in world(), at in any::<Index>()) {
        let answered = world.answered();
        let index = answered[at.index(answered.len())];
        let mut again = world.job(index).clone();
        again.done_ns += 1_000;
        world.evidence.jobs.push(again);
        world.sort();
        let row = world.breaks(&[I::OneResultPerJob]);
        prop_assert_eq!(row.witness.unwrap().jobs, [key(index)]);
    }

    #[test]
    fn a_lost_result_is_found(mut world in world(), at in any::<Index>()) {
        let answered = world.answered();
        let index = answered[at.index(answered.len())];
        world.evidence.jobs.retain(|row| row.job != id(index));
        let row = world.breaks(&[I::OneResultPerJob]);
        prop_assert_eq!(row.witness.unwrap().jobs, [key(index)]);
    }

    #[test]
    fn a_changed_text_is_found(mut world in world(), at in any::<Index>(), flip in 1u64..) {
        // What the client holds, or what was handed over: either way they differ.
        let answered = world.answered();
        let index = answered[at.index(answered.len())];
        let n = world.job(index).attempts;
        let job_hash = world.job(index).text_hash;
        prop_assert_eq!(world.attempt(index, n).text_hash, job_hash);
        world.job(index).text_hash = job_hash.map(|hash| hash ^ flip);
        let row = world.breaks(&[I::ContentIntact]);
        prop_assert_eq!((row.violations, row.witness.unwrap().jobs), (1, vec![key(index)]));
    }

    #[test]
    fn a_cut_answer_claimed_as_ok_is_found(mut world in world()) {
        // Job 3 of every world is cut in the middle.
        let row = world.ledger(3, 1).clone();
        let job = world.job(3);
        (job.outcome, job.end) = (Outcome::Ok, JobEnd::Answered);
        (job.answer, job.text_hash) = (row.answer, row.text_hash);
        let found = world.breaks(&[I::EveryJobAnswered, I::StatusHonest]);
        prop_assert_eq!(found.witness.unwrap().jobs, [key(3)]);
        let witness = world.row(I::StatusHonest).witness.unwrap();
        prop_assert_eq!(witness.jobs, [key(3)]);
        prop_assert!(witness.text.contains("was cut short"), "{}", witness.text);
    }
}
