//! Prices of others: numbers to the last digit, and every row that is not kept with its reason.

use deadheat::prices::{Book, Circumstances, Component, Counts, Format, Imported, Usage, import};
use std::path::Path;

fn imported(format: Format, name: &str) -> Imported {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/prices").join(name);
    let text = std::fs::read_to_string(&file).expect("a fixture");
    import(format, &text, "theirs", "2026-11-20".parse().expect("a day")).expect("an import")
}

fn rate(book: &Book, model: &str, component: Component) -> Option<String> {
    let day = "2026-11-20".parse().expect("a day");
    book.find(model, day).expect(model).rates.own(component).map(|rate| rate.to_string())
}

fn cost(book: &Book, model: &str, prompt: u64, completion: u64, now: Circumstances<'_>) -> String {
    let usage = Usage { prompt, completion, ..Usage::default() };
    let at_utc_s = 1_795_132_800;
    let card = book.find(model, "2026-11-20".parse().expect("a day")).expect(model);
    let counts: Counts = usage.counts().expect("counts");
    card.cost(&counts, &Circumstances { at_utc_s, ..now }).expect("a price").to_string()
}

fn why(imported: &Imported, name: &str) -> String {
    let row = imported.dropped.iter().find(|row| row.name == name);
    row.unwrap_or_else(|| panic!("{name} was kept")).why.clone()
}

#[test]
fn litellm_is_read_from_the_text_of_its_floats() {
    let theirs = imported(Format::Litellm, "litellm.json");
    assert_eq!(rate(&theirs.book, "demo/large", Component::Input).as_deref(), Some("0.28"));
    assert_eq!(rate(&theirs.book, "demo/large", Component::CachedRead).as_deref(), Some("0.028"));
    let plain = Circumstances::default();
    assert_eq!(cost(&theirs.book, "demo/large", 200_000, 0, plain), "0.056 USD");
    assert_eq!(cost(&theirs.book, "demo/large", 200_001, 0, plain), "0.11200056 USD");
    assert_eq!(
        cost(&theirs.book, "demo/large", 1000, 0, Circumstances { batch: true, ..plain }),
        "0.00014 USD"
    );
    let priority = Circumstances { service_tier: Some("priority"), ..plain };
    assert_eq!(cost(&theirs.book, "demo/large", 1000, 0, priority), "0.0005 USD");
}

#[test]
fn litellm_rows_that_are_not_kept_say_why() {
    let theirs = imported(Format::Litellm, "litellm.json");
    assert_eq!((theirs.read, theirs.dropped.len(), theirs.book.cards().len()), (5, 3, 2));
    assert!(why(&theirs, "demo/unentered").contains("unknown price"));
    assert!(why(&theirs, "demo/slipped").contains("slip of units"));
    assert!(why(&theirs, "demo/painter").contains("output_cost_per_image"));
    assert_eq!(theirs.partly.len(), 1);
    assert!(theirs.partly[0].why.contains("regional_processing_uplift"), "{:?}", theirs.partly);
}

#[test]
fn models_dev_says_tiers_in_two_ways() {
    let theirs = imported(Format::ModelsDev, "models-dev.json");
    assert_eq!((theirs.read, theirs.dropped.len()), (3, 1));
    let plain = Circumstances::default();
    assert_eq!(cost(&theirs.book, "demo/large", 200_000, 1_000_000, plain), "8.90 USD");
    assert_eq!(cost(&theirs.book, "demo/large", 200_001, 1_000_000, plain), "12.800004 USD");
    assert_eq!(cost(&theirs.book, "demo/tiered", 128_001, 0, plain), "0.256002 USD");
}

#[test]
fn openrouter_has_more_digits_than_a_float_and_prices_that_are_none() {
    let theirs = imported(Format::Openrouter, "openrouter.json");
    let third = rate(&theirs.book, "openrouter/demo/third", Component::Input);
    assert_eq!(third.as_deref(), Some("0.08333333333333334"));
    let plain = Circumstances::default();
    assert_eq!(cost(&theirs.book, "openrouter/demo/third", 1, 0, plain), "0.00000008333333333333334 USD");
    assert_eq!(cost(&theirs.book, "openrouter/demo/third-2026-01-01", 200_000, 0, plain), "0.04 USD");
    assert_eq!(rate(&theirs.book, "openrouter/demo/third", Component::SearchFee).as_deref(), Some("10"));
    assert_eq!(rate(&theirs.book, "openrouter/demo/free:free", Component::Output).as_deref(), Some("0"));
    assert!(why(&theirs, "openrouter/openrouter/auto").contains("route"));
}

#[test]
fn what_is_no_such_file_is_an_error_and_not_an_empty_book() {
    let day = "2026-11-20".parse().expect("a day");
    for format in [Format::GenaiPrices, Format::Litellm, Format::ModelsDev, Format::Openrouter] {
        for text in ["", "[1]", "not json", "\u{feff}{}"] {
            assert!(import(format, text, "theirs", day).is_err(), "{format:?} {text:?}");
        }
    }
}

#[test]
fn what_was_imported_can_be_written_and_read_again() {
    for (format, name) in [
        (Format::Litellm, "litellm.json"),
        (Format::ModelsDev, "models-dev.json"),
        (Format::Openrouter, "openrouter.json"),
    ] {
        let book = imported(format, name).book;
        let text = book.write("theirs").expect("a text");
        assert_eq!(Book::read("again.toml", &text).expect(&text), book);
    }
}
