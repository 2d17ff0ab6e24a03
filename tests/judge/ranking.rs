//! Strategies side by side: which ranks first, which never does, and when each is the wrong choice.

use crate::support;

use deadheat::cost::BilledTokens;
use deadheat::history::*;
use deadheat::judge::{Parts, assemble};
use deadheat::plan::*;
use deadheat::strategy::StrategyPlan;
use deadheat::summary::*;
use hdrhistogram::Histogram;
use support::*;

/// Good jobs per second, response in milliseconds, answered, billed completion tokens.
type Figures = (u64, u64, u64, u64);

struct Run {
    plan: Plan,
    meta: Meta,
    figures: Vec<Figures>,
    verdicts: Vec<VerdictRow>,
    samples: usize,
    gaps: Vec<String>,
}

fn strategy(name: &str, parameters: &str) -> StrategyPlan {
    toml::from_str(&format!("[{name}]\npermits = 32\n{parameters}")).expect("a strategy")
}

/// A semaphore, a faster hedged client that costs more, an unbounded one that is fastest and breaks its
/// word, and a twin that is faster still.
fn four() -> Run {
    let mut plan = plan();
    plan.strategies = vec![
        StrategyPlan::semaphore(32),
        strategy("hedged", "after = \"200ms\""),
        StrategyPlan::unbounded(1),
        strategy("broken-counter", ""),
    ];
    let broken = |strategy| verdict(strategy, Invariant::InFlightCapped, Verdict::Broken);
    Run {
        plan,
        meta: Meta::default(),
        figures: vec![(80, 500, 998, 50), (90, 300, 998, 90), (95, 200, 998, 60), (99, 100, 998, 60)],
        verdicts: vec![
            verdict("semaphore", Invariant::InFlightCapped, Verdict::Holds),
            broken("unbounded"),
            broken("broken-counter"),
        ],
        samples: 400,
        gaps: vec![],
    }
}

fn judged(run: &Run) -> Summary {
    let cells = run.plan.cells();
    let counters: Vec<CounterRow> = cells
        .iter()
        .map(|cell| {
            let (good_per_s, _, answered, _) = run.figures[cell.strategy];
            let mut row = counter(run.plan.strategies[cell.strategy].name());
            row.target = run.plan.targets[cell.target].name.clone();
            (row.good, row.answered, row.waste_tokens) = (good_per_s * 10, answered, Some(17_050));
            row
        })
        .collect();
    let times: Vec<Histogram<u64>> =
        run.figures.iter().map(|(_, ms, ..)| histogram(&vec![ms * MS; run.samples])).collect();
    let billed =
        cells.iter().map(|c| Some(BilledTokens { prompt: 0, completion: run.figures[c.strategy].3 * 1000 }));
    let costs = cells.iter().filter_map(|cell| {
        let target = &run.plan.targets[cell.target];
        let most = target.price.as_ref()?.most(0, run.figures[cell.strategy].3 * 1000).expect("a sum");
        Some(CostRow {
            target: target.name.clone(),
            strategy: run.plan.strategies[cell.strategy].name().to_owned(),
            currency: most.currency.to_string(),
            billed: Some(most.decimal()),
            ..CostRow::default()
        })
    });
    assemble(Parts {
        baseline: None,
        plan: &run.plan,
        meta: &run.meta,
        host: Host::default(),
        counters: counters.clone(),
        measured: counters,
        metrics: vec![metric("semaphore", "response", &times[0])],
        histogram: Box::new(|cell, name| (name == "response").then(|| &times[cell.strategy])),
        fidelity: fidelity(),
        gaps: run.gaps.clone(),
        conservation: vec![],
        verdicts: run.verdicts.clone(),
        billed: billed.collect(),
        cost: costs.collect(),
        budget: vec![],
    })
}

fn ranks(summary: &Summary) -> Vec<Option<u32>> {
    summary.strategies.iter().map(|row| row.rank).collect()
}

fn recommended(summary: &Summary) -> Vec<&str> {
    summary.strategies.iter().filter(|row| row.recommended).map(|row| row.strategy.as_str()).collect()
}

#[test]
fn a_strategy_that_broke_a_rule_ranks_behind_however_fast_it_was() {
    let summary = judged(&four());
    assert_eq!(ranks(&summary), [Some(2), Some(1), Some(4), Some(3)]);
    assert_eq!(recommended(&summary), ["hedged"]);
    let advice = summary.advice.as_deref().expect("several ran");
    assert_eq!(advice, "best for goodput here: hedged (90.0 good jobs/s)");
    assert_eq!(summary.strategies[2].breaks, [Invariant::InFlightCapped]);
    assert_eq!(
        summary.strategies[3].broken_on_purpose.as_deref(),
        Some("counter read before the call and written after it")
    );
    assert_eq!(summary.exit_code, 6, "a twin that breaks what it must has broken an invariant");
}

