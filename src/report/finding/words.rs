//! Schedules in words.

use crate::plan::{Nemesis, NemesisKind};
use crate::schedule::{Fallback, Perturb, Schedule};
use crate::units::format_duration;

/// What goes wrong around a lock.
pub(super) fn nemesis(nemesis: &Nemesis) -> String {
    let Nemesis { kind, acquisition: nth, .. } = nemesis;
    match kind {
        NemesisKind::PauseHolder(long) => {
            format!("a pause of {} for the holder of lock number {nth}", format_duration(*long))
        }
        NemesisKind::KillHolder => format!("the kill of the holder of lock number {nth}"),
        NemesisKind::RestartRedis => {
            format!("a restart of the lock server, empty, when lock number {nth} is taken")
        }
        NemesisKind::LoseUnlock => format!("a lost answer to the release of lock number {nth}"),
    }
}

/// What is done to the client's own steps; `None` if nothing is.
pub(super) fn perturbed(schedule: &Schedule) -> Option<String> {
    let between = match schedule.perturb? {
        Perturb::Python => "between bytecodes of the program",
        Perturb::Node => "where the program is told of files and connections",
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
