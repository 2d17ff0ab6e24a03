//! Schedules in words.

use crate::plan::{Nemesis, NemesisKind};
use crate::schedule::{Fallback, Perturb, Schedule, Until};
use crate::units::format_duration;
use std::time::Duration;

pub(super) fn time(time: Duration) -> String {
    format_duration(time)
}

/// How long something is held.
pub(super) fn until(until: &Until) -> String {
    match until {
        Until::Answered(other) => format!("until {other} was answered"),
        Until::After(long) => format!("for {}", time(*long)),
        Until::Disconnect => "until the client hung up".to_owned(),
    }
}

/// What goes wrong around a lock.
pub(super) fn nemesis(nemesis: &Nemesis) -> String {
    let Nemesis { kind, acquisition: nth, .. } = nemesis;
    match kind {
        NemesisKind::PauseHolder(long) => {
            format!("a pause of {} for who takes lock number {nth}", time(*long))
        }
        NemesisKind::KillHolder => format!("the death of who takes lock number {nth}"),
        NemesisKind::RestartRedis => {
            format!("a lock server that forgets all when lock number {nth} is taken")
        }
        NemesisKind::LoseUnlock => format!("a lost answer to the release of lock number {nth}"),
    }
}

/// What is done to the client's own steps; `None` if nothing is.
pub(super) fn perturbed(schedule: &Schedule) -> Option<String> {
    let between = match schedule.perturb? {
        Perturb::Python => "between bytecodes of the program",
        Perturb::Node => "where the program hears from files and connections",
    };
    Some(format!("pausing {between} by seed {}", schedule.seed))
}

/// What an order does; `None` if it is no order.
pub(super) fn order(schedule: &Schedule) -> Option<String> {
    Some(match schedule.fallback {
        Fallback::Respond => return None,
        Fallback::Fifo => "answering one request at a time, the oldest first,".to_owned(),
        Fallback::Reverse => "answering one request at a time, the newest first,".to_owned(),
        Fallback::Burst => "answering all that is in flight at once".to_owned(),
        Fallback::Random => format!("answering in the random order of seed {}", schedule.seed),
        Fallback::Lanes { depth } => {
            format!("answering job by job in the order of seed {} and depth {depth}", schedule.seed)
        }
    })
}
