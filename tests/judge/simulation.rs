//! The rule of `deadheat compare` on simulated runs: equal arms are accused no more often than the error
//! rate allows, and arms that differ are found as often as `docs/gate.md` says. The table there is made
//! here: `REGENERATE=1 cargo test --test judge simulation::`.

use crate::support;
mod whole;

use deadheat::compare::{Measure, Point, rule};
use deadheat::seed::stream;
use deadheat::summary::TimedVerdict;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal, StudentT};
use std::collections::BTreeMap;
use std::sync::Mutex;
use whole::whole_comparisons;

const ALPHA: f64 = 0.05;
const FLOOR: f64 = 0.05;
/// Simulated comparisons for each figure.
const COMPARISONS: u64 = 400;
/// Simulated runs to draw from.
const RUNS: usize = 300;

/// How runs vary.
#[derive(Clone, Copy)]
struct World {
    name: &'static str,
    /// Of what all runs of a pair share: the host's mood.
    session: f64,
    /// Of a run alone.
    run: f64,
    requests: usize,
    /// Share of requests that take three to ten times as long.
    tail: f64,
    /// How much a run is slower than the one before it.
    drift: f64,
    /// Whether runs, too, have a heavy tail: once in a while a whole run is far off.
    wild: bool,
}

const CALM: World =
    World { name: "calm", session: 0.03, run: 0.015, requests: 1000, tail: 0.03, drift: 0.0, wild: false };
const NOISY: World = World { name: "noisy", session: 0.06, run: 0.03, requests: 500, ..CALM };
const HEAVY: World = World { name: "heavy tail", tail: 0.10, ..NOISY };
const DRIFT: World = World { name: "drift of 2 % a run", drift: 0.02, ..CALM };
const WILD: World = World { name: "wild runs", wild: true, ..NOISY };
const WORLDS: [World; 5] = [CALM, NOISY, HEAVY, WILD, DRIFT];

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Random,
    /// A design that should not be used.
    BaseFirst,
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// How much slower a whole run is. A wild one is drawn from Student's t with three degrees of freedom,
/// brought to the same spread.
fn of_run(world: World, rng: &mut ChaCha8Rng) -> f64 {
    let wild = StudentT::new(3.0).expect("three degrees of freedom");
    world.run * if world.wild { wild.sample(rng) / 3.0_f64.sqrt() } else { normal(rng) }
}

