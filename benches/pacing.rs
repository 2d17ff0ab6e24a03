//! How late a pacer wakes: timerfd against tokio's timer, in turns so that both meet the same neighbours.
//!
//! `cargo bench --bench pacing` prints one table; it takes about ten seconds.

#[cfg(loom)]
fn main() {}

#[cfg(not(loom))]
fn main() -> std::io::Result<()> {
    lateness::table(&mut std::io::stdout().lock())
}

#[cfg(not(loom))]
mod lateness {
    use deadheat::clock::{Clock, ns};
    use deadheat::engine::Pacer;
    use std::io::{Result, Write};
    use std::time::Duration;

    const TURNS: u32 = 5;
    const TURN: Duration = Duration::from_millis(500);
    type Make = fn(Clock) -> Pacer;
    const PACERS: [(&str, Make); 2] = [("best", Pacer::new), ("tokio", Pacer::with_tokio_timer)];

    pub(super) fn table(out: &mut impl Write) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        writeln!(
            out,
            "{:>10} {:>8} {:>8} {:>9} {:>9} {:>9}",
            "arrivals/s", "asked", "timer", "p50 us", "p99 us", "max us"
        )?;
        for rate_per_s in [200u32, 1000] {
            let mut late_ns = [Vec::new(), Vec::new()];
            for turn in 0..TURNS * 2 {
                let which = (turn % 2) as usize;
                runtime.block_on(measure(PACERS[which].1, rate_per_s, &mut late_ns[which]));
            }
            for ((asked, pacer), late_ns) in PACERS.iter().zip(&mut late_ns) {
                late_ns.sort_unstable();
                let at = |share: f64| late_ns[((late_ns.len() - 1) as f64 * share) as usize] as f64 / 1e3;
                let kind = runtime.block_on(async { pacer(Clock::start()).kind() });
                let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
                writeln!(out, "{rate_per_s:>10} {asked:>8} {kind:>8} {p50:>9.1} {p99:>9.1} {max:>9.1}")?;
            }
        }
        Ok(())
    }

    async fn measure(pacer: Make, rate_per_s: u32, late_ns: &mut Vec<u64>) {
        let clock = Clock::start();
        let pacer = pacer(clock);
        let count = rate_per_s * TURN.as_millis() as u32 / 1000;
        for k in 1..=count {
            let due = Duration::from_secs(1) * k / rate_per_s;
            pacer.until(due).await;
            late_ns.push(ns(clock.now().saturating_sub(due)));
        }
    }
}
