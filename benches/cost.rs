//! Time to price a million attempts by a card with tiers, hours and variants: each into its regime, the sum
//! once; and one by one, as a run is priced, in two parts each.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use deadheat::prices::{Circumstances, Component, Counts, LIST, Meter, PriceTally, snapshot};
use deadheat::seed;
use rand::Rng;
use std::hint::black_box;

const ATTEMPTS: usize = 1_000_000;

fn price(bench: &mut Criterion) {
    let book = snapshot(LIST).expect("the list").expect("sound");
    let mut rng = seed::stream(42, "bench/cost", 0);
    let attempts: Vec<(Counts, i64)> = (0..ATTEMPTS)
        .map(|_| {
            let prompt = rng.random_range(10..300_000);
            let completion = rng.random_range(1..4000);
            let counts = Counts::default().with(Component::Input, prompt).with(Component::Output, completion);
            (counts, 1_795_392_000 + rng.random_range(0..7 * 86_400))
        })
        .collect();
    let mut group = bench.benchmark_group("cost");
    group.throughput(Throughput::Elements(ATTEMPTS as u64)).sample_size(10);
    for model in ["gpt-4.1", "gpt-5.6-sol", "deepseek-flash"] {
        let card = book.find(model, "2026-11-24".parse().expect("a day")).expect(model);
        group.bench_function(model, |bench| {
            bench.iter(|| {
                let mut tally = PriceTally::default();
                for (counts, at_utc_s) in &attempts {
                    let now = Circumstances { at_utc_s: *at_utc_s, ..Circumstances::default() };
                    tally.add(card, black_box(counts), &now).expect("a price");
                }
                tally.cost(card).expect("a sum")
            });
        });
        group.bench_function(format!("{model}, one by one"), |bench| {
            bench.iter(|| {
                let mut meter = Meter::new(card);
                let mut sum = 0i128;
                for (counts, at_utc_s) in &attempts {
                    let counts = black_box(counts);
                    let (prompt, completion) = (counts.get(Component::Input), counts.get(Component::Output));
                    let (asked, answered) = meter.parts(prompt, completion, *at_utc_s).expect("a price");
                    sum += asked.yocto + answered.yocto;
                }
                sum
            });
        });
    }
    group.finish();
}

criterion_group!(benches, price);
criterion_main!(benches);
