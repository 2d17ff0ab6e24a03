//! Laws of money: order and grouping change nothing, more tokens never cost less, rates of exchange come
//! back.

use deadheat::cost::{Supplier, break_even};
use deadheat::prices::{
    Amount, Card, Circumstances, Component, Counts, Fx, LIST, Meter, PaymentTerms, Price, PriceTally, landed,
    snapshot,
};
use proptest::prelude::*;
use rust_decimal::Decimal;
use std::sync::LazyLock;

/// Every list price that holds on a day.
static CARDS: LazyLock<Vec<Card>> = LazyLock::new(|| {
    let day = "2026-11-24".parse().expect("a day");
    let book = snapshot(LIST).expect("the list").expect("sound");
    book.cards().iter().filter(|card| card.days.hold(day)).cloned().collect()
});

/// Requests of a week: counts, and when. Prompts on both sides of every threshold.
fn requests() -> impl Strategy<Value = Vec<(Counts, i64)>> {
    let prompt = prop_oneof![0..2000u64, 99_990..100_010u64, 199_990..200_010u64, 271_990..272_010u64];
    let one = (prompt, 0..5000u64, 0..7 * 86_400i64).prop_map(|(prompt, completion, second)| {
        let counts = Counts::default().with(Component::Input, prompt).with(Component::Output, completion);
        (counts, 1_795_392_000 + second)
    });
    proptest::collection::vec(one, 1..60)
}

fn at(at_utc_s: i64) -> Circumstances<'static> {
    Circumstances { at_utc_s, ..Circumstances::default() }
}

fn tally<'a>(card: &Card, requests: impl IntoIterator<Item = &'a (Counts, i64)>) -> PriceTally {
    let mut tally = PriceTally::default();
    for (counts, second) in requests {
        tally.add(card, counts, &at(*second)).expect("within bounds");
    }
    tally
}

proptest! {
    #[test]
    fn order_splitting_and_merging_change_nothing(
        requests in requests(), which in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>()
    ) {
        let card = which.get(CARDS.as_slice());
        let whole = tally(card, &requests).cost(card).expect("a price");
        let backwards = tally(card, requests.iter().rev()).cost(card).expect("a price");
        let cut = cut.index(requests.len());
        let mut merged = tally(card, &requests[cut..]);
        merged.merge(&tally(card, &requests[..cut])).expect("within bounds");
        let one_by_one = requests.iter().fold(Amount::zero(card.currency), |sum, (counts, second)| {
            sum.plus(card.cost(counts, &at(*second)).expect("a price")).expect("within bounds")
        });
        prop_assert_eq!(whole, backwards);
        prop_assert_eq!(whole, merged.cost(card).expect("a price"));
        prop_assert_eq!(whole, one_by_one);
        let mut meter = Meter::new(card);
        let metered = requests.iter().fold(Amount::zero(card.currency), |sum, (counts, second)| {
            sum.plus(meter.cost(counts, *second).expect("a price")).expect("within bounds")
        });
        prop_assert_eq!(whole, metered);
    }

    #[test]
    fn what_a_budget_sets_aside_is_never_less_than_the_bill(
        requests in requests(), which in any::<prop::sample::Index>(), discount in 0..100i64,
            rate in 1..20_000i64
    ) {
        let card = which.get(CARDS.as_slice()).clone();
        let cny = "CNY".parse().expect("CNY");
        let fx = [(cny, Fx { rate: Decimal::new(rate, 3), date: "2026-11-20".to_owned() })].into();
        let terms = PaymentTerms { discount: Decimal::new(discount, 2), ..PaymentTerms::default() };
        let price = Price::new(card, cny, &fx, terms).expect("a rate");
        let mut meter = Meter::new(&price.landed);
        let (mut bill, mut all) = (0, [0u64; 2]);
        for (counts, second) in &requests {
            let (prompt, completion) = (counts.get(Component::Input), counts.get(Component::Output));
            let paid = meter.request(prompt, completion, *second).expect("a price");
            prop_assert!(paid.yocto <= price.most(prompt, completion).expect("a price").yocto);
            bill += paid.yocto;
            all = [all[0] + prompt, all[1] + completion];
        }
        let many = u64::try_from(requests.len()).expect("few");
        prop_assert!(bill <= price.most_of(many, all[0], all[1]).expect("a price").yocto);
    }

    #[test]
    fn more_tokens_of_the_same_regime_never_cost_less(
        prompt in 0..300_000u64, completion in 0..10_000u64, more in 0..50_000u64,
            which in any::<prop::sample::Index>()
    ) {
        let card = which.get(CARDS.as_slice());
        let counts = |more| {
            Counts::default().with(Component::Input, prompt + more).with(Component::Output, completion + more)
        };
        let now = at(1_795_392_000);
        let same = card.regime(&counts(0), &now) == card.regime(&counts(more), &now);
        prop_assume!(same);
        let cost = |more| card.cost(&counts(more), &now).expect("a price").yocto;
        prop_assert!(cost(0) <= cost(more));
    }

    #[test]
    fn a_rate_of_exchange_and_its_inverse_come_back_within_a_minor_unit(
        cents in 1..1_000_000_000i64, rate_millis in 1..200_000i64
    ) {
        let (usd, cny) = ("USD".parse().expect("USD"), "CNY".parse().expect("CNY"));
        let rate = Decimal::new(rate_millis, 3);
        let fx = [(cny, Fx { rate, date: "2026-11-20".to_owned() })].into();
        let value = Decimal::new(cents, 2);
        let there = landed(usd, cny, &fx,
            &PaymentTerms::default()).expect("a rate").price(value).expect("a price");
        let back = landed(cny, usd, &fx,
            &PaymentTerms::default()).expect("a rate").price(there).expect("a price");
        prop_assert!((back - value).abs() <= Decimal::new(1, 2), "{value} {there} {back}");
    }

    #[test]
    fn the_supplier_that_is_named_cheaper_is(
        a in (1..1000i64, 0..10_000i64, 0..10_000i64), b in (1..1000i64, 0..10_000i64, 0..10_000i64),
            volume in 0..1_000_000i64
    ) {
        let of = |name: &str, (each, fixed, prepaid): (i64, i64, i64)| Supplier {
            name: name.to_owned(),
            each: Decimal::new(each, 2),
            fixed: Decimal::new(fixed, 1),
            prepaid: Decimal::new(prepaid, 1),
        };
        let (a, b) = (of("a", a), of("b", b));
        let ranges = break_even(&a, &b).expect("ranges");
        prop_assert_eq!(ranges[0].from, Decimal::ZERO);
        prop_assert!(ranges.windows(2).all(|pair| pair[0].from < pair[1].from));
        let volume = Decimal::new(volume, 2);
        let held = ranges.iter().rev().find(|range| range.from <= volume).expect("the first begins at 0");
        let apart = a.cost(volume).expect("a cost") - b.cost(volume).expect("a cost");
        // At an edge, rounded at the 12th place, both cost the same within that.
        let near = Decimal::new(1, 9);
        match held.cheaper.as_deref() {
            Some("a") => prop_assert!(apart <= near, "{apart} {ranges:?}"),
            Some(_) => prop_assert!(apart >= -near, "{apart} {ranges:?}"),
            None => prop_assert!(apart.abs() <= near, "{apart} {ranges:?}"),
        }
    }
}
