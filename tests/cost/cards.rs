//! Runs that are priced by rate cards: hours and cliffs, budgets and thresholds in the money that is paid,
//! the age of prices.

use crate::cli;

use cli::{Place, Ran};
use rust_decimal::Decimal;
use serde_json::Value;

const SCENARIO: &str = r#"
version = 1
name = "cards"
clock = "virtual"
[target.mock]
api = "openai-chat"
PRICE
[cost]
COST
[workload]
jobs = 120
prompt_tokens = { uniform = [50, 100] }
output_tokens = { uniform = [5, 20] }
[profile.constant-vus]
vus = 8
[strategy.semaphore]
permits = 8
"#;

const FLASH: &str = "price = { card = \"deepseek/deepseek-flash\" }";

/// A card with a cliff between the smallest and the largest prompt, and a fee for each request.
const OWN: &str = r#"currency = "CNY"
fx.CNY = { rate = "7.30", date = "2026-11-20" }
[[cost.card]]
provider = "house"
model = "large"
source_url = "our contract"
checked_on = "2026-11-20"
rates = { input = "1.00", output = "2.00", request_fee = "0.10" }
[[cost.card.when]]
tier = { threshold = 75, inclusive = true }
multiplier = "3"
"#;

fn scenario(price: &str, cost: &str) -> String {
    SCENARIO.replace("PRICE", price).replace("COST", cost)
}

fn run(place: &Place, text: &str, out: &str) -> Ran {
    place.write("cards.toml", text);
    place.line(&format!("run cards.toml --out {out}"))
}

fn summary(place: &Place, dir: &str) -> Value {
    serde_json::from_str(&place.read(&format!("{dir}/summary.json"))).expect("a summary")
}

fn number(value: &Value) -> Decimal {
    Decimal::from_str_exact(value.as_str().expect("a decimal")).expect("a decimal")
}

#[test]
fn a_peak_costs_twice_as_much_as_the_hour_after_it() {
    let place = Place::new();
    let at = |start: &str, dir: &str| {
        run(&place, &scenario(FLASH, &format!("start = \"{start}\"")), dir).exits(0);
        summary(&place, dir)["cost"][0].clone()
    };
    let (peak, after) = (at("2026-11-24T02:00:00Z", "peak"), at("2026-11-24T05:00:00Z", "after"));
    let holiday = at("2026-10-01T02:00:00Z", "holiday");
    assert_eq!(number(&peak["billed"]), number(&after["billed"]) * Decimal::TWO);
    assert_eq!(holiday["billed"], after["billed"], "a public holiday is off-peak all day");
    assert_eq!((&peak["client"], &peak["disagreeing"]), (&peak["billed"], &0.into()));
    assert_eq!(
        (&peak["card"]["card"], &peak["card"]["age_days"]),
        (&"deepseek/deepseek-flash".into(), &41.into())
    );
    assert!(peak["card"]["source_url"].as_str().expect("a source").contains("api-docs.deepseek.com"));

    let undated = run(&place, &scenario(FLASH, ""), "undated").exits(2);
    assert!(
        undated.err.contains("virtual time has no date") && undated.err.contains("start ="),
        "{}",
        undated.err
    );
    let before = run(&place, &scenario(FLASH, "start = \"2026-09-01T00:00:00Z\""), "before").exits(2);
    assert!(before.err.contains("no price on 2026-09-01"), "{}", before.err);
}

#[test]
fn the_plan_keeps_the_card_that_it_was_priced_by() {
    let place = Place::new();
    let ran = run(&place, &scenario("price = { card = \"gpt-4.1\" }", ""), "run").exits(0);
    assert!(ran.out.contains("by openai/gpt-4.1 of list-2026-11"), "{}", ran.out);
    let plan = place.read("run/plan.toml");
    assert!(plan.contains("[[cost.card]]") && plan.contains("developers.openai.com"), "{plan}");
    let before = summary(&place, "run")["cost"].clone();
    place.line("check run").exits(0);
    assert_eq!(summary(&place, "run")["cost"], before);
    place.line("run run/plan.toml --out again").exits(0);
    assert_eq!(summary(&place, "again")["cost"], before, "and can be run again as it is");
}

#[test]
fn a_card_that_cannot_price_a_run_is_a_fault_and_never_free() {
    let place = Place::new();
    for (price, cost, word) in [
        ("price = { card = \"gpt-4.11\" }", "", "nothing is guessed"),
        ("price = { card = \"gpt-4.1\", input = \"2.00\" }", "", "says everything"),
        ("price = { input = \"2.00\" }", "", "not whole"),
        (
            "price = { card = \"house/large\" }",
            &*OWN.replace("input = \"1.00\", ", ""),
            "no rate for `input`",
        ),
        ("price = { card = \"house/large\" }", &*OWN.replace("\"1.00\"", "\"a\""), "is no number"),
        (
            "price = { card = \"house/large\" }",
            &*OWN.replace("fx.CNY = { rate = \"7.30\", date = \"2026-11-20\" }", ""),
            "no rate of exchange for CNY",
        ),
        ("price = { card = \"house/large\" }", &*OWN.replace("inclusive", "including"), "inclusive"),
        (FLASH, "start = \"tomorrow\"", "no moment"),
    ] {
        let ran = run(&place, &scenario(price, cost), "never").exits(2);
        assert!(ran.err.contains(word), "{word}: {}", ran.err);
    }
}

