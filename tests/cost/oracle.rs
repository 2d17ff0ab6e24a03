//! Our price of a request against that of the `genai-prices` crate, model by model, on the data that crate
//! ships.

use deadheat::prices::{
    Card, Circumstances, Component, Format, Imported, LIST, PriceError, Usage, day_of, import, snapshot,
};
use genai_prices::{Calculator, PriceRequest, Usage as Theirs, UsageKey};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

/// The data inside the crate, where cargo has put its source.
fn data() -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    // Crates of other platforms are not here.
    let host = Command::new("rustc").arg("-vV").output().expect("rustc");
    let host = String::from_utf8(host.stdout).expect("UTF-8");
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let out = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata");
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).expect("metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    let found = packages.iter().find(|package| package["name"] == "genai-prices").expect("the oracle");
    let manifest = PathBuf::from(found["manifest_path"].as_str().expect("a path"));
    let file = manifest.with_file_name("data").join("prices.json");
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn imported() -> Imported {
    let day = "2026-10-14".parse().expect("a day");
    import(Format::GenaiPrices, &data(), "oracle", day).expect("an import")
}

/// A Tuesday's peak and off-peak hours at DeepSeek, a Sunday, days before and after prices changed.
const MOMENTS: [&str; 5] = [
    "2026-11-24T02:30:00Z",
    "2026-11-24T12:00:00Z",
    "2026-11-29T07:00:00Z",
    "2026-03-01T18:00:00Z",
    "2027-02-01T00:00:00Z",
];

/// On both sides of every edge that vendors have.
const PROMPTS: [u64; 9] = [1000, 100_000, 100_001, 128_001, 199_999, 200_000, 200_001, 272_000, 272_001];

/// Usage that has a rate on the card; `None` where its input has none.
fn usages(card: &Card) -> Vec<Usage> {
    let has = |component| card.rates.own(component).is_some();
    let many = |component, many| if has(component) { many } else { 0 };
    let all = PROMPTS.iter().map(|prompt| Usage {
        prompt: many(Component::Input, *prompt),
        cached_read: if has(Component::Input) { many(Component::CachedRead, 301) } else { 0 },
        cache_write_5m: if has(Component::Input) { many(Component::CacheWrite5m, 77) } else { 0 },
        completion: many(Component::Output, 1234),
        reasoning: if has(Component::Output) { many(Component::Reasoning, 99) } else { 0 },
        requests: many(Component::RequestFee, 1),
        searches: many(Component::SearchFee, 3),
        ..Usage::default()
    });
    all.collect()
}

fn theirs(usage: &Usage) -> Theirs {
    let float = |n: u64| n as f64;
    let mut theirs = Theirs::new();
    theirs.insert(UsageKey::INPUT_TOKENS, float(usage.prompt));
    theirs.insert(UsageKey::OUTPUT_TOKENS, float(usage.completion));
    theirs.insert(UsageKey::CACHE_READ_TOKENS, float(usage.cached_read));
    theirs.insert(UsageKey::CACHE_WRITE_TOKENS, float(usage.cache_write_5m));
    theirs.insert(UsageKey::WEB_SEARCHES, float(usage.searches));
    theirs.insert("output_reasoning_tokens", float(usage.reasoning));
    theirs
}

/// How the two were served: nothing said, a batch, two service tiers.
const CONTEXTS: [Option<(&str, &str)>; 4] =
    [None, Some(("processing", "batch")), Some(("service_tier", "flex")), Some(("service_tier", "priority"))];

/// What was compared of one model.
#[derive(Default)]
struct Score {
    equal: u64,
    /// Where we refuse and they fall back to the standard price.
    refused: u64,
    differs: Option<String>,
}

fn compare(card: &Card, score: &mut Score) {
    for moment in MOMENTS {
        let at_utc_s = moment.parse::<jiff::Timestamp>().expect(moment).as_second();
        if !card.days.hold(day_of(at_utc_s).expect("a day")) {
            continue;
        }
        for context in CONTEXTS {
            let now = Circumstances {
                at_utc_s,
                service_tier: context.filter(|(key, _)| *key == "service_tier").map(|(_, tier)| tier),
                batch: context.is_some_and(|(key, _)| key == "processing"),
                region: None,
            };
            // Every edge at the first moment, one side of it at the others.
            let plain = context.is_none() && moment == MOMENTS[0];
            for usage in usages(card).into_iter().take(if plain { PROMPTS.len() } else { 1 }) {
                let ours = card.cost(&usage.counts().expect("counts"), &now);
                let their_usage = theirs(&usage);
                let when = UNIX_EPOCH + Duration::from_secs(at_utc_s.unsigned_abs());
                let ask = |name| {
                    let mut request = PriceRequest::new(name, &their_usage)
                        .with_provider_id(&card.provider)
                        .with_timestamp(when);
                    if let Some((key, value)) = context {
                        request = request.with_price_context(key, value);
                    }
                    let found = Calculator::bundled().calculate(&request).ok()?;
                    (found.model_id == card.model && found.provider_id == card.provider).then_some(found)
                };
                // Some of their patterns do not match the id that they stand beside.
                let names = std::iter::once(&card.model).chain(&card.aliases);
                let Some(theirs) = names.into_iter().find_map(|name| ask(name)) else { continue };
                match ours {
                    Err(PriceError::NoBatch | PriceError::NoServiceTier(_)) => score.refused += 1,
                    Ok(ours) => {
                        let ours: f64 = ours.decimal().parse().expect("a number");
                        if (ours - theirs.total_price).abs() <= 1e-9 * ours.abs().max(1e-6) {
                            score.equal += 1;
                        } else if score.differs.is_none() {
                            let theirs = theirs.total_price;
                            score.differs = Some(format!("{usage:?} {now:?}: {ours} and {theirs}"));
                        }
                    }
                    Err(error) => score.differs = Some(format!("{usage:?} {now:?}: {error}")),
                }
            }
        }
    }
}

#[test]
fn we_agree_with_the_oracle_on_every_model_that_a_card_can_say() {
    let imported = imported();
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for card in imported.book.cards() {
        compare(card, scores.entry(card.name()).or_default());
    }
    let differs: Vec<String> = scores
        .iter()
        .filter_map(|(name, score)| Some(format!("{name}: {}", score.differs.as_ref()?)))
        .collect();
    let unmatched: Vec<&String> = scores.iter().filter(|(_, s)| s.equal == 0).map(|(name, _)| name).collect();
    let equal = scores.values().filter(|s| s.differs.is_none() && s.equal > 0).count();
    let requests: u64 = scores.values().map(|score| score.equal).sum();
    let refused: u64 = scores.values().map(|score| score.refused).sum();
    let why: BTreeSet<&str> = imported.dropped.iter().map(|row| row.why.as_str()).collect();
    println!("rows {}, models {}, dropped {}", imported.read, scores.len(), imported.dropped.len());
    println!("equal on {equal} models, {requests} requests; refused {refused} that they guess");
    println!("not priced by them under any exact name: {unmatched:?}");
    println!("dropped because: {why:#?}");
    assert_eq!(differs, Vec::<String>::new());
    assert_eq!(imported.read, imported.dropped.len() + scores.len());
    assert!(equal > 1980, "only {equal} models compared");
    assert!(refused > 0, "a tier that is not listed is an error here");
}

/// Where the embedded prices differ from the oracle's on purpose.
const ON_PURPOSE: [(&str, &str); 4] = [
    ("anthropic/claude-sonnet-4-5", "prompts beyond 200,000 tokens are refused since 2026-04-30"),
    ("deepseek/deepseek-flash", "weekends are off-peak, which the oracle's data cannot say"),
    (
        "deepseek/deepseek-v3.2",
        "the vendor's own price while it sold it; the oracle has that of another host",
    ),
    ("deepseek/deepseek-v4-pro", "weekends are off-peak, and no peak was before 2026-08-17"),
];

/// Those that the oracle's data does not know yet, and one that holds at none of the moments.
const ALONE: [&str; 6] = [
    "deepseek/deepseek-v4-flash",
    "google/gemini-4-carbon",
    "google/gemini-4-hydrogen",
    "google/gemini-4-neon",
    "openai/gpt-6.2-astra",
    "openai/gpt-6.2-sol",
];

#[test]
fn the_embedded_prices_are_the_oracles_but_where_it_is_known_to_be_wrong() {
    let book = snapshot(LIST).expect("the list").expect("sound");
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for card in book.cards() {
        compare(card, scores.entry(card.name()).or_default());
    }
    let differs: Vec<&str> =
        scores.iter().filter(|(_, score)| score.differs.is_some()).map(|(name, _)| name.as_str()).collect();
    let known: Vec<&str> = ON_PURPOSE.iter().map(|(name, _)| *name).collect();
    let all: Vec<_> = scores.iter().filter_map(|(name, s)| Some((name, s.differs.as_ref()?))).collect();
    assert_eq!(differs, known, "{all:#?}");
    let equal = scores.values().filter(|score| score.differs.is_none() && score.equal > 0).count();
    let alone = scores.iter().filter(|(_, score)| score.differs.is_none() && score.equal == 0);
    let alone: Vec<&str> = alone.map(|(name, _)| name.as_str()).collect();
    println!(
        "{equal} of {} embedded models equal, {known:?} differ on purpose, {alone:?} not compared",
        scores.len()
    );
    assert_eq!(alone, ALONE, "the oracle knows them, or they hold at none of these moments");
    assert!(equal > 65, "only {equal} models compared");
}
