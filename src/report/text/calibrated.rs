//! A calibration for people.

use super::figures::many;
use super::layout::{Page, Tone, cell, field, plain, toned};
use crate::compare::{Noise, POINTS};
use crate::units::shown::percent;

/// The calibration as text with ANSI colours.
#[must_use]
pub fn calibrated(noise: &Noise) -> String {
    let mut page = Page::default();
    let title = Tone::Bold.paint(&plain(&noise.name));
    page.line(&format!("{title}  {} of the same against itself", many(noise.pairs, "pair")));
    page.wrapped(
        "",
        2,
        &format!(
            "The smallest effect that four in five comparisons call a regression, by number of pairs, with \
             {} judged together:",
            many(noise.rows.iter().filter(|row| row.deviation.is_some()).count() as u64, "value"),
        ),
        Tone::Plain,
    );
    page.gap();
    let sizes: Vec<String> = match noise.rows.iter().find(|row| row.deviation.is_some()) {
        Some(row) => row.detectable.iter().map(|(pairs, _)| pairs.to_string()).collect(),
        None => Vec::new(),
    };
    let head = ["", "noise"].into_iter().chain(sizes.iter().map(String::as_str));
    let head: Vec<&str> = head.chain(["gated"]).collect();
    let rows = noise.rows.iter().map(|row| {
        let shown = |effect: f64| match row.measure.as_str() {
            "error-rate" => format!("{:.2} pt", effect * 100.0),
            _ => percent(effect),
        };
        let told = |effect: Option<f64>| field(effect.map_or_else(|| "—".to_owned(), shown));
        let name = field(format!("{} {}", cell(&row.target, &row.strategy), plain(&row.measure)));
        let none = sizes.len() - row.detectable.len();
        let found = row.detectable.iter().map(|(_, effect)| *effect).chain(std::iter::repeat_n(None, none));
        let gated = match (row.gated_from, &row.why) {
            (Some(pairs), _) => field(format!("from {pairs} pairs")),
            (None, Some(_)) => toned("not measured", Tone::Warn),
            (None, None) => toned("advisory", Tone::Warn),
        };
        [name, told(row.deviation)].into_iter().chain(found.map(told)).chain([gated]).collect()
    });
    page.table(2, &head, rows.collect());
    page.gap();
    for row in &noise.rows {
        if let Some(why) = &row.why {
            let at = cell(&row.target, &row.strategy);
            page.wrapped("!", 2, &format!("{at} {}: {why}", row.measure), Tone::Warn);
        }
    }
    let footer = format!(
        "A measure that cannot find twice the floor ({}; of error rates {:.0} points) is advisory: \
         `deadheat compare \
         --calibration` does not gate it.",
        percent(noise.floor * 2.0),
        POINTS * 200.0
    );
    page.wrapped("", 2, &footer, Tone::Dim);
    page.finish()
}
