//! `deadheat cost` as a process, the scenarios that compare suppliers, and costs as CSV.

use crate::cli;

use cli::Place;
use serde_json::Value;
use std::path::Path;

fn house(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).display().to_string()
}

#[test]
fn prices_are_listed_with_their_age_and_source() {
    let ran = Place::new().line("cost prices openai/gpt-4.1-mini --on 2026-11-24").exits(0);
    for word in
        ["openai/gpt-4.1-mini", "0.40", "1.60", "https://developers.openai.com", "checked 2026-10-14", "ago"]
    {
        assert!(ran.out.contains(word), "{word}: {}", ran.out);
    }
    assert!(ran.out.contains("price = { card = \"openai/gpt-4.1-mini\" }"), "{}", ran.out);
    let all = Place::new().line("cost prices --format json --on 2026-11-24").exits(0).json();
    assert!(all["cards"].as_array().expect("cards").len() > 60);
}

#[test]
fn an_unknown_model_is_an_error_and_old_prices_are_one_on_request() {
    let ran = Place::new().line("cost prices gpt-4.11").exits(2);
    assert!(ran.err.contains("nothing is guessed"), "{}", ran.err);
    Place::new().line("cost prices gpt-4.1 --max-price-age 100000").exits(0);
    let ran = Place::new().line("cost prices gpt-4.1 --max-price-age 0").exits(5);
    assert!(ran.out.contains("older than 0 days"), "{}", ran.out);
    let ran = Place::new().line("cost prices --from no-such-set").exits(2);
    assert!(ran.err.contains("article-2026"), "{}", ran.err);
}

#[test]
fn an_import_says_what_it_kept_and_can_be_compared_with_what_was_written() {
    let place = Place::new();
    let import = format!("litellm={}", house("tests/fixtures/prices/litellm.json"));
    let ran = place.run(&[
        "cost",
        "prices",
        "--import",
        &import,
        "--fetched",
        "2026-11-20",
        "--write",
        "mine.toml",
    ]);
    let ran = ran.exits(0);
    assert!(ran.out.contains("5 rows read, 2 kept as 2 cards (1 of them in part), 3 dropped"), "{}", ran.out);
    assert!(ran.out.contains("slip of units"), "{}", ran.out);
    let same = place.line("cost prices --from mine.toml --diff mine.toml").exits(0);
    assert!(same.out.contains("no difference"), "{}", same.out);
    let text = place.read("mine.toml").replacen("output = \"1.00\"", "output = \"1.50\"", 1);
    place.write("dearer.toml", &text);
    let ran = place.line("cost prices --from dearer.toml --diff mine.toml").exits(0);
    assert!(ran.out.contains("demo/large") && ran.out.contains("+50"), "{}", ran.out);
    let undated = place.run(&["cost", "prices", "--import", &import]).exits(2);
    assert!(undated.err.contains("--fetched"), "{}", undated.err);
}

#[test]
fn break_even_is_a_volume_or_a_name() {
    let place = Place::new();
    let ran =
        place.line("cost break-even --a name=official,each=58.40 --b name=relay,each=45,fixed=268").exits(0);
    assert_eq!(
        ran.out.trim_end(),
        "official is cheaper below 20 million tokens a month; relay is cheaper from 20 million tokens a month"
    );
    let ran =
        place.line("cost break-even --a name=x,each=8 --b name=y,each=9,fixed=1 --format json").exits(0);
    assert_eq!(ran.json()["ranges"].as_array().expect("ranges").len(), 1);
    place.line("cost break-even --a name=x --b name=y,each=9").exits(2);
}

fn landed<'a>(summary: &'a Value, target: &str) -> &'a Value {
    let rows = summary["cost"].as_array().expect("rows");
    &rows.iter().find(|row| row["target"] == target).expect(target)["landed"]
}

/// The article says 800, 5,840, 6,000 and 4,950 yuan for ten million tokens, and +635 %, +650 %, +519 %.
#[test]
fn the_articles_table_with_both_of_its_errors_put_right() {
    let place = Place::new();
    let path = house("scenarios/article/prices.toml");
    place.run(&["run", &path, "--out", "run"]).exits(0);
    let summary: Value = serde_json::from_str(&place.read("run/summary.json")).expect("a summary");
    let month = |target: &str| -> f64 {
        let text = landed(&summary, target)["month"].as_str().expect("a month").to_owned();
        text.parse().expect("a number")
    };
    let printed =
        [("holysheep", 800.0), ("openai-official", 5840.0), ("relay-a", 6000.0), ("relay-b", 4950.0)];
    let right = [80.0, 584.0, 600.0, 495.0];
    for ((target, printed), right) in printed.into_iter().zip(right) {
        assert_eq!(month(target), right, "{target}");
        assert_eq!(printed / month(target), 10.0, "the first error: every figure is ten times too high");
    }
    let above = |target: &str| (month(target) / month("holysheep") - 1.0) * 100.0;
    assert_eq!(above("openai-official"), 630.0, "the second error: +635 %");
    assert_eq!((above("relay-a"), above("relay-b")), (650.0, 518.75), "these two are right");
    let tokens = &summary["counters"][0]["tokens"];
    assert_eq!(tokens["client_completion"], 100_000, "a hundredth of ten million");
    let factors = landed(&summary, "holysheep")["factors"].as_array().expect("factors");
    assert_eq!(factors.len(), 5);
}

