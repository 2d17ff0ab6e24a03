//! Rate cards: the embedded snapshot, edges, hours, tiers, and everything that must not be guessed.

use deadheat::prices::{
    ARTICLE, Book, Card, Circumstances, LIST, LookupError, PriceError, Usage, diff, snapshot, snapshots,
};

fn list() -> Book {
    snapshot(LIST).expect("the list").expect("sound")
}

fn card<'a>(book: &'a Book, model: &str, day: &str) -> &'a Card {
    book.find(model, day.parse().expect(day)).expect(model)
}

fn at(moment: &str) -> Circumstances<'static> {
    let at_utc_s = moment.parse::<jiff::Timestamp>().expect(moment).as_second();
    Circumstances { at_utc_s, ..Circumstances::default() }
}

fn cost(card: &Card, prompt: u64, completion: u64, now: &Circumstances<'_>) -> String {
    let usage = Usage { prompt, completion, ..Usage::default() };
    card.cost(&usage.counts().expect("counts"), now).expect("a price").decimal()
}

const NOW: &str = "2026-11-24T12:00:00Z";

#[test]
fn every_row_of_the_snapshot_has_a_source_and_a_day() {
    let mut rows = 0;
    for set in snapshots() {
        let book = snapshot(set).expect(set).expect("sound");
        for card in book.cards() {
            rows += 1;
            assert!(!card.source_url.is_empty() && card.set == set, "{}", card.name());
            assert!(set == ARTICLE || card.source_url.starts_with("https://"), "{}", card.name());
            assert!(card.aliases.iter().all(|alias| !alias.is_empty()));
        }
    }
    let newest = list().newest().expect("a day");
    println!("{rows} rows, {} of them list prices, newest {newest}", list().cards().len());
    assert!(rows > 90 && newest.to_string().as_str() >= "2026-11-19");
}

#[test]
fn the_four_models_of_the_article_cost_what_their_vendors_ask() {
    let book = list();
    for (model, day, million_out) in [
        ("gpt-4.1", "2026-11-24", "8.00"),
        ("claude-sonnet-4-5", "2026-11-24", "15.00"),
        ("gemini-2.5-flash", "2026-11-24", "2.50"),
        ("deepseek-v3.2", "2026-04-24", "0.42"),
    ] {
        let card = card(&book, model, day);
        assert_eq!(cost(card, 0, 1_000_000, &at(&format!("{day}T12:00:00Z"))), million_out, "{model}");
    }
    let stale = book.find("deepseek-v3.2", "2026-11-24".parse().expect("a day"));
    assert!(
        matches!(stale, Err(LookupError::NotThen { .. })),
        "the article's fourth price is stale: {stale:?}"
    );
}

#[test]
fn the_articles_set_prices_output_and_nothing_else() {
    let book = snapshot(ARTICLE).expect("the set").expect("sound");
    let card = card(&book, "relay-a/gpt-4.1", "2026-11-24");
    assert_eq!(cost(card, 0, 10_000_000, &at(NOW)), "100.00");
    let prompted = Usage { prompt: 1, ..Usage::default() }.counts().expect("counts");
    assert_eq!(card.cost(&prompted, &at(NOW)), Err(PriceError::NoRate("input")));
    let several = book.find("gpt-4.1", "2026-11-24".parse().expect("a day"));
    assert!(matches!(several, Err(LookupError::Ambiguous { .. })), "{several:?}");
}

#[test]
fn an_unknown_model_is_an_error_that_names_the_nearest() {
    let error =
        list().find("gpt-4.11", "2026-11-24".parse().expect("a day")).expect_err("unknown").to_string();
    assert!(error.contains("openai/gpt-4.1") && error.contains("nothing is guessed"), "{error}");
    assert!(list().find("no-such-thing", "2026-11-24".parse().expect("a day")).is_err());
}

#[test]
fn an_edge_is_where_its_vendor_put_it() {
    let book = list();
    // Up to 272,000 tokens are short at OpenAI; 200,000 are long at xAI.
    let openai = card(&book, "gpt-5.4", "2026-11-24");
    assert_eq!(cost(openai, 272_000, 0, &at(NOW)), "0.68");
    assert_eq!(cost(openai, 272_001, 0, &at(NOW)), "1.360005");
    let xai = card(&book, "grok-4.7", "2026-11-24");
    assert_eq!(cost(xai, 199_999, 0, &at(NOW)), "0.399998");
    assert_eq!(cost(xai, 200_000, 0, &at(NOW)), "0.80");
    // A cliff: the answer too is priced anew.
    assert_eq!(cost(xai, 200_000, 1_000_000, &at(NOW)), "12.80");
    // What a cache answered counts towards the threshold.
    let cached = Usage { prompt: 272_001, cached_read: 272_000, ..Usage::default() };
    let sum = openai.cost(&cached.counts().expect("counts"), &at(NOW)).expect("a price");
    assert_eq!(sum.decimal(), "0.136005");
}

#[test]
fn peak_hours_are_the_vendors_and_weekends_are_off_peak() {
    let book = list();
    let flash = card(&book, "deepseek-flash", "2026-11-24");
    for (moment, out) in [
        ("2026-11-24T01:00:00Z", "1.20"),
        ("2026-11-24T03:59:59Z", "1.20"),
        ("2026-11-24T04:00:00Z", "0.60"),
        ("2026-11-24T06:00:00Z", "1.20"),
        ("2026-11-24T10:00:00Z", "0.60"),
        ("2026-11-28T02:00:00Z", "0.60"),
        ("2026-11-29T07:00:00Z", "0.60"),
        // A Thursday, and a public holiday; by the vendor's clock it begins at 16:00 UTC.
        ("2026-10-01T02:00:00Z", "0.60"),
        ("2026-10-08T02:00:00Z", "1.20"),
    ] {
        assert_eq!(cost(flash, 0, 1_000_000, &at(moment)), out, "{moment}");
    }
}

