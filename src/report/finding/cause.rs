//! Why a rule broke, in one sentence: what was done to the client, what that made it do, and what was seen.

use super::words;
use crate::explore::{Consequence, Found};
use crate::schedule::{Hold, RequestKey, Strike, Until};
use crate::units::format_duration;
use std::time::Duration;

/// Most holds that are named.
const HOLDS: usize = 2;

/// The sentence, without a full stop.
pub(super) fn cause(found: &Found) -> String {
    let done = done(found).join(" and ");
    let witness = &found.cause.witness;
    if done.is_empty() {
        return format!("no schedule is needed: {witness}");
    }
    match &found.cause.effect {
        Consequence::SentAgain { first, second, billed: [true, second_billed] } => {
            let both = if *second_billed { "both were billed; " } else { "" };
            let although = format!("although the provider had accepted {first}");
            format!("{done} makes the client send {second} {although}: {both}{witness}")
        }
        effect => format!("{done} {}: {witness}", led_to(effect, found)),
    }
}

/// What was done to the client, the schedule's parts in their order.
fn done(found: &Found) -> Vec<String> {
    let schedule = &found.schedule;
    let holds = schedule.holds.iter().zip(&found.cause.hung_up_after);
    let mut done: Vec<String> = holds.take(HOLDS).map(|(hold, left)| held(hold, *left)).collect();
    if schedule.holds.len() > HOLDS {
        done.push(format!("{} more holds", schedule.holds.len() - HOLDS));
    }
    done.extend(struck(&schedule.faults));
    done.extend(schedule.nemeses.iter().map(words::nemesis));
    done.extend(words::order(schedule));
    done.extend(words::perturbed(schedule));
    let killed = found.trial.killed.map(format_duration);
    done.extend(killed.map(|at| format!("killing the program at {at} and starting it again")));
    done
}

/// What the schedule led to, as a predicate.
fn led_to(effect: &Consequence, found: &Found) -> String {
    match effect {
        Consequence::SentAgain { second, .. } => format!("makes the client send {second}"),
        Consequence::OutlastsLock(lease) => {
            format!("outlasts the lock, whose lease is {}", format_duration(*lease))
        }
        Consequence::EndsRequest => "ends it for good".to_owned(),
        Consequence::HeldMeanwhile => "changes what happens meanwhile".to_owned(),
        Consequence::LaterAnsweredFirst => "lets the one that came later be answered first".to_owned(),
        Consequence::HeldForNothing => "holds it for nothing".to_owned(),
        Consequence::HungUpOnOthers { first, count: 1 } => format!("makes the client hang up on {first}"),
        Consequence::HungUpOnOthers { first, count } => {
            format!("makes the client hang up on {count} other requests, {first} first")
        }
        Consequence::Breaks => format!("breaks {}", found.invariant.name()),
    }
}

fn held(hold: &Hold, hung_up_after: Option<Duration>) -> String {
    let request = &hold.request;
    match (&hold.until, hung_up_after) {
        (Until::Answered(other), None) => format!("holding {request} until {other} is answered"),
        (_, Some(after)) => {
            let after = format_duration(after);
            format!("holding {request} past the client's time-out (it hung up after {after})")
        }
        (Until::After(long), None) => format!("holding {request} for {}", format_duration(*long)),
        (Until::Disconnect, None) => format!("holding {request} until the client hangs up"),
    }
}

/// All faults, those of a kind together.
fn struck(faults: &[Strike]) -> Vec<String> {
    let mut kinds: Vec<(String, Vec<&RequestKey>)> = Vec::new();
    for strike in faults {
        let kind = strike.kind.words();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, requests)) => requests.push(&strike.request),
            None => kinds.push((kind, vec![&strike.request])),
        }
    }
    let of = |(kind, requests): (String, Vec<&RequestKey>)| match requests.as_slice() {
        [one] => format!("{kind} for {one}"),
        [one, other] => format!("{kind} for {one} and {other}"),
        [one, .., last] => format!("{kind} for {} requests from {one} to {last}", requests.len()),
        [] => kind,
    };
    kinds.into_iter().map(of).collect()
}