const VIRTUAL: &str = r#"
version = 1
name = "small"
clock = "virtual"
[target.cheap]
api = "openai-chat"
price = { input = "1.00", output = "2.00", fixed_per_month = "50.00" }
[target.dear]
api = "openai-chat"
price = { input = "2.00", output = "8.00", discount = "0.10", fee = "0.05", tax = "0.06" }
bill_after_disconnect = true
[cost]
currency = "CNY"
jobs_per_month = 100000
fx.CNY = { rate = "7.30", date = "2026-11-20" }
[workload]
jobs = 120
prompt_tokens = { uniform = [50, 100] }
output_tokens = { uniform = [5, 20] }
[profile.constant-vus]
vus = 8
[strategy.semaphore]
permits = 8
[retry]
max_attempts = 3
[[fault]]
target = "dear"
kind.cut-stream = { after = 0.5 }
when = { every = 10 }
"#;

#[test]
fn a_run_is_projected_compared_and_exported() {
    let place = Place::new();
    place.write("virtual.toml", VIRTUAL);
    let ran = place.line("run virtual.toml --out run");
    assert!(ran.out.contains("Suppliers"), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("list price, discount × 0.9 (1 − 0.1)"), "{}", ran.out);
    assert!(ran.out.contains("cheap is cheaper from"), "{}", ran.out);

    let months = place.line("cost project run --jobs-per-month 100000 --format json").exits(0).json();
    assert_eq!((months[0]["sample"].as_u64(), &months[0]["currency"]), (Some(120), &"CNY".into()));
    let number = |row: &Value, key: &str| -> f64 { row[key].as_str().expect(key).parse().expect(key) };
    for row in months.as_array().expect("rows") {
        assert!(
            number(row, "low_95") < number(row, "month") && number(row, "month") < number(row, "high_95")
        );
    }
    let card =
        place.line("cost project run --jobs-per-month 1000 --target dear --card openai/gpt-5.6-sol").exits(0);
    assert!(card.out.contains("read from a cache"), "{}", card.out);
    let unknown = place.line("cost project run --jobs-per-month 1000 --card none/nothing").exits(2);
    assert!(unknown.err.contains("nothing is guessed"), "{}", unknown.err);
    let ran = place.line("cost break-even --run run --a name=cheap --b name=dear").exits(0);
    assert!(ran.out.contains("cheap is cheaper from"), "{}", ran.out);

    let csv = place.line("report run --format focus-csv").exits(0).out;
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().expect("a heading").split(',').collect();
    let at = |name: &str| head.iter().position(|column| *column == name).expect(name);
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == head.len()), "{csv}");
    let summary: Value = serde_json::from_str(&place.read("run/summary.json")).expect("a summary");
    for cost in summary["cost"].as_array().expect("rows") {
        let mine = rows.iter().filter(|row| cost["target"] == row[at("ProviderName")]);
        let (mut list, mut billed) = (rust_decimal::Decimal::ZERO, rust_decimal::Decimal::ZERO);
        for row in mine {
            assert_eq!((row[at("BillingCurrency")], row[at("PricingCurrency")]), ("CNY", "USD"));
            list += row[at("ListCost")].parse::<rust_decimal::Decimal>().expect("a number");
            billed += row[at("BilledCost")].parse::<rust_decimal::Decimal>().expect("a number");
        }
        assert_eq!(cost["billed"].as_str().expect("billed").parse(), Ok(list));
        assert_eq!(cost["landed"]["cost"].as_str().expect("landed").parse(), Ok(billed));
    }
}

#[test]
fn too_few_jobs_are_refused_and_a_missing_rate_is_a_fault() {
    let place = Place::new();
    place.write("few.toml", &VIRTUAL.replace("jobs = 120", "jobs = 20"));
    place.line("run few.toml --out few");
    let ran = place.line("cost project few --jobs-per-month 1000").exits(2);
    assert!(ran.err.contains("too few") && ran.err.contains("100"), "{}", ran.err);
    place.write("rateless.toml", &VIRTUAL.replace("fx.CNY = { rate = \"7.30\", date = \"2026-11-20\" }", ""));
    let ran = place.line("plan rateless.toml").exits(2);
    assert!(ran.err.contains("no rate of exchange for CNY"), "{}", ran.err);
    for (wrong, word) in [
        ("discount = \"1.5\"", "discount"),
        ("top_up = \"0\"", "top_up"),
        ("fx = { rate = \"0\", date = \"2026-11-20\" }", "above 0"),
        ("fx = { rate = \"7\", date = \"2026-02-30\" }", "2026-02-30"),
    ] {
        place.write("wrong.toml", &VIRTUAL.replace("discount = \"0.10\"", wrong));
        let ran = place.line("plan wrong.toml").exits(2);
        assert!(ran.err.contains(word), "{wrong}: {}", ran.err);
    }
}

#[test]
fn the_suppliers_are_compared_in_one_table() {
    let place = Place::new();
    let path = house("scenarios/providers.toml");
    let ran = place.run(&["run", &path, "--set", "clock=virtual", "--out", "run"]).exits(0);
    let (_, table) = ran.out.split_once("Suppliers").expect("a table");
    for word in
        ["holysheep", "openai-official", "relay-a", "relay-b", "429", "month", "relay-b beside holysheep: "]
    {
        assert!(table.contains(word), "{word}: {}", ran.out);
    }
    let summary: Value = serde_json::from_str(&place.read("run/summary.json")).expect("a summary");
    let rows = summary["counters"].as_array().expect("counters");
    let limited = |target: &str| {
        let row = rows.iter().find(|row| row["target"] == target).expect(target);
        row["errors"]["rate-limited"].as_u64().unwrap_or(0)
    };
    assert!(limited("relay-a") > 0 && limited("holysheep") == 0);
}