#[test]
fn a_tier_or_a_batch_that_is_not_listed_is_an_error_and_not_the_standard_price() {
    let book = list();
    let card = card(&book, "gpt-4.1", "2026-11-24");
    let priced = |now: Circumstances<'_>| {
        card.cost(&Usage { completion: 1, ..Usage::default() }.counts().expect("counts"), &now)
    };
    let tier = |name| Circumstances { service_tier: Some(name), ..at(NOW) };
    assert_eq!(priced(tier("flex")), Err(PriceError::NoServiceTier("flex".to_owned())));
    assert_eq!(priced(tier("auto")), Err(PriceError::NoServiceTier("auto".to_owned())));
    assert_eq!(priced(tier("default")), priced(at(NOW)));
    assert_eq!(priced(tier("priority")).expect("a price").decimal(), "0.000014");
    let batch = Circumstances { batch: true, ..at(NOW) };
    assert_eq!(priced(batch).expect("a price").decimal(), "0.000004");
    // Before the day from which the batch price is known, there is none.
    let early = Circumstances { batch: true, ..at("2026-10-01T00:00:00Z") };
    assert_eq!(priced(early), Err(PriceError::NoBatch));
}

fn one(more: &str) -> String {
    format!(
        "version = 1\nset = \"mine\"\n[[card]]\nprovider = \"p\"\nmodel = \"m\"\nsource_url = \
         \"https://p.example\"\n\
         checked_on = \"2026-11-01\"\n{more}\n"
    )
}

fn refused(more: &str) -> String {
    Book::read("mine.toml", &one(more)).expect_err(more).to_string()
}

#[test]
fn a_file_that_is_wrong_says_what_to_write() {
    assert!(refused("rates = { input = 2.0 }").contains("in quotes"));
    assert!(refused("rates = { inputs = \"2.0\" }").contains("cache_write_5m"));
    assert!(refused("rates = {}").contains("without a price"));
    assert!(refused("rates = { input = \"-2\" }").contains("decimal"));
    assert!(refused("currency = \"dollars\"\nrates = { input = \"2\" }").contains("ISO 4217"));
    assert!(refused("valid_from = \"2026-02-30\"\nrates = { input = \"2\" }").contains("date"));
    assert!(refused("rates = { input = \"2\" }\n[[card.when]]\nbatch = true").contains("changes nothing"));
    assert!(refused("rates = { input = \"2\" }\ncolour = \"red\"").contains("colour"));
    let night = "rates = { input = \"2\" }\n[[card.when]]\nmultiplier = \"0.5\"\n\
                 schedule = { tz_offset = \"+08:00\", windows = [\"22:00-06:00\"] }";
    assert!(refused(night).contains("two for one past midnight"));
    let twice = one("rates = { input = \"2\" }")
        + "[[card]]\nprovider = \"p\"\nmodel = \"n\"\naliases = [\"m\"]\nsource_url = \"x\"\nchecked_on = \
            \"2026-11-01\"\n\
           rates = { input = \"3\" }\n";
    let error = Book::read("mine.toml", &twice).expect_err("twice").to_string();
    assert!(error.contains("p/m has two prices for one day"), "{error}");
}

#[test]
fn conditions_add_up_in_their_order_and_a_factor_takes_what_is_left() {
    let text = one(
        "rates = { input = \"2\", output = \"8\", request_fee = \"5\" }\n[[card.when]]\ntier = { threshold \
         = 100, inclusive = false }\n\
         rates = { input = \"4\" }\n[[card.when]]\nregion = \"eu\"\nmultiplier = \"1.1\"",
    );
    let book = Book::read("mine.toml", &text).expect("a book");
    let usage = Usage { prompt: 101, completion: 10, requests: 1, ..Usage::default() };
    let eu = Circumstances { region: Some("eu"), ..at(NOW) };
    let sum = book.cards()[0].cost(&usage.counts().expect("counts"), &eu).expect("a price");
    // (101 × 4 + 10 × 8) millionths and half a cent, all × 1.1
    assert_eq!(sum.decimal(), "0.0060324");
    let mars = Circumstances { region: Some("mars"), ..at(NOW) };
    let none = book.cards()[0].cost(&usage.counts().expect("counts"), &mars);
    assert_eq!(none, Err(PriceError::NoRegion("mars".to_owned())));
}

#[test]
fn the_snapshot_survives_being_written_and_a_changed_rate_is_seen() {
    let book = list();
    let text = book.write(LIST).expect("a text");
    let again = Book::read("again.toml", &text).expect("readable");
    assert_eq!(again, book);
    let day = "2026-11-24".parse().expect("a day");
    assert_eq!(diff(&book, &again, day), Vec::new());
    let dearer = text.replacen("output = \"8.00\"", "output = \"9.00\"", 1);
    let changes = diff(&book, &Book::read("dearer.toml", &dearer).expect("readable"), day);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((changes[0].name.as_str(), changes[0].part.as_str()), ("openai/gpt-4.1", "output"));
}
