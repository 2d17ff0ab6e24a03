//! Strategies and nemeses as the plan has them.

use super::load::Env;
use super::raw::{self, Counters, Scenario, Strategy};
use super::url;
use crate::document::{Findings, nearest};
use crate::plan::{
    Broken, ExpandedUrl, LimitRule, Lock, Nemesis, NemesisKind, Optimise, Redis, StrategyPlan, Twin, Way,
};
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
    match raw {
        S::Unbounded(p) => spread(Way::Unbounded, p.processes, p.counters, &[], findings),
        S::Semaphore(p) | S::Idempotent(p) => {
            let permits = p.permits;
            let way = match raw {
                S::Idempotent(_) => Way::Idempotent { permits },
                _ => Way::Semaphore { permits },
            };
            spread(way, p.processes, p.counters, &[("permits", permits.into(), 1)], findings)
        }
        S::ThreadPool(p) => {
            let way = Way::ThreadPool { workers: p.workers };
            spread(way, p.processes, p.counters, &[("workers", p.workers.into(), 1)], findings)
        }
        S::TokenBucket(p) => {
            let way = Way::TokenBucket { rate_per_s: p.rate, burst: p.burst };
            spread(way, p.processes, p.counters, &[("burst", p.burst.into(), 1)], findings)
        }
        S::Adaptive(p) => {
            let rule = match p.rule {
                raw::LimitRule::Aimd => LimitRule::Aimd,
                raw::LimitRule::Gradient => LimitRule::Gradient,
            };
            let way = Way::Adaptive { rule, min: p.min, max: p.max };
            let plan = spread(way, p.processes, p.counters, &[("max", p.max.into(), 1)], findings);
            if p.min > p.max {
                let what = format!("the limit goes from {} to {}", p.min, p.max);
                findings.sense(&["strategy", name, "min"], what, "write a `min` of at most `max`");
            }
            plan
        }
        // One for the first attempt, and one for the second.
        S::Hedged(p) => {
            let way = Way::Hedged { permits: p.permits, after: p.after.0 };
            spread(way, p.processes, p.counters, &[("permits", p.permits.into(), 2)], findings)
        }
        S::Budgeted(p) => {
            let way = Way::Budgeted { permits: p.permits, max_tokens: p.max_tokens };
            let shares = [("permits", p.permits.into(), 1), ("max_tokens", p.max_tokens, 1)];
            spread(way, p.processes, p.counters, &shares, findings)
        }
        S::RedisLock(p) => {
            let lock = lock(name, &p.redis, p.ttl.0, p.permits, env, findings);
            spread(
                Way::RedisLock(lock),
                p.processes,
                p.counters,
                &[("permits", p.permits.into(), 1)],
                findings,
            )
        }
        S::RedisCounter(p) => {
            let redis = redis(name, &p.redis, env, findings);
            let way = Way::RedisCounter { redis, permits: p.permits };
            spread(way, p.processes, Counters::Merged, &[("permits", p.permits.into(), 1)], findings)
        }
        S::SingleFlight(p) => StrategyPlan::alone(Way::SingleFlight { permits: p.permits }),
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
            let lock = lock(name, &p.redis, p.ttl.0, p.permits, env, findings);
            let way = Way::Broken(Broken { lock: Some(lock), ..broken(p.permits) });
            spread(way, p.processes, Counters::Merged, &[("permits", p.permits.into(), 1)], findings)
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

/// Spreads a strategy over processes. Of each of `shares` — a field, its value, the least that makes sense — every
/// process needs its own.
fn spread(
    way: Way,
    processes: u32,
    counters: Counters,
    shares: &[(&str, u64, u64)],
    findings: &mut Findings<'_>,
) -> StrategyPlan {
    let plan = StrategyPlan { way, processes, local_counters: counters == Counters::Local };
    let name = plan.name();
    for (field, n, least) in shares {
        let needed = least * u64::from(processes);
        if *n < needed && processes > 1 {
            let what = format!("{n} `{field}` cannot be shared by {processes} processes");
            findings.sense(&["strategy", name, field], what, format!("write at least {needed}"));
        }
    }
    // Counters of one process cannot be local.
    if plan.local_counters && processes < 2 {
        let what = "counters can only be local where there are several processes";
        let help = "add processes = 2 or more, or leave it out";
        findings.sense(&["strategy", name, "counters"], what, help);
    }
    plan
}

/// Why a strategy has no such key although others have: what is wrong, and what to write instead.
pub(super) fn why_not(strategy: &str, key: &str) -> Option<(String, String)> {
    let (why, help) = match (strategy, key) {
        ("single-flight", "processes" | "counters") => (
            "each process would have flights of its own, and the same question be billed once in each",
            "leave it out, or use [strategy.redis-lock], whose answers all processes share",
        ),
        ("redis-counter", "counters") => (
            "its counters stand in Redis, for all processes",
            "leave it out; [strategy.semaphore] has counters that each process keeps for itself",
        ),
        (twin, "processes") if twin.starts_with("broken-") => (
            "one process is enough for its bug",
            "leave it out; the twins for several processes are broken-local-limit, broken-local-counters and \
             those with a lock",
        ),
        (twin, "counters") if twin.starts_with("broken-") => (
            "a twin has one bug, and it has another",
            "leave it out; the twin with local counters is broken-local-counters",
        ),
        _ => return None,
    };
    Some((format!("`{strategy}` has no `{key}`: {why}"), help.to_owned()))
}

fn lock(
    name: &str,
    redis_text: &str,
    ttl: Duration,
    permits: u32,
    env: Option<Env<'_>>,
    findings: &mut Findings<'_>,
) -> Lock {
    if ttl < Duration::from_millis(10) {
        let path = ["strategy", name, "ttl"];
        findings.sense(
            &path,
            "such a lock is gone before it can be used",
            "write a ttl of at least \"10ms\"",
        );
    }
    Lock { redis: redis(name, redis_text, env, findings), ttl, permits }
}

fn redis(name: &str, text: &str, env: Option<Env<'_>>, findings: &mut Findings<'_>) -> Redis {
    if text == "spawn" {
        return Redis::Spawn;
    }
    let url = url::expand_redis(text, env).unwrap_or_else(|(what, help)| {
        findings.sense(&["strategy", name, "redis"], what, help);
        ExpandedUrl::from("")
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
