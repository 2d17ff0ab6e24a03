//! Strategies and nemeses as the plan has them.

use super::load::Env;
use super::raw::{self, Scenario};
use super::url;
use crate::document::{Findings, nearest};
use crate::plan::{ExpandedUrl, Nemesis, NemesisKind, Optimise};
use crate::strategy::{Problem, Redis, StrategyPlan};

/// Builds the strategies; what is wrong goes to `findings`.
pub(super) fn build(
    scenario: &Scenario,
    env: Option<Env<'_>>,
    findings: &mut Findings<'_>,
) -> Vec<StrategyPlan> {
    let mut strategies = scenario.strategy.0.clone();
    for strategy in &mut strategies {
        let name = strategy.name();
        for Problem { key, what, help } in strategy.problems() {
            findings.sense(&["strategy", name, key], what, help);
        }
        if let Some(Redis::Url(url)) = strategy.redis_mut() {
            *url = url::expand_redis(url.expose(), env).unwrap_or_else(|(what, help)| {
                findings.sense(&["strategy", name, "redis"], what, help);
                ExpandedUrl::from("")
            });
        }
    }
    strategies
}

/// Why a strategy has no such key although others have: what is wrong, and what to write instead.
pub(super) fn why_not(strategy: &str, key: &str) -> Option<(String, String)> {
    let (why, help) = StrategyPlan::without(strategy, key)?;
    Some((format!("`{strategy}` has no `{key}`: {why}"), help.to_owned()))
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
    for plan in holders.iter().filter(|plan| own_process && plan.processes() < 2) {
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