#[test]
fn a_budget_and_a_threshold_count_what_is_paid() {
    let place = Place::new();
    let price = "price = { card = \"house/large\", discount = \"0.50\", tax = \"0.06\" }";
    let text = scenario(price, OWN);
    run(&place, &text, "free").exits(0);
    let row = summary(&place, "free")["cost"][0].clone();
    // 7.3 × 0.5 × 1.06
    let landed = number(&row["landed"]["cost"]);
    assert_eq!(landed, number(&row["billed"]) * Decimal::new(3869, 3));
    let classes = row["classes"].as_array().expect("classes");
    let parts =
        classes.iter().flat_map(|class| [&class["landed_prompt_cost"], &class["landed_completion_cost"]]);
    assert_eq!(parts.map(number).sum::<Decimal>(), landed, "to the last digit");
    let tokens = classes.iter().map(|class| class["prompt_tokens"].as_u64().expect("tokens")).sum::<u64>();
    let (fees, flat) = (Decimal::new(120, 4), Decimal::new(i64::try_from(tokens).expect("few"), 6));
    let prompts = classes.iter().map(|class| number(&class["prompt_cost"])).sum::<Decimal>();
    assert!(prompts > fees + flat, "some prompts are beyond the cliff, with their fees");
    assert!(prompts < (fees + flat) * Decimal::from(3), "and some are not");

    let half = landed / Decimal::TWO;
    let capped = format!("{text}\n[budget]\nmax_cost = \"{} CNY\"\n", half.round_dp(6));
    let ran = run(&place, &capped, "capped").exits(10);
    assert!(ran.out.contains("overshoot 0.00"), "{}", ran.out);
    let budget = summary(&place, "capped")["budget"][0].clone();
    assert_eq!((&budget["kind"], &budget["overshoot"]), (&"cost".into(), &"0.00".into()));
    let spent = number(&budget["spent"]);
    assert!(spent <= half && spent > half * Decimal::new(8, 1), "kept, and used: {spent} of {half}");
    assert_eq!(spent, number(&summary(&place, "capped")["cost"][0]["landed"]["cost"]));

    for foreign in ["[budget]\nmax_cost = \"1.00 USD\"\n", "[thresholds]\ncost = [\"total < 1.00 USD\"]\n"] {
        let ran = run(&place, &format!("{text}\n{foreign}"), "never").exits(2);
        assert!(ran.err.contains("is paid in CNY"), "{}", ran.err);
    }
    let dear = format!("{text}\n[thresholds]\ncost = [\"total < {} CNY\"]\n", half.round_dp(6));
    let ran = run(&place, &dear, "dear").exits(5);
    assert!(ran.out.contains("CNY"), "{}", ran.out);
}

#[test]
fn a_price_that_is_too_old_stops_a_run_before_anything_is_sent() {
    let place = Place::new();
    place.write("cards.toml", &scenario("price = { card = \"gpt-4.1\" }", ""));
    let ran = place.line("run cards.toml --out never --max-price-age 0").exits(2);
    assert!(ran.err.contains("days ago, more than the 0 allowed"), "{}", ran.err);
    assert!(!place.path("never").exists());
    place.line("run cards.toml --out fresh --max-price-age 100000").exits(0);
    let project = "cost project fresh --jobs-per-month 1000";
    let ran = place.line(&format!("{project} --card openai/gpt-4.1 --max-price-age 0")).exits(2);
    assert!(ran.err.contains("more than the 0 allowed"), "{}", ran.err);
    let ran = place.line(project).exits(0);
    assert!(ran.out.contains("checked 2026-10-14") && ran.out.contains("days ago"), "{}", ran.out);
    assert!(ran.out.contains("50 % of prompt tokens read from a cache"), "{}", ran.out);
    // A scenario's own figures have no age.
    place.write("cards.toml", &scenario("price = { input = \"1.00\", output = \"2.00\" }", ""));
    place.line("run cards.toml --out own --max-price-age 0").exits(0);
}

#[test]
fn credit_that_expires_is_paid_whatever_is_used() {
    let place = Place::new();
    let month = |price: &str, dir: &str| {
        run(&place, &scenario(price, "jobs_per_month = 1000"), dir).exits(0);
        number(&summary(&place, dir)["cost"][0]["landed"]["month"])
    };
    let plain = month("price = { input = \"1.00\", output = \"2.00\" }", "plain");
    let with = |terms: &str, dir: &str| {
        month(&format!("price = {{ input = \"1.00\", output = \"2.00\", {terms} }}"), dir)
    };
    assert_eq!(with("prepaid_per_month = \"50.00\"", "unused"), Decimal::from(50));
    assert_eq!(with("prepaid_per_month = \"0.01\"", "used"), plain);
    assert_eq!(
        with("fixed_per_month = \"5.00\", prepaid_per_month = \"0.01\"", "both"),
        plain + Decimal::from(5)
    );
    let ran = place.line("cost project unused --jobs-per-month 1000").exits(0);
    assert!(ran.out.contains("50.00 USD") && ran.out.contains("credit that expires"), "{}", ran.out);
}
