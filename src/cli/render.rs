//! The reports of a run that stand in its directory, and those that are drawn from a stored one.

use crate::history::{HistoryError, RunDir};
use crate::judge::judge_and_draw;
use crate::plan::Source;
use crate::report::{Extras, compared_json, compared_junit, compared_markdown, html, junit, markdown};
use crate::scenario::load_stored;
use crate::summary::{Compared, Course, Summary};
use std::error::Error;
use std::path::Path;

/// What a report draws beyond its summary.
#[derive(Debug, Default)]
pub(super) struct ReportExtras {
    pub(super) course: Option<Course>,
    pub(super) plan: Option<String>,
}

impl ReportExtras {
    /// Of a stored run, as far as its evidence is there: a summary alone can be rendered too.
    pub(super) fn stored(dir: &Path) -> Self {
        let Ok(source) = Source::read(&dir.join("plan.toml")) else { return Self::default() };
        let course = load_stored(&source).ok().and_then(|plan| judge_and_draw(&plan, dir, None).ok());
        Self { course: course.map(|(_, course)| course), plan: Some(source.text) }
    }

    /// The page.
    pub(super) fn html(&self, summary: &Summary, dir: &Path) -> String {
        html(summary, &Extras { dir, course: self.course.as_ref(), plan: self.plan.as_deref() })
    }
}

/// Writes the reports of a run into its directory.
///
/// # Errors
/// [`HistoryError::Io`].
pub(super) fn write(dir: &RunDir, summary: &Summary, drawn: &ReportExtras) -> Result<(), HistoryError> {
    dir.write("report.html", &drawn.html(summary, dir.final_path()))?;
    dir.write("report.md", &markdown(summary, dir.final_path()))?;
    write_junit(dir, junit(summary))
}

/// Writes a comparison and its reports into its directory.
///
/// # Errors
/// [`HistoryError::Io`].
pub(super) fn write_comparison(dir: &RunDir, comparison: &Compared) -> Result<(), HistoryError> {
    dir.write("comparison.json", &compared_json(comparison))?;
    dir.write("report.md", &compared_markdown(comparison))?;
    write_junit(dir, compared_junit(comparison))
}

fn write_junit<E: Error + Send + Sync + 'static>(
    dir: &RunDir,
    text: Result<String, E>,
) -> Result<(), HistoryError> {
    let path = || dir.path().join("junit.xml");
    let text = text.map_err(|error| HistoryError::Io {
        doing: "write",
        path: path(),
        source: std::io::Error::other(error),
    })?;
    dir.write("junit.xml", &text)
}