/// Percentiles 50 and 95 of a run whose requests have a log-normal body, a tail, and ups and downs that last;
/// as logarithms.
fn run(world: World, rng: &mut ChaCha8Rng) -> [f64; 2] {
    let mut wander = 0.0;
    let mut times: Vec<f64> = (0..world.requests)
        .map(|_| {
            wander = 0.95 * wander + 0.01 * normal(rng);
            let tail = if rng.random_bool(world.tail) { rng.random_range(3.0..10.0_f64).ln() } else { 0.0 };
            wander + 0.25 * normal(rng) + tail
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    [0.5, 0.95].map(|q| times[((times.len() as f64 * q) as usize).min(times.len() - 1)])
}

/// Runs to draw from, made once: what makes a whole run slower only shifts its logarithms.
fn runs(world: World) -> &'static [[f64; 2]] {
    static BANKS: Mutex<BTreeMap<&str, &[[f64; 2]]>> = Mutex::new(BTreeMap::new());
    let mut banks = BANKS.lock().expect("no test panics while it draws");
    banks.entry(world.name).or_insert_with(|| {
        let mut rng = stream(11, world.name, 0);
        (0..RUNS).map(|_| run(world, &mut rng)).collect::<Vec<_>>().leak()
    })
}

/// Values of both arms, pair by pair, of each of three measures: two of one metric, one of another.
fn pairs(
    world: World,
    bank: &[[f64; 2]],
    n: u64,
    slower: f64,
    order: Order,
    rng: &mut ChaCha8Rng,
) -> [Vec<(f64, f64)>; 3] {
    let mut values = [Vec::new(), Vec::new(), Vec::new()];
    for number in 0..n {
        let session = world.session * normal(rng);
        let base_first = order == Order::BaseFirst || rng.random_bool(0.5);
        let mut arm = |new: bool| {
            let second = new == base_first;
            let drift = world.drift * (2 * number + u64::from(second)) as f64;
            let shift = if new { slower.ln_1p() } else { 0.0 };
            let level = session + of_run(world, rng) + drift + shift;
            let mut drawn = || bank[rng.random_range(0..bank.len())];
            let ([p50, p95], [other, _]) = (drawn(), drawn());
            [p50, p95, other].map(|log| (level + log).exp())
        };
        let (base, new) = (arm(false), arm(true));
        for (at, values) in values.iter_mut().enumerate() {
            values.push((base[at], new[at]));
        }
    }
    values
}

/// What came of comparisons.
#[derive(Default, Clone, Copy)]
struct Outcomes {
    made: u64,
    /// Anything was called a regression.
    accused: u64,
    /// All was shown to be below the floor.
    passed: u64,
    /// Anything was shown to be below the floor.
    any_passed: u64,
}

impl Outcomes {
    fn add(&mut self, verdicts: &[TimedVerdict]) {
        let passes = |verdict: &TimedVerdict| *verdict == TimedVerdict::Pass;
        self.made += 1;
        self.accused += u64::from(verdicts.contains(&TimedVerdict::Regressed));
        self.passed += u64::from(verdicts.iter().all(passes));
        self.any_passed += u64::from(verdicts.iter().any(passes));
    }

    fn share(&self, count: u64) -> f64 {
        count as f64 / self.made as f64
    }

    fn cell(&self, count: u64) -> String {
        format!("{:.1} %", self.share(count) * 100.0)
    }

    /// Identical arms, then arms 10 % apart, as the table has them.
    fn row([same, five, ten, twenty]: [Self; 4]) -> String {
        let open = ten.made - ten.accused - ten.passed;
        let cells = [
            same.cell(same.accused),
            same.cell(same.passed),
            same.cell(same.made - same.accused - same.passed),
            five.cell(five.accused),
            ten.cell(ten.accused),
            ten.cell(ten.any_passed),
            ten.cell(open),
            twenty.cell(twenty.accused),
        ];
        cells.join(" | ")
    }
}

/// Comparisons of the first `family` measures.
fn outcomes(
    world: World,
    n: u64,
    slower: f64,
    (family, floor): (usize, f64),
    order: Order,
    many: u64,
) -> Outcomes {
    let measure = Measure::Time { metric: "response".to_owned(), point: Point::P50 };
    let bank = runs(world);
    let mut outcomes = Outcomes::default();
    for number in 0..many {
        let mut rng = stream(7, world.name, number);
        let values = pairs(world, bank, n, slower, order, &mut rng);
        let series: Vec<_> = values.iter().take(family).map(|values| measure.series(values, floor)).collect();
        let verdicts: Vec<_> = rule(&series, ALPHA, number).iter().map(|ruled| ruled.verdict).collect();
        outcomes.add(&verdicts);
    }
    outcomes
}

fn accused(world: World, n: u64, slower: f64, family: usize, floor: f64, order: Order) -> u64 {
    outcomes(world, n, slower, (family, floor), order, COMPARISONS).accused
}

/// The 99 % band of a binomial count with chance `p`, by the normal approximation and half a count.
fn band(p: f64, made: u64) -> (f64, f64) {
    let (mean, wide) = (p * made as f64, 2.576 * (p * (1.0 - p) * made as f64).sqrt());
    (mean - wide - 0.5, mean + wide + 0.5)
}

/// Without a floor and with one measure the rule errs as often as its exact test does: of 256 signs 12 are
/// below 5 %.
#[test]
fn identical_arms_are_accused_as_often_as_was_agreed() {
    let (least, most) = band(12.0 / 256.0, COMPARISONS);
    for world in WORLDS {
        let count = accused(world, 8, 0.0, 1, 0.0, Order::Random) as f64;
        assert!(
            (least..=most).contains(&count),
            "{}: {count} of {COMPARISONS}, not {least} to {most}",
            world.name
        );
    }
}

#[test]
fn a_family_and_a_floor_only_make_it_more_careful() {
    let (_, most) = band(ALPHA, COMPARISONS);
    for world in WORLDS {
        let count = accused(world, 8, 0.0, 3, FLOOR, Order::Random) as f64;
        assert!(count <= most, "{}: {count} of {COMPARISONS}, more than {most}", world.name);
    }
}

/// The planted bug: BASE always first, on a machine that grows slower. The band must notice.
#[test]
fn a_fixed_order_on_a_drifting_machine_cries_wolf() {
    let (_, most) = band(ALPHA, COMPARISONS);
    let count = accused(DRIFT, 8, 0.0, 1, 0.0, Order::BaseFirst) as f64;
    assert!(count > 2.0 * most, "{count} of {COMPARISONS}");
}

#[test]
fn ten_percent_is_found() {
    for (world, least) in [(CALM, 0.95), (NOISY, 0.55)] {
        let share = accused(world, 8, 0.10, 3, FLOOR, Order::Random) as f64 / COMPARISONS as f64;
        assert!(share >= least, "{}: {share}", world.name);
    }
}

/// With more pairs than can be enumerated the signs are drawn.
#[test]
fn drawn_signs_accuse_no_more_often() {
    let made = 30;
    let same = outcomes(NOISY, 16, 0.0, (1, 0.0), Order::Random, made);
    let (_, most) = band(ALPHA, made);
    assert!(same.accused as f64 <= most, "{} of {made}, more than {most}", same.accused);
    let slower = outcomes(NOISY, 16, 0.10, (1, FLOOR), Order::Random, 10);
    assert!(slower.accused >= 9, "{} of 10", slower.accused);
}

/// Error rates of a few hundred attempts are whole numbers of errors: nearly every sum is a tie.
#[test]
fn error_rates_of_identical_arms_are_accused_no_more_often() {
    let errors = |rng: &mut ChaCha8Rng| (0..200).filter(|_| rng.random_bool(0.02)).count() as f64 / 200.0;
    let accused = (0..COMPARISONS).filter(|number| {
        let mut rng = stream(3, "errors", *number);
        let values: Vec<(f64, f64)> = (0..7).map(|_| (errors(&mut rng), errors(&mut rng))).collect();
        let mut series = Measure::ErrorRate.series(&values, FLOOR);
        series.floor = 0.0;
        rule(&[series], ALPHA, *number)[0].verdict == TimedVerdict::Regressed
    });
    let (accused, (_, most)) = (accused.count() as f64, band(ALPHA, COMPARISONS));
    assert!(accused <= most, "{accused} of {COMPARISONS}, more than {most}");
}

#[test]
fn whole_comparisons_with_looks_and_void_pairs_keep_the_error_rate() {
    let same = whole_comparisons(NOISY, 0.0, 60);
    let (_, most) = band(ALPHA, same.made);
    assert!(same.accused as f64 <= most, "{} of {}, more than {most}", same.accused, same.made);
    let slower = whole_comparisons(NOISY, 0.20, 10);
    assert!(slower.accused >= 9 && slower.any_passed == 0, "{} of 10 found", slower.accused);
}

/// Ten per cent slower is twice the floor: hardly ever is any of it shown to be below.
#[test]
fn what_is_slower_hardly_ever_passes() {
    for world in WORLDS {
        let slower = outcomes(world, 8, 0.10, (3, FLOOR), Order::Random, COMPARISONS);
        assert!(slower.any_passed <= COMPARISONS / 100, "{}: {}", world.name, slower.any_passed);
    }
    let same = outcomes(CALM, 10, 0.0, (3, FLOOR), Order::Random, COMPARISONS);
    assert!(same.passed > COMPARISONS / 2, "and what is not slower passes: {}", same.passed);
}

fn table() -> String {
    let mut text = String::from(
        "| machine | pairs | identical: accused | passed | inconclusive | 5 % slower: found | 10 % slower: \
         found | anything passed | inconclusive | 20 % slower: found \
         |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for world in WORLDS {
        for n in [7, 10] {
            let made = |slower| outcomes(world, n, slower, (3, FLOOR), Order::Random, COMPARISONS);
            let row = Outcomes::row([0.0, 0.05, 0.10, 0.20].map(made));
            text += &format!("| {} | {n} | {row} |\n", world.name);
        }
    }
    let row = Outcomes::row([0.0, 0.05, 0.10, 0.20].map(|slower| whole_comparisons(NOISY, slower, 50)));
    text + &format!("| noisy, whole comparisons | 10, 12 | {row} |\n")
}

#[test]
fn the_table_of_the_documentation_is_made_by_this() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/gate.md");
    let (begin, end) = ("<!-- simulated: begin -->\n", "<!-- simulated: end -->");
    let doc = std::fs::read_to_string(path).expect("docs/gate.md");
    let (before, rest) = doc.split_once(begin).expect("the place of the table");
    let (there, after) = rest.split_once(end).expect("its end");
    let table = table();
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(path, format!("{before}{begin}{table}{end}{after}")).expect("written");
    } else {
        assert_eq!(there, table, "run it again with REGENERATE=1");
    }
}