#[test]
fn each_aim_ranks_by_its_own_figure() {
    let mut run = four();
    run.plan.optimise = Optimise::P99;
    let by_p99 = judged(&run);
    assert_eq!((recommended(&by_p99), ranks(&by_p99)[0]), (vec!["hedged"], Some(2)));
    assert!(
        by_p99.advice.as_deref().is_some_and(|a| a.contains("response p99 300ms")),
        "{:?}",
        by_p99.advice
    );
    run.plan.optimise = Optimise::Cost;
    let by_cost = judged(&run);
    assert_eq!(recommended(&by_cost), ["semaphore"]);
    // 50,000 tokens at 8 USD a million, over 800 good jobs.
    assert_eq!(by_cost.strategies[0].cost_per_good_job.as_deref(), Some("0.0005 USD"));
    assert_eq!(by_cost.strategies[0].score, Some(0.0005));
}

#[test]
fn a_broken_twin_is_never_recommended_nor_is_any_without_a_correct_strategy() {
    let mut run = four();
    run.verdicts.retain(|row| row.verdict == Verdict::Holds);
    assert_eq!(ranks(&judged(&run)), [Some(3), Some(2), Some(1), Some(4)], "it broke nothing here");
    run.plan.strategies = vec![strategy("broken-counter", ""), strategy("broken-cache", "")];
    run.figures.truncate(2);
    let summary = judged(&run);
    assert!(recommended(&summary).is_empty());
    assert!(summary.advice.as_deref().is_some_and(|a| a.starts_with("none can be recommended")));
    run.plan.strategies.truncate(1);
    assert_eq!(judged(&run).advice, None, "there is nothing to choose between");
}

#[test]
fn what_is_close_is_named_and_equals_share_a_rank() {
    let mut run = four();
    (run.figures[0].0, run.figures[1].0, run.verdicts) = (88, 91, vec![]);
    let advice = judged(&run).advice.expect("several ran");
    assert!(
        advice.starts_with("best for goodput here: unbounded") && advice.ends_with(": hedged"),
        "{advice}"
    );
    run.figures[1].0 = 95;
    assert_eq!(ranks(&judged(&run)), [Some(3), Some(1), Some(1), Some(4)]);
}

#[test]
fn a_client_that_refuses_fast_is_no_fast_client() {
    let mut run = four();
    run.plan.optimise = Optimise::P99;
    run.figures[1].2 = 400;
    assert_eq!(recommended(&judged(&run)), ["semaphore"]);
}

#[test]
fn nothing_is_ranked_on_doubtful_grounds() {
    let said = |run: &Run| {
        let summary = judged(run);
        assert_eq!(ranks(&summary), [None; 4]);
        assert!(recommended(&summary).is_empty());
        summary.advice.expect("why")
    };
    let mut run = four();
    run.gaps.push("ledger.jsonl.zst is missing".into());
    assert!(said(&run).contains("not whole"));
    let mut run = four();
    run.meta.interrupted = true;
    assert!(said(&run).contains("interrupted"));
    let mut run = four();
    run.plan.fidelity.cpu = 0.1;
    assert!(said(&run).contains("the load was invalid"));
    run.plan.optimise = Optimise::Cost;
    assert_eq!(recommended(&judged(&run)), ["semaphore"], "what was billed hangs on no clock");
    let mut run = four();
    (run.plan.optimise, run.samples) = (Optimise::P99, 299);
    assert!(said(&run).contains("no strategy has a figure for p99"));
}

#[test]
fn targets_are_added_up() {
    let mut run = four();
    run.plan.targets.push(target("other", mock()));
    run.samples = 150;
    let mut elsewhere = verdict("hedged", Invariant::BilledOnce, Verdict::Broken);
    elsewhere.target = "other".into();
    run.verdicts.push(elsewhere);
    let summary = judged(&run);
    assert_eq!(summary.strategies.len(), 4);
    assert_eq!(summary.strategies[1].breaks, [Invariant::BilledOnce], "broken at one target is broken");
    assert_eq!(recommended(&summary), ["semaphore"]);
    assert_eq!(summary.strategies[0].response_p99_ms.map(f64::round), Some(500.0), "150 and 150 are enough");
    assert_eq!(summary.strategies[0].goodput_per_s, 80.0, "1,600 in 20 s");
    assert_eq!(summary.strategies[0].waste, Some(0.1));
}

#[test]
fn every_strategy_says_when_it_is_wrong_with_what_was_seen() {
    let summary = judged(&four());
    let said: Vec<&str> = summary.strategies.iter().map(|row| row.wrong_when.as_str()).collect();
    assert_eq!(
        said,
        [
            "wrong as soon as a second process calls the same provider, for its 32 permits are its own: \
             it knows no rate either, and met 114 refusals here",
            "wrong where the bill matters: here 10.0% of the tokens billed bought nothing, with semaphore \
             10.0%",
            "wrong for a limited provider: here 1.1 attempts per job, 114 refusals, 32 at once",
            "always wrong: counter read before the call and written after it; here it broke in-flight-capped",
        ]
    );
}

#[test]
fn broken_twins_have_a_line_each_behind_unexpected_breaks() {
    let mut run = four();
    for invariant in [Invariant::BilledOnce, Invariant::TokensCounted] {
        run.verdicts.insert(0, verdict("broken-counter", invariant, Verdict::Broken));
    }
    let reasons = judged(&run).exit_reasons;
    assert_eq!(
        reasons,
        [
            "in-flight-capped is broken at mock/unbounded: 12 of 1117",
            "broken-counter, broken on purpose (counter read before the call and written after it), broke \
             billed-once, in-flight-capped, tokens-counted",
        ]
    );
}
