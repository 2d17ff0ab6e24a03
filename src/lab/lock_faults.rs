//! Which faults around locks a run of one cell can have.

use crate::plan::{ClockKind, Nemesis, NemesisKind};
use crate::schedule::Schedule;
use crate::strategy::{Redis, StrategyPlan};

/// Whether every `[[nemesis]]` of a schedule can happen to a cell with this strategy, which is run in
/// deadheat's own process. One that cannot happen would pass for one that did no harm.
///
/// # Errors
/// Names the key of the first one that cannot, why, and what to do.
pub fn check_lock_faults(
    schedule: &Schedule,
    strategy: &StrategyPlan,
    clock: ClockKind,
) -> Result<(), String> {
    let wrong = |(n, nemesis): (usize, &Nemesis)| {
        let (kind, why, help) = why_not(nemesis.kind, strategy, clock)?;
        Some(format!("[[nemesis]] {n}, kind.{kind}: {why}: {help}"))
    };
    (1..).zip(&schedule.nemeses).find_map(wrong).map_or(Ok(()), Err)
}

/// Why this cannot happen, and what to do: its key, the reason, the help.
fn why_not(
    kind: NemesisKind,
    strategy: &StrategyPlan,
    clock: ClockKind,
) -> Option<(&'static str, String, String)> {
    let name = strategy.name();
    let key = match kind {
        NemesisKind::PauseHolder(_) => "pause-holder",
        NemesisKind::KillHolder => "kill-holder",
        NemesisKind::RestartRedis => "restart-redis",
        NemesisKind::LoseUnlock => "lose-unlock",
    };
    if !strategy.locks() {
        let help = "leave it out, or take a strategy with a lock, such as redis-lock".to_owned();
        return Some((key, format!("`{name}` holds no lock"), help));
    }
    match kind {
        NemesisKind::KillHolder => {
            let why = "a schedule is run in one process, deadheat's own, which is not killed".to_owned();
            let help = format!(
                "write kind.pause-holder = {{ for = \"1s\" }} instead, or put the nemesis into the scenario, \
                 with clock = \"real\" and processes = 2 in [strategy.{name}], for `deadheat run`"
            );
            Some((key, why, help))
        }
        NemesisKind::PauseHolder(_) if clock == ClockKind::Real => {
            let why = "a schedule is run in one process, deadheat's own, which pauses only in virtual time";
            Some((key, why.to_owned(), "write clock = \"virtual\" in the scenario".to_owned()))
        }
        NemesisKind::RestartRedis if matches!(strategy.redis(), Some(Redis::Url(_))) => {
            let why = format!("the Redis of `{name}` is your own, and is not deadheat's to kill");
            Some((key, why, format!("write redis = \"spawn\" in [strategy.{name}]")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::Subject;
    use crate::lab::{SocketCell, VirtualCell};
    use crate::plan::{Plan, Source};
    use crate::scenario::load;

    const KINDS: [&str; 4] =
        ["pause-holder = { for = \"1s\" }", "kill-holder = {}", "restart-redis = {}", "lose-unlock = {}"];

    fn plan(clock: &str, strategy: &str) -> Plan {
        let text = format!(
            "version = 1\nname = \"locks\"\nclock = \"{clock}\"\n[target.mock]\napi = \"openai-chat\"\n\
             model = \"m\"\n[workload]\njobs = 2\n[profile.constant-vus]\nvus = 1\n[strategy.{strategy}\n"
        );
        load(&Source { path: "locks.toml".into(), text }, &[], &|_| None)
            .unwrap_or_else(|faults| panic!("{faults}"))
    }

    /// Every kind, with every kind of strategy, on both clocks: what cannot happen is refused before anything
    /// is run, by its key and with what to do.
    #[test]
    fn a_lock_fault_that_cannot_happen_is_refused_by_its_key() {
        const OWN: &str = "redis-lock]\nttl = \"1s\"\nredis = \"redis://127.0.0.1:1\"";
        for (clock, strategy, possible) in [
            ("virtual", "unbounded]", [false, false, false, false]),
            ("real", "unbounded]", [false, false, false, false]),
            ("virtual", "redis-lock]", [true, false, true, true]),
            ("virtual", "redis-lock]\nprocesses = 2", [true, false, true, true]),
            ("real", "redis-lock]", [false, false, true, true]),
            ("real", OWN, [false, false, false, true]),
        ] {
            let plan = plan(clock, strategy);
            for (kind, possible) in KINDS.iter().zip(possible) {
                let text = format!("version = 1\n[[nemesis]]\nkind.{kind}\n");
                let schedule = Schedule::from_toml("schedule", &text).expect("a schedule");
                let checked = check_lock_faults(&schedule, &plan.strategies[0], plan.clock);
                assert_eq!(checked.is_ok(), possible, "{clock}, {strategy}, {kind}: {checked:?}");
                let Err(why) = checked else { continue };
                let key = kind.split(' ').next().expect("a key");
                assert!(why.starts_with(&format!("[[nemesis]] 1, kind.{key}: ")), "{why}");
                let cell = plan.cells()[0];
                let ran = match plan.clock {
                    ClockKind::Virtual => VirtualCell::new(&plan, cell).run(&schedule, None),
                    ClockKind::Real => SocketCell::new(&plan, cell, &|_, _| unreachable!("it ran"), None)
                        .run(&schedule, None),
                };
                assert_eq!(ran.err(), Some(why));
            }
        }
    }
}
