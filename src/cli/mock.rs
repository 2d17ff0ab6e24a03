//! `deadheat mock`: serve the built-in provider on a port.

use super::output::{self, Format, fail};
use super::signals::Signals;
use crate::clock::Clock;
use crate::mock::{MockConfig, NO_LOCKS, Server};
use crate::plan::MockPlan;
use crate::program::verdicts;
use crate::schedule::{Hold, Strike, Trace, Unseen};
use crate::summary::Exit;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Serve the built-in provider on a port, with ledger and admin API
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Take the first built-in target, the faults and the seed of this scenario
    #[arg(long, value_name = "SCENARIO")]
    config: Option<PathBuf>,
    /// Hold answers back by this schedule
    #[arg(long, value_name = "FILE")]
    schedule: Option<PathBuf>,
    /// Listen on this port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Listen on this address; anything but loopback lets other machines in
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// Seed of latencies, nonces and faults [default: the scenario's, else 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Threads that serve
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
}

/// The provider without a scenario: quick and without limits, so that a first try is about the client.
fn unconfigured() -> MockConfig {
    MockConfig::new("mock", MockPlan::default())
}

pub(super) fn run(args: &Args) -> u8 {
    let mut config = match args.config.as_deref().map_or_else(|| Ok(unconfigured()), from_scenario) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let schedule =
        match args.schedule.as_deref().map(|path| output::load_schedule(path, Format::Text)).transpose() {
            Ok(schedule) => schedule,
            Err(code) => return code,
        };
    if schedule.as_ref().is_some_and(|schedule| !schedule.nemeses.is_empty()) {
        return fail(Format::Text, Exit::Usage, NO_LOCKS);
    }
    config.schedule = schedule;
    config.seed = args.seed.unwrap_or(config.seed);
    config.bind = SocketAddr::new(args.bind, args.port);
    config.threads = args.threads;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return fail(Format::Text, Exit::Internal, &format!("no runtime: {e}")),
    };
    let server = match Server::start_judging(config, Box::new(verdicts), Clock::start()) {
        Ok(server) => server,
        Err(e) => {
            let why = format!("cannot listen on {}:{}: {e}; try another --port", args.bind, args.port);
            return fail(Format::Text, Exit::Unreachable, &why);
        }
    };
    let listening = runtime.block_on(async { Signals::listen() });
    let mut signals = match listening {
        Ok(signals) => signals,
        Err(e) => return fail(Format::Text, Exit::Internal, &format!("cannot wait for Ctrl-C: {e}")),
    };
    // The address is printed only when signals are handled: its reader may stop the provider at once.
    output::print(&usage(&server), Exit::Pass.code());
    runtime.block_on(signals.next());
    stop(runtime, signals, server)
}

/// Ends the provider once its open requests have ended; a second Ctrl-C ends it at once.
fn stop(runtime: tokio::runtime::Runtime, mut signals: Signals, server: Server) -> u8 {
    output::say("stopping; Ctrl-C again to stop at once");
    server.open_gate();
    let stopped = runtime.block_on(async {
        tokio::select! {
            stopped = tokio::task::spawn_blocking(move || server.finish(Server::DRAIN)) => stopped.ok(),
            () = signals.next() => None,
        }
    });
    // After a second Ctrl-C the thread that drains is not waited for.
    runtime.shutdown_background();
    let Some((trace, _)) = stopped else { return Exit::Interrupted.code() };
    diverged(&trace).iter().for_each(|line| output::say(line));
    Exit::Pass.code()
}

/// What the schedule asked for and did not happen, one line each.
fn diverged(trace: &Trace) -> Vec<String> {
    let held = |hold: &Hold| format!("{} {}", hold.request, hold.until);
    let unmet = trace.infeasible.iter().map(|hold| format!("could not be kept: hold {}", held(hold)));
    let unseen = trace.unseen.iter().map(|unseen| match unseen {
        Unseen::Hold(hold) => format!("never came: {}, to be held {}", hold.request, hold.until),
        Unseen::Fault(Strike { request, kind }) => format!("never came: {request}, to meet {}", kind.name()),
    });
    unmet.chain(unseen).collect()
}

/// Where the provider listens, and how to use it. The first line is the URL alone, for scripts.
fn usage(server: &Server) -> String {
    let url = server.base_url();
    let root = url.strip_suffix("/v1").unwrap_or(&url);
    format!(
        "{url}\nexport OPENAI_BASE_URL={url} OPENAI_API_KEY=unused\n\
         export ANTHROPIC_BASE_URL={root} ANTHROPIC_API_KEY=unused GOOGLE_GEMINI_BASE_URL={root} \
         GEMINI_API_KEY=unused\n\
         ledger: curl {root}/deadheat/ledger    counts: curl {root}/deadheat/stats    verdicts: curl \
         {root}/deadheat/verdicts\n"
    )
}

/// The first built-in target of a scenario, with its faults and its seed.
fn from_scenario(path: &Path) -> Result<MockConfig, u8> {
    let plan = output::load_plan(path, &[], None, Format::Text)?;
    plan.targets.iter().find_map(|target| MockConfig::of(&plan, target)).ok_or_else(|| {
        fail(Format::Text, Exit::Usage, &format!("{} has no built-in target: give it one", path.display()))
    })
}
