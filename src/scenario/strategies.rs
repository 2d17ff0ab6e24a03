//! Strategies and nemeses as the plan has them.

use super::checks::Findings;
use super::load::Env;
use super::raw::{self, Counters, Scenario, Strategy};
use super::shape::nearest;
use super::{Broken, LimitRule, Lock, Nemesis, NemesisKind, Optimise, Redis, StrategyPlan, Twin, Way, url};
use std::time::Duration;

/// Builds the strategies; what is wrong goes to `findings`.
pub(super) fn build(
    scenario: &Scenario,
    env: Option<Env<'_>>,
    findings: &mut Findings<'_>,
) -> Vec<StrategyPlan> {
    scenario.strategy.0.iter().map(|raw| strategy(raw, env, findings)).collect()
}

fn strategy(raw: &Strategy, env: Option<Env<'_>>, findings: &mut Findings<'_>) -> StrategyPlan {
    use Strategy as S;
    let name = raw.name();
    let spread = |way, processes, counters| StrategyPlan {
        way,
        processes,
        local_counters: counters == Counters::Local,
    };
    match raw {
        S::Unbounded(p) => {
            spread(Way::Unbounded, p.processes, counters(name, p.processes, p.counters, findings))
        }
        S::Semaphore(p) | S::Idempotent(p) => {
            let counters = counters(name, p.processes, p.counters, findings);
            check_share("permits", p.permits, p.processes, name, findings);
            let permits = p.permits;
            let way = match raw {
                S::Idempotent(_) => Way::Idempotent { permits },
                _ => Way::Semaphore { permits },
            };
            spread(way, p.processes, counters)
        }
        S::ThreadPool(p) => {
            let counters = counters(name, p.processes, p.counters, findings);
            check_share("workers", p.workers, p.processes, name, findings);
            spread(Way::ThreadPool { workers: p.workers }, p.processes, counters)
        }
        S::RedisLock(p) => {
            spread(Way::RedisLock(lock(name, p, env, findings)), p.processes, Counters::Merged)
        }
        S::RedisCounter(p) => {
            check_share("permits", p.permits, p.processes, name, findings);
            let redis = redis(name, &p.redis, env, findings);
            spread(Way::RedisCounter { redis, permits: p.permits }, p.processes, Counters::Merged)
        }
        S::SingleFlight(p) => StrategyPlan::alone(Way::SingleFlight { permits: p.permits }),
        S::TokenBucket(p) => {
            spread(Way::TokenBucket { rate_per_s: p.rate, burst: p.burst }, p.processes, Counters::Merged)
        }
        S::Adaptive(p) => {
            if p.min > p.max {
                let what = format!("the limit goes from {} to {}", p.min, p.max);
                findings.sense(&["strategy", name, "min"], what, "write a `min` of at most `max`");
            }
            let rule = match p.rule {
                raw::LimitRule::Aimd => LimitRule::Aimd,
                raw::LimitRule::Gradient => LimitRule::Gradient,
            };
            StrategyPlan::alone(Way::Adaptive { rule, min: p.min, max: p.max })
        }
        S::Hedged(p) => StrategyPlan::alone(Way::Hedged { permits: p.permits, after: p.after.0 }),
        S::Budgeted(p) => StrategyPlan::alone(Way::Budgeted { permits: p.permits, max_tokens: p.max_tokens }),
        _ => twin(raw, env, findings),
    }
}

/// A strategy with a planted bug.
fn twin(raw: &Strategy, env: Option<Env<'_>>, findings: &mut Findings<'_>) -> StrategyPlan {
    use Strategy as S;
    let name = raw.name();
    let known = Twin::ALL.into_iter().find(|twin| twin.words().0 == name);
    // Every name that begins with `broken-` is in the list; a test holds the two together.
    let twin = known.unwrap_or(Twin::Counter);
    let broken = |permits| Broken { twin, permits, lock: None, max_tokens: None };
    match raw {
        S::BrokenTotals(p) => StrategyPlan::alone(Way::Broken(broken(p.workers))),
        S::BrokenBudget(p) => {
            StrategyPlan::alone(Way::Broken(Broken { max_tokens: Some(p.max_tokens), ..broken(p.permits) }))
        }
        S::BrokenLockUnfenced(p) | S::BrokenLockRelease(p) | S::BrokenLockCounterOnly(p) => {
            let lock = lock(name, p, env, findings);
            let way = Way::Broken(Broken { lock: Some(lock), ..broken(p.permits) });
            StrategyPlan { way, processes: p.processes, local_counters: false }
        }
        S::BrokenLocalLimit(p) | S::BrokenLocalCounters(p) => {
            let local_counters = twin == Twin::LocalCounters;
            StrategyPlan { way: Way::Broken(broken(p.permits)), processes: p.processes, local_counters }
        }
        S::BrokenCounter(p)
        | S::BrokenResultOrder(p)
        | S::BrokenAbortOnError(p)
        | S::BrokenRetryInPermit(p)
        | S::BrokenNoBackoff(p)
        | S::BrokenNoJitter(p)
        | S::BrokenIgnoresRetryAfter(p)
        | S::BrokenCache(p)
        | S::BrokenPermitLeak(p)
        | S::BrokenNoIdempotencyKey(p) => StrategyPlan::alone(Way::Broken(broken(p.permits))),
        _ => StrategyPlan::alone(Way::Unbounded),
    }
}

