//! Retries, timeouts, faults, budget and the other rules of a run.

use super::build::nearest_target;
use super::raw::{self, Scenario};
use crate::document::Findings;
use crate::faults::FaultRule;
use crate::plan::{BudgetPlan, Declared, FidelityBudget, Slo, Target, Timeouts};
use crate::strategy::{Backoff, Jitter, Retry};
use crate::units::Currency;

pub(super) fn retry(scenario: &Scenario, findings: &mut Findings<'_>) -> Retry {
    let retry = scenario.retry.clone().unwrap_or_default();
    match retry.backoff {
        Backoff::Fixed { jitter: Jitter::Decorrelated, .. } => {
            let help = "write \"none\", \"full\" or \"equal\", or an exponential backoff";
            let path = ["retry", "backoff", "fixed", "jitter"];
            findings.sense(&path, "a fixed wait cannot have \"decorrelated\" jitter", help);
        }
        Backoff::Exponential { base, cap, .. } if cap < base => {
            let path = ["retry", "backoff", "exponential", "cap"];
            let help = "write a cap of at least the base";
            findings.sense_at(&path, &path[..3], "`cap` is less than `base`", help);
        }
        Backoff::None | Backoff::Fixed { .. } | Backoff::Exponential { .. } => {}
    }
    retry
}

pub(super) fn timeouts(raw: &raw::Timeouts) -> Timeouts {
    Timeouts { connect: raw.connect.0, first_byte: raw.first_byte.0, idle: raw.idle.0, total: raw.total.0 }
}

pub(super) fn faults(scenario: &Scenario, findings: &mut Findings<'_>) -> Vec<FaultRule> {
    let built_in = scenario.target.0.iter().any(|(_, target)| target.url.is_none());
    if !scenario.fault.is_empty() && !scenario.target.0.is_empty() && !built_in {
        let what = "there is no built-in provider that could have this fault";
        findings.sense(&["fault", "0"], what, "leave it out, or add a target without `url`");
    }
    let rules = scenario.fault.iter().enumerate();
    rules.map(|(index, rule)| fault(&index.to_string(), rule, scenario, findings)).collect()
}

fn fault(index: &str, rule: &FaultRule, scenario: &Scenario, findings: &mut Findings<'_>) -> FaultRule {
    if let Some(name) = &rule.target {
        let path = ["fault", index, "target"];
        match scenario.target.0.iter().find(|(known, _)| known == name) {
            None => {
                findings.sense(&path, format!("there is no target `{name}`"), nearest_target(scenario, name))
            }
            Some((_, target)) if target.url.is_some() => {
                let what = format!("`{name}` is a real endpoint: deadheat cannot make it fail");
                findings.sense(&path, what, "name a target without `url`");
            }
            Some(_) => {}
        }
    }
    if let Err(error) = rule.kind.check() {
        findings.sense(&["fault", index, "kind", error.kind, error.field], error.what, error.help);
    }
    rule.clone()
}

pub(super) fn budget(
    scenario: &Scenario,
    targets: &[Target],
    findings: &mut Findings<'_>,
) -> Option<BudgetPlan> {
    let Some(raw) = &scenario.budget else {
        if let Some((name, _)) = scenario.target.0.iter().find(|(_, target)| target.url.is_some()) {
            let help = "add [budget] with max_cost = \"1.00 USD\" (and a price), max_requests or max_tokens";
            let what = format!("`target.{name}` is a real endpoint, and there is no budget");
            findings.sense_at(&["target", name, "url"], &["budget"], what, help);
        }
        return None;
    };
    if raw.max_cost.is_none() && raw.max_requests.is_none() && raw.max_tokens.is_none() {
        let help = "write max_cost = \"1.00 USD\", max_requests or max_tokens";
        findings.sense(&["budget"], "the budget limits nothing", help);
    }
    if let Some(cost) = raw.max_cost {
        check_cost(cost.0.currency, scenario, targets, findings);
        if cost.0.pico == 0 {
            findings.sense(
                &["budget", "max_cost"],
                "a budget of nothing buys nothing",
                "write an amount above zero",
            );
        }
    }
    let (max_requests, max_tokens) = (raw.max_requests, raw.max_tokens);
    Some(BudgetPlan { max_cost: raw.max_cost.map(|cost| cost.0), max_requests, max_tokens })
}

/// `max_cost` can be kept only where there are prices that are paid in its currency.
fn check_cost(currency: Currency, scenario: &Scenario, targets: &[Target], findings: &mut Findings<'_>) {
    const HELP: &str = "add price = { input = \"2.00\", output = \"8.00\" }, per million tokens";
    let mut priced = false;
    for (name, target) in &scenario.target.0 {
        match &target.price {
            Some(_) => {
                let built = targets.iter().find(|target| target.name == *name);
                let paid = built.and_then(|target| Some(target.price.as_ref()?.landed.currency));
                if let Some(paid) = paid.filter(|paid| *paid != currency) {
                    let what = format!("`{name}` is paid in {paid}, and the budget is in {currency}");
                    let help = format!("write the budget in {paid}, or [cost] currency = \"{currency}\"");
                    findings.sense(&["budget", "max_cost"], what, help);
                }
                priced = true;
            }
            None if target.url.is_some() => {
                let what = format!("`max_cost` cannot be kept: `target.{name}` has no price");
                findings.sense_at(&["budget", "max_cost"], &["target", name, "price"], what, HELP);
                priced = true;
            }
            None => {}
        }
    }
    if !priced && !scenario.target.0.is_empty() {
        let what = "`max_cost` cannot be kept: no target has a price";
        findings.sense_at(&["budget", "max_cost"], &["target"], what, HELP);
    }
}

pub(super) fn declared(raw: &raw::Declared) -> Declared {
    Declared { concurrency: raw.concurrency, progress: raw.progress.0 }
}

pub(super) fn slo(raw: &raw::Slo) -> Slo {
    Slo { ttft: raw.ttft.map(|time| time.0), response: raw.response.map(|time| time.0) }
}

pub(super) fn fidelity(raw: &raw::Fidelity) -> FidelityBudget {
    FidelityBudget {
        ttft_error_p99: raw.ttft_error_p99.0,
        lag_p99: raw.lag_p99.0,
        achieved: raw.achieved,
        cpu: raw.cpu,
    }
}
