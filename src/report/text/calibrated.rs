//! A calibration for people.

use super::figures::many;
use super::layout::{Page, Tone, cell, field, plain};
use crate::gate::compare::Noise;

/// The calibration as text with ANSI colours.
#[must_use]
pub fn calibrated(noise: &Noise) -> String {
    let mut page = Page::default();
    let title = Tone::Bold.paint(&plain(&noise.name));
    page.line(&format!("{title}  {} of the same against itself", many(noise.pairs, "pair")));
    page.wrapped(
        "",
        2,
        "The smallest effect that four in five comparisons would find, by number of pairs:",
        Tone::Plain,
    );
    page.gap();
    let sizes: Vec<String> = match noise.rows.first() {
        Some(row) => row.detectable.iter().map(|(pairs, _)| pairs.to_string()).collect(),
        None => Vec::new(),
    };
    let head: Vec<&str> = ["", "noise"].into_iter().chain(sizes.iter().map(String::as_str)).collect();
    let rows = noise.rows.iter().map(|row| {
        let shown = |effect: f64| match row.measure.as_str() {
            "error-rate" => format!("{:.2} pt", effect * 100.0),
            _ => format!("{:.1} %", effect * 100.0),
        };
        let name = field(format!("{} {}", cell(&row.target, &row.strategy), plain(&row.measure)));
        let found = row.detectable.iter().map(|(_, effect)| field(shown(*effect)));
        [name, field(shown(row.deviation))].into_iter().chain(found).collect()
    });
    page.table(2, &head, rows.collect());
    page.gap();
    page.wrapped(
        "",
        2,
        "A measure that cannot find twice the floor is advisory: `deadheat compare --calibration` does not gate it.",
        Tone::Dim,
    );
    page.finish()
}
