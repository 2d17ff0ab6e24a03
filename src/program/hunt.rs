//! How a program is searched for broken rules: which holds are tried, and what a search may cost.

use super::subject::ProgramSubject;
use crate::explore::{self, HuntBudget, HuntConfig, Origin, Report};
use crate::schedule::Perturb;
use std::time::Duration;

/// Longest hold that is tried: a schedule takes at least as long as its hold.
const STALL_MAX: Duration = Duration::from_secs(10);
/// A hold that is always tried: most time-outs in tests are shorter, whatever the SDK announces.
const STALL: Duration = Duration::from_secs(2);
/// About how long one finding may be shrunk.
const SHRINK_TIME: Duration = Duration::from_secs(15);
/// How long a run may go on after the search's time is up, beside a twentieth of that time.
const LAST_RUN: Duration = Duration::from_secs(2);
/// Schedules for a program that sends nothing: there is no order to change.
const SILENT_SCHEDULES: u64 = 4;

/// What a search is told.
#[derive(Debug)]
pub struct Search {
    /// When it ends.
    pub budget: HuntBudget,
    /// How the program's own steps are perturbed, if they are.
    pub perturb: Option<Perturb>,
    /// Whether they are perturbed even if the provider's schedules have found something.
    pub perturb_anyway: bool,
    /// What a finding's file says of the command.
    pub origin: Origin,
}

/// Explores schedules of a program that was run once already; that run `took` so long and had `jobs` jobs.
///
/// # Errors
/// Why a run could not be made.
pub fn search(
    subject: &mut ProgramSubject,
    search: Search,
    jobs: u64,
    took: Duration,
    now: &dyn Fn() -> Duration,
) -> Result<Report, String> {
    let limit_given = subject.settings().command.limit_given;
    if !limit_given {
        let read_timeout = subject.seen().read_timeout.filter(|timeout| *timeout <= STALL_MAX);
        let slack = took.saturating_mul(8).min(Duration::from_secs(60));
        subject.stop_after(Duration::from_secs(8) + slack + read_timeout.unwrap_or_default() * 3);
    }
    let silent = subject.seen().requests == 0;
    let budget = match search.budget {
        _ if silent => HuntBudget::Schedules(SILENT_SCHEDULES),
        HuntBudget::Time(time) => HuntBudget::Time(time.saturating_sub(took)),
        schedules @ HuntBudget::Schedules(_) => schedules,
    };
    let shrinks = SHRINK_TIME.as_millis() / took.as_millis().max(1);
    let mut config = HuntConfig {
        stalls: vec![STALL],
        stall_max: STALL_MAX,
        ends_in_time: limit_given,
        permits: subject.settings().concurrency,
        perturb: search.perturb.filter(|_| !silent),
        perturb_anyway: search.perturb_anyway,
        // A slow program is shrunk and reproduced less often, to leave time for other schedules.
        shrink_max: u32::try_from(shrinks).map_or(60, |n| n.clamp(8, 60)),
        reproductions: match took.as_secs() {
            0 => 5,
            1..3 => 3,
            _ => 2,
        },
        origin: search.origin,
        ..HuntConfig::new(subject.settings().seed, budget, jobs)
    };
    config.alphabet = explore::alphabet_for(subject.seen().streams);
    if let HuntBudget::Time(time) = budget {
        subject.end_within(time + time / 20 + LAST_RUN);
    }
    let mut report = explore::explore(subject, &config, now)?;
    // The run that prepared the search counts as time to the first finding.
    report.first_after = report.first_after.map(|after| after + took);
    Ok(report)
}
