//! The first lines: how it ended, why, and what was run.

use super::figures::{count, many};
use super::layout::{Page, Tone, cell, clipped, plain};
use crate::summary::Summary;
use crate::units::format_duration;
use std::time::Duration;

/// Reasons printed before the rest is only counted.
const REASONS: usize = 8;

pub(super) fn write(page: &mut Page, summary: &Summary) {
    let (word, tone) = word(summary.exit_code);
    page.line(&format!(
        "{}  {}  {}",
        tone.paint(word),
        Tone::Bold.paint(&clipped(&plain(&summary.name), 70)),
        Tone::Dim.paint(&format!("exit {}", summary.exit_code)),
    ));
    for reason in summary.exit_reasons.iter().take(REASONS) {
        page.wrapped("•", 2, reason, tone);
    }
    if summary.exit_reasons.len() > REASONS {
        page.line(&format!("    and {} more reasons", summary.exit_reasons.len() - REASONS));
    }
    page.gap();
    run(page, summary);
}

/// What an exit code is called.
pub(in crate::report) fn word(exit_code: u8) -> (&'static str, Tone) {
    match exit_code {
        0 => ("PASS", Tone::Good),
        1 => ("INTERNAL ERROR", Tone::Bad),
        3 => ("REGRESSION", Tone::Bad),
        4 => ("NOTHING MEASURED", Tone::Bad),
        5 => ("THRESHOLD MISSED", Tone::Bad),
        6 => ("BROKEN", Tone::Bad),
        7 => ("LOAD INVALID", Tone::Warn),
        8 => ("INCONCLUSIVE", Tone::Warn),
        9 => ("UNREACHABLE", Tone::Bad),
        10 => ("OVER BUDGET", Tone::Warn),
        130 => ("INTERRUPTED", Tone::Warn),
        _ => ("FAILED", Tone::Bad),
    }
}

fn run(page: &mut Page, summary: &Summary) {
    let jobs: u64 = summary.counters.iter().map(|row| row.jobs).sum();
    let planned: u64 = summary.counters.iter().map(|row| row.planned).sum();
    let attempts: u64 = summary.counters.iter().map(|row| row.attempts).sum();
    let names: Vec<String> = summary.counters.iter().map(|row| cell(&row.target, &row.strategy)).collect();
    let names = if names.len() > super::CELLS { format!("{} cells", names.len()) } else { names.join(", ") };
    let of_planned = if jobs == planned { String::new() } else { format!(" of {} planned", count(planned)) };
    let length = format_duration(Duration::from_millis(summary.elapsed_ms));
    let text = match summary.explored.first().filter(|_| super::audited(summary)) {
        Some(row) => {
            format!("{} · {length} · seed {}", many(row.runs, "run"), summary.seed)
        }
        None => format!(
            "{}{of_planned} · {} · {length} · seed {} · {}",
            many(jobs, "job"),
            many(attempts, "attempt"),
            summary.seed,
            names,
        ),
    };
    for program in summary.explored.iter().filter_map(|row| row.program.as_ref()) {
        program.warnings.iter().for_each(|warning| page.wrapped("!", 2, warning, Tone::Warn));
    }
    page.wrapped("", 2, &text, Tone::Plain);
    let host = &summary.host;
    let kernel = host.kernel.as_deref().map_or_else(String::new, |kernel| format!(" {kernel}"));
    // A run that was broken off does not say how it was made.
    let engine = match host.threads {
        0 => String::new(),
        n => format!(" · {} · {}", many(u64::from(n), "engine thread"), host.pacer),
    };
    let started = match summary.started_utc.as_str() {
        "unknown" => "start unknown",
        started => started,
    };
    let machine = format!(
        "{started} · {} clock · deadheat {} · {}{kernel} {} · {}{engine}",
        summary.clock,
        summary.deadheat,
        host.os,
        host.arch,
        many(u64::from(host.cpus), "cpu"),
    );
    page.wrapped("", 2, &machine, Tone::Dim);
}