/// Counters of one process cannot be local.
fn counters(name: &str, processes: u32, counters: Counters, findings: &mut Findings<'_>) -> Counters {
    if counters == Counters::Local && processes < 2 {
        let help = "add processes = 2 or more, or leave it out";
        let path = ["strategy", name, "counters"];
        findings.sense(&path, "counters can only be local where there are several processes", help);
    }
    counters
}

/// Every process needs a share of at least one.
fn check_share(field: &str, n: u32, processes: u32, name: &str, findings: &mut Findings<'_>) {
    if n < processes {
        let what = format!("{n} `{field}` cannot be shared by {processes} processes");
        findings.sense(&["strategy", name, field], what, format!("write at least {processes}"));
    }
}

fn lock(name: &str, raw: &raw::Lock, env: Option<Env<'_>>, findings: &mut Findings<'_>) -> Lock {
    check_share("permits", raw.permits, raw.processes, name, findings);
    if raw.ttl.0 < Duration::from_millis(10) {
        let path = ["strategy", name, "ttl"];
        findings.sense(
            &path,
            "such a lock is gone before it can be used",
            "write a ttl of at least \"10ms\"",
        );
    }
    Lock { redis: redis(name, &raw.redis, env, findings), ttl: raw.ttl.0, permits: raw.permits }
}

fn redis(name: &str, text: &str, env: Option<Env<'_>>, findings: &mut Findings<'_>) -> Redis {
    if text == "spawn" {
        return Redis::Spawn;
    }
    let url = url::expand_redis(text, env).unwrap_or_else(|(what, help)| {
        findings.sense(&["strategy", name, "redis"], what, help);
        String::new()
    });
    Redis::Url(url)
}

/// Builds the nemeses; what is wrong goes to `findings`.
pub(super) fn nemeses(
    scenario: &Scenario,
    strategies: &[StrategyPlan],
    findings: &mut Findings<'_>,
) -> Vec<Nemesis> {
    let numbered = scenario.nemesis.iter().enumerate();
    numbered
        .map(|(index, raw)| nemesis(&index.to_string(), raw, scenario.clock, strategies, findings))
        .collect()
}

fn nemesis(
    index: &str,
    raw: &raw::Nemesis,
    clock: raw::Clock,
    strategies: &[StrategyPlan],
    findings: &mut Findings<'_>,
) -> Nemesis {
    let kind = match raw.kind {
        raw::NemesisKind::PauseHolder { r#for } => NemesisKind::PauseHolder(r#for.0),
        raw::NemesisKind::KillHolder {} => NemesisKind::KillHolder,
        raw::NemesisKind::RestartRedis {} => NemesisKind::RestartRedis,
        raw::NemesisKind::LoseUnlock {} => NemesisKind::LoseUnlock,
    };
    let meant =
        |plan: &&StrategyPlan| plan.locks() && raw.strategy.as_deref().is_none_or(|name| name == plan.name());
    let holders: Vec<&StrategyPlan> = strategies.iter().filter(meant).collect();
    if let (Some(name), true) = (&raw.strategy, holders.is_empty()) {
        let known: Vec<&str> =
            strategies.iter().filter(|plan| plan.locks()).map(StrategyPlan::name).collect();
        let what = format!("no strategy `{name}` of this scenario holds a lock");
        findings.sense(&["nemesis", index, "strategy"], what, nearest(name, &known));
    } else if holders.is_empty() {
        let help = "add a strategy with a lock, such as [strategy.redis-lock], or leave the nemesis out";
        findings.sense(&["nemesis", index], "no strategy of this scenario holds a lock", help);
    }
    let own_process = matches!(kind, NemesisKind::PauseHolder(_) | NemesisKind::KillHolder);
    for plan in holders.iter().filter(|plan| own_process && plan.processes < 2) {
        let what = format!("`{}` runs in deadheat's own process, which cannot be stopped", plan.name());
        let help = format!("add processes = 2 to [strategy.{}]", plan.name());
        findings.sense(&["nemesis", index, "kind"], what, help);
    }
    if kind == NemesisKind::KillHolder && clock == raw::Clock::Virtual {
        let help = "write clock = \"real\", or take pause-holder";
        findings.sense(&["nemesis", index, "kind"], "no process can be killed in virtual time", help);
    }
    let foreign = |plan: &&&StrategyPlan| matches!(plan.redis(), Some(Redis::Url(_)));
    for plan in holders.iter().filter(|_| kind == NemesisKind::RestartRedis).filter(foreign) {
        let what = format!("the Redis of `{}` is your own, and is not deadheat's to kill", plan.name());
        findings.sense(&["nemesis", index, "kind"], what, "write redis = \"spawn\"");
    }
    Nemesis { kind, acquisition: raw.acquisition, strategy: raw.strategy.clone() }
}

pub(super) fn optimise(raw: raw::Optimise) -> Optimise {
    match raw {
        raw::Optimise::Goodput => Optimise::Goodput,
        raw::Optimise::P99 => Optimise::P99,
        raw::Optimise::Cost => Optimise::Cost,
    }
}
