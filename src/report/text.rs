//! The terminal report: verdicts first, at most 100 columns, every foreign text escaped.

mod bill;
mod calibrated;
mod compared;
mod counts;
mod explored;
pub(super) mod figures;
pub(super) mod foot;
pub(super) mod headline;
mod latency;
mod layout;
pub(super) mod spark;
mod strategies;
mod thresholds;
mod verdicts;

use crate::summary::{PROGRAM, Summary};
pub use calibrated::calibrated;
pub use compared::compared;
pub(super) use compared::{Shown, design};
use layout::{Page, Tone};
use std::path::Path;

/// Most cells that are shown one by one beyond the table of cells. Of more, `summary.json` has the rest.
const CELLS: usize = 8;

/// What a report says beyond its summary.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Where the evidence lies.
    pub dir: &'a Path,
    /// A last line that invites to something.
    pub hint: Option<&'a str>,
}

/// Whether it is the summary of an audit.
fn audited(summary: &Summary) -> bool {
    summary.explored.iter().any(|row| row.strategy == PROGRAM)
}

/// The report as text with ANSI colours; the writer strips them where they are not wanted.
#[must_use]
pub fn render(summary: &Summary, context: &Context<'_>) -> String {
    let mut page = Page::default();
    headline::write(&mut page, summary);
    if audited(summary) {
        // An audit: nothing was measured, everything was tried.
        explored::write(&mut page, summary);
        foot::place(&mut page, context.dir);
        return page.finish();
    }
    strategies::write(&mut page, summary);
    verdicts::write(&mut page, summary);
    explored::write(&mut page, summary);
    counts::comparison(&mut page, summary);
    bill::suppliers(&mut page, summary);
    let few = summary.counters.len() <= CELLS;
    if few {
        latency::write(&mut page, summary);
        counts::errors(&mut page, summary);
        counts::load(&mut page, summary);
    } else {
        counts::errors_in_all(&mut page, summary);
    }
    foot::fidelity(&mut page, summary);
    if few {
        bill::cost(&mut page, summary);
    }
    thresholds::write(&mut page, summary);
    foot::files(&mut page, context.dir);
    if let Some(hint) = context.hint {
        page.gap();
        page.wrapped("", 0, hint, Tone::Plain);
    }
    page.finish()
}
