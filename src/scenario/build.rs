//! From raw types with every default filled in to the plan.

use super::load::Env;
use super::price::Prices;
use super::raw::{self, Scenario};
use super::{builtin, cost, phases, rules, strategies, thresholds, url};
use crate::document::{Findings, nearest};
use crate::plan::{ClockKind, ExpandedUrl, Place, Plan, Target, TokenRange, Workload};
use crate::strategy::{Redis, StrategyPlan};
use crate::units::text::is_name;

/// Digest of what is run. Thresholds are left out: a run may be judged by others, and remains comparable.
fn digest(scenario: &Scenario) -> String {
    let run = Scenario { thresholds: Default::default(), ..scenario.clone() };
    let text = toml::to_string(&run).unwrap_or_default();
    format!("{:016x}", xxhash_rust::xxh64::xxh64(text.as_bytes(), 0))
}

/// Builds the plan; it is one only if `findings` stays empty.
pub(super) fn build(scenario: &Scenario, env: Option<Env<'_>>, findings: &mut Findings<'_>) -> Plan {
    check_head(scenario, findings);
    let cost = cost::build(scenario, findings);
    let prices = Prices::new(scenario, &cost, findings);
    let target = |(name, target): &(String, raw::Target)| build_target(name, target, env, &prices, findings);
    let targets: Vec<Target> = scenario.target.0.iter().map(target).collect();
    let toml = toml::to_string(scenario).unwrap_or_else(|error| {
        findings.sense(&[], format!("the plan cannot be written as TOML: {error}"), "report this as a bug");
        String::new()
    });
    let hash = digest(scenario);
    let strategies = strategies::build(scenario, env, findings);
    if scenario.clock == raw::Clock::Virtual {
        check_virtual(&targets, &strategies, findings);
    }
    Plan {
        name: scenario.name.clone(),
        next: scenario.next.clone(),
        seed: scenario.seed,
        clock: match scenario.clock {
            raw::Clock::Real => ClockKind::Real,
            raw::Clock::Virtual => ClockKind::Virtual,
        },
        thresholds: thresholds::build(scenario, &targets, findings),
        budget: rules::budget(scenario, &targets, findings),
        targets,
        nemeses: strategies::nemeses(scenario, &strategies, findings),
        strategies,
        optimise: strategies::optimise(scenario.optimise),
        workload: build_workload(scenario, findings),
        phases: phases::build(scenario, findings),
        retry: rules::retry(scenario, findings),
        timeouts: rules::timeouts(&scenario.timeouts),
        faults: rules::faults(scenario, findings),
        cost,
        declared: rules::declared(&scenario.declared),
        slo: rules::slo(&scenario.slo),
        fidelity: rules::fidelity(&scenario.fidelity),
        blocks: scenario.blocks.unwrap_or(1),
        only_block: scenario.only_block,
        threads: scenario.threads.unwrap_or(1),
        toml,
        hash,
    }
}

/// What concerns the file as a whole.
fn check_head(scenario: &Scenario, findings: &mut Findings<'_>) {
    if scenario.version != raw::VERSION {
        let what = format!("`version` is {}", scenario.version);
        findings.sense(&["version"], what, format!("this deadheat reads version = {}", raw::VERSION));
    }
    let blocks = scenario.blocks.unwrap_or(1);
    if let Some(only) = scenario.only_block.filter(|only| !(1..=blocks).contains(only)) {
        let what = format!("there is no block {only}: the load is cut into {blocks}");
        findings.sense(&["only_block"], what, "name one of them, from 1 on, or raise `blocks`".to_owned());
    }
    if scenario.target.0.is_empty() {
        let help = "add a target: [target.mock] with api = \"openai-chat\" is the built-in provider";
        findings.sense(&["target"], "there is no target", help);
    }
    let cells = scenario.target.0.len().saturating_mul(scenario.strategy.0.len());
    if cells > usize::from(u16::MAX) {
        let what = format!("targets x strategies are {cells} cells");
        findings.sense(&["target"], what, format!("write at most {}", u16::MAX));
    }
}

