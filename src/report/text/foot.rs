//! Fidelity, and where the files lie.

use super::figures::{count, many, maybe_ms, ms, percent};
use super::layout::{Page, Tone, field, plain};
use crate::summary::{BehindRow, Summary};
use crate::units::shown::shell_word;
use std::path::Path;

/// How true the measurement is.
pub(super) fn fidelity(page: &mut Page, summary: &Summary) {
    page.section("Fidelity");
    let fidelity = &summary.fidelity;
    if fidelity.errors.is_empty() {
        page.line("  client − ledger: no ledger to compare with");
    } else {
        let rows = fidelity.errors.iter().map(|row| {
            let figures = [row.p50_ms, row.p99_ms, row.p999_ms].map(|p| field(maybe_ms(p)));
            let name = std::iter::once(field(plain(&row.metric)));
            name.chain(figures).chain([field(count(row.count))]).collect()
        });
        page.table(2, &["client − ledger", "p50", "p99", "p99.9", "n"], rows.collect());
    }
    let mut facts = vec![
        format!("busiest engine thread {} of a core", percent(fidelity.cpu_busiest)),
        format!("{:.2} CPU seconds", fidelity.cpu_s),
    ];
    if let Some(achieved) = fidelity.achieved {
        facts.insert(0, format!("achieved {} of the offered load", percent(achieved)));
    }
    if let Some(lag) = fidelity.lag_p99_ms {
        facts.insert(0, format!("lag p99 {}", ms(lag)));
    }
    page.wrapped("", 2, &facts.join(" · "), Tone::Plain);
    if fidelity.single_burst_streams > 0 {
        let streams = many(fidelity.single_burst_streams, "stream");
        let text = format!("{streams} arrived in a single burst: something on the way buffers them");
        page.wrapped("!", 2, &text, Tone::Warn);
    }
    for row in &fidelity.behind {
        page.wrapped("!", 2, &behind(row), Tone::Warn);
    }
    if summary.valid.holds && fidelity.joined == 0 {
        let text = "no ledger to compare with: of the measurement only its own lateness and CPU were judged";
        page.wrapped("–", 2, text, Tone::Dim);
    } else if summary.valid.holds {
        page.wrapped("✓", 2, "the measurement kept its budget", Tone::Good);
    }
    for why in &summary.valid.why {
        page.wrapped("✗", 2, why, Tone::Bad);
    }
}

/// What a writer that was behind says.
pub(in crate::report) fn behind(row: &BehindRow) -> String {
    let (file, waited, longest) = (&row.file, count(row.batches_max), ms(row.longest_ms));
    format!("the disk was behind the {file}: {longest} until a batch was written, {waited} waiting at once")
}

/// Where the files lie.
pub(super) fn place(page: &mut Page, dir: &Path) {
    page.gap();
    page.line(&format!("Files        {}", plain(&dir.display().to_string())));
}

/// Where the evidence lies, and how to judge it again. Paths are not broken, so that they can be copied.
pub(super) fn files(page: &mut Page, dir: &Path) {
    let dir = plain(&dir.display().to_string());
    page.gap();
    page.line(&format!("Evidence     {dir}"));
    page.line(&Tone::Dim.paint(&format!("Judge again  deadheat check {}", shell_word(&dir))));
}
