//! Comparisons as the binary makes them, of runs that were never made.

use super::{ALPHA, FLOOR, Outcomes, World, normal, of_run, runs, support};
use deadheat::compare::{Design, Measure, Pair, Terms, paired};
use deadheat::seed::stream;
use deadheat::summary::{CounterRow, Host, SUMMARY_VERSION, Summary, TimedVerdict, Validity};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A run's summary in which only what is compared is filled in: two cells, with times `level` above the
/// usual.
fn summary(bank: &[[f64; 2]], level: f64, seed: u64, template: &Summary, rng: &mut ChaCha8Rng) -> Summary {
    let mut run = template.clone();
    run.seed = seed;
    for row in &mut run.counters {
        row.attempts_ok = (0..row.attempts).filter(|_| rng.random_bool(0.98)).count() as u64;
    }
    for row in &mut run.metrics {
        let [p50, p95] = bank[rng.random_range(0..bank.len())].map(|log| Some((level + log).exp()));
        (row.p50, row.p95) = (p50, p95);
    }
    run.valid.holds = !rng.random_bool(0.03);
    run
}

/// What all runs have in common.
fn template() -> Summary {
    let rows = ["unbounded", "semaphore"];
    let counters = rows.map(|strategy| CounterRow { jobs: 100, attempts: 100, ..support::counter(strategy) });
    let times = support::histogram(&[support::MS; 500]);
    let metrics = rows
        .iter()
        .flat_map(|strategy| ["ttft", "response"].map(|name| support::metric(strategy, name, &times)));
    let host = Host {
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        cpus: 8,
        kernel: None,
        pacer: String::new(),
        threads: 1,
    };
    Summary {
        version: SUMMARY_VERSION,
        deadheat: String::new(),
        name: "simulated".to_owned(),
        seed: 0,
        plan_hash: String::new(),
        clock: "real".to_owned(),
        started_utc: String::new(),
        elapsed_ms: 0,
        exit_code: 0,
        exit_reasons: Vec::new(),
        valid: Validity { holds: true, why: Vec::new() },
        interrupted: false,
        counters: counters.to_vec(),
        metrics: metrics.collect(),
        verdicts: Vec::new(),
        findings: Vec::new(),
        explored: Vec::new(),
        fidelity: support::fidelity(),
        cost: Vec::new(),
        budget: Vec::new(),
        thresholds: Vec::new(),
        optimise: String::new(),
        strategies: Vec::new(),
        advice: None,
        host,
    }
}

const LOOKS: [u64; 2] = [10, 12];

/// Comparisons as `deadheat compare` makes them: the usual measures in two cells, error rates, one run in
/// thirty void with its pair, and looks after 10 and 12 pairs, the last of which is not taken where the first
/// shows all.
pub(crate) fn whole_comparisons(world: World, slower: f64, many: u64) -> Outcomes {
    let (bank, template) = (runs(world), template());
    let terms = Terms {
        alpha: ALPHA,
        looks: LOOKS.to_vec(),
        floor: FLOOR,
        measures: Measure::usual(),
        declared: false,
        seed: 1,
        noise: None,
    };
    let host = template.host.clone();
    let (base, new, order) = ("a".to_owned(), "b".to_owned(), "random".to_owned());
    let design = Design { base, new, order, planned: LOOKS[1], host };
    let mut outcomes = Outcomes::default();
    for number in 0..many {
        let mut rng = stream(13, world.name, number);
        let mut pairs = Vec::new();
        for pair in 1..=LOOKS[1] {
            let session = world.session * normal(&mut rng);
            let mut arm = |shift: f64| {
                let level = session + of_run(world, &mut rng) + shift;
                summary(bank, level, pair, &template, &mut rng)
            };
            let (base, new) = (arm(0.0), arm(slower.ln_1p()));
            pairs.push(Pair { number: pair, base_first: true, base, new });
        }
        for look in LOOKS {
            let made = paired(&pairs[..look as usize], &terms, design.clone(), false).expect("comparable");
            // Only times are slower; the rest of the family is there to be paid for.
            let times =
                made.timed.iter().filter(|row| row.unit == "ms" || row.verdict == TimedVerdict::Regressed);
            let verdicts: Vec<TimedVerdict> = times.map(|row| row.verdict).collect();
            let open = made.timed.iter().any(|row| row.verdict == TimedVerdict::Inconclusive);
            if look == LOOKS[1] || !(open || made.pairs.iter().any(|pair| pair.void.is_some())) {
                outcomes.add(&verdicts);
                break;
            }
        }
    }
    outcomes
}