/// What has a time of its own cannot live in virtual time.
fn check_virtual(targets: &[Target], strategies: &[StrategyPlan], findings: &mut Findings<'_>) {
    for target in targets.iter().filter(|target| matches!(target.place, Place::Url { .. })) {
        let help = "take a built-in target (leave `url` out), or write clock = \"real\"";
        findings.sense(&["target", &target.name, "url"], "a real endpoint has no virtual time", help);
    }
    for strategy in strategies.iter().filter(|s| matches!(s.redis(), Some(Redis::Url(_)))) {
        let help = "write redis = \"spawn\", which is a model of Redis in virtual time, or clock = \"real\"";
        findings.sense(&["strategy", strategy.name(), "redis"], "a real Redis has no virtual time", help);
    }
}

fn build_target(
    name: &str,
    target: &raw::Target,
    env: Option<Env<'_>>,
    prices: &Prices<'_>,
    findings: &mut Findings<'_>,
) -> Target {
    let path = ["target", name];
    if !is_name(name) {
        let help = "write 1 to 64 letters, digits, \".\", \"_\" or \"-\", beginning with a letter or digit";
        findings.sense(&path, format!("`{name}` is no usable name of a target"), help);
    }
    let place = match &target.url {
        Some(text) => url_place(name, target, text, env, findings),
        None => {
            if target.api_key_env.is_some() {
                let help = "leave it out, or add the `url` of a real endpoint";
                findings.sense(&["target", name, "api_key_env"], "the built-in provider takes any key", help);
            }
            Place::Mock(Box::new(builtin::build(name, target, findings)))
        }
    };
    Target {
        name: name.to_owned(),
        api: target.api,
        model: target.model.clone().unwrap_or_default(),
        place,
        price: prices.of(name, target, findings),
    }
}

fn url_place(
    name: &str,
    target: &raw::Target,
    text: &str,
    env: Option<Env<'_>>,
    findings: &mut Findings<'_>,
) -> Place {
    let only_built_in = [
        ("latency", target.latency.is_some()),
        ("limits", target.limits.is_some()),
        ("tokens_per_chunk", target.tokens_per_chunk.is_some()),
        ("bill_after_disconnect", target.bill_after_disconnect.is_some()),
        ("idempotency", target.idempotency.is_some()),
    ];
    for (field, _) in only_built_in.into_iter().filter(|(_, given)| *given) {
        let what = format!("`{field}` is a setting of the built-in provider, and `{name}` has a `url`");
        findings.sense(&["target", name, field], what, "leave one of the two out");
    }
    if target.model.is_none() {
        let help = "add model = \"…\", the name the endpoint knows it by";
        findings.sense(&["target", name, "model"], format!("`target.{name}` has no `model`"), help);
    }
    let url = url::expand(text, env).unwrap_or_else(|(what, help)| {
        findings.sense(&["target", name, "url"], what, help);
        ExpandedUrl::from("")
    });
    Place::Url { url, api_key_env: target.api_key_env.clone() }
}

fn build_workload(scenario: &Scenario, findings: &mut Findings<'_>) -> Workload {
    let workload = &scenario.workload;
    let mut range = |field: &str, tokens: raw::Tokens| {
        if tokens.min > tokens.max {
            let what = format!("`{field}` goes from {} to {}", tokens.min, tokens.max);
            findings.sense(&["workload", field], what, "write the smaller number first");
        }
        TokenRange { min: tokens.min, max: tokens.max }
    };
    Workload {
        jobs: workload.jobs,
        repeats: workload.repeats,
        prompt_tokens: range("prompt_tokens", workload.prompt_tokens),
        output_tokens: range("output_tokens", workload.output_tokens),
        stream: workload.stream,
    }
}

/// The nearest target of the built-in kind, for a fault that names none.
pub(super) fn nearest_target(scenario: &Scenario, name: &str) -> String {
    let built_in = scenario.target.0.iter().filter(|(_, target)| target.url.is_none());
    let known: Vec<&str> = built_in.map(|(name, _)| name.as_str()).collect();
    nearest(name, &known)
}
