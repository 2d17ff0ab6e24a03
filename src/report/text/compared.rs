//! A comparison for people: the conclusion, what changed exactly, and what was measured.

use super::figures::{count, many};
use super::headline::word;
use super::layout::{Page, Tone, cell, field, plain, toned};
use crate::compare::POINTS;
use crate::summary::{Change, Compared, ExactRow, TimedRow, TimedVerdict};
use crate::units::Money;
use crate::units::shown::{percent, percent_change};

/// Exact rows that are printed; `--format json` has all.
const ROWS: usize = 30;

/// The comparison as text with ANSI colours.
#[must_use]
pub fn compared(comparison: &Compared) -> String {
    let mut page = Page::default();
    let (word, tone) = word(comparison.exit_code);
    let code = Tone::Dim.paint(&format!("exit {}", comparison.exit_code));
    page.line(&format!("{}  {code}", tone.paint(word)));
    for reason in &comparison.exit_reasons {
        page.wrapped("•", 2, reason, tone);
    }
    page.gap();
    page.wrapped("", 2, &format!("BASE  {}", comparison.base), Tone::Plain);
    page.wrapped("", 2, &format!("NEW   {}", comparison.new), Tone::Plain);
    page.wrapped("", 2, &design(comparison), Tone::Dim);
    for pair in &comparison.pairs {
        if let Some(why) = &pair.void {
            page.wrapped("!", 2, &format!("pair {} is void: {why}", pair.number), Tone::Warn);
        }
    }
    exact(&mut page, &comparison.exact);
    timed(&mut page, comparison);
    for note in &comparison.notes {
        page.wrapped("!", 2, note, Tone::Warn);
    }
    page.finish()
}

pub(in crate::report) fn design(comparison: &Compared) -> String {
    if comparison.planned == 0 {
        return "two stored runs: only what is exact is judged".to_owned();
    }
    let made = comparison.pairs.len() as u64;
    let of = if made < comparison.planned { format!(" of {}", comparison.planned) } else { String::new() };
    let looks = match comparison.looks.len() {
        0 | 1 => String::new(),
        looks => {
            let each = percent(comparison.alpha / looks as f64);
            let at: Vec<String> = comparison.looks.iter().map(u64::to_string).collect();
            format!(" · looks after {} pairs, each at {each}", at.join(", "))
        }
    };
    let level = 1.0 - comparison.alpha / comparison.looks.len().max(1) as f64;
    format!(
        "{}{of}, {} order, seed {} · at most {} false alarms over {}, effects from {} (error rates: {:.0} \
         point){looks} · \
         intervals one-sided, {}",
        many(made, "pair"),
        comparison.order,
        comparison.seed,
        percent(comparison.alpha),
        many(comparison.timed.iter().filter(|row| row.p.is_some()).count() as u64, "measured value"),
        percent(comparison.floor),
        POINTS * 100.0,
        percent(level),
    )
}

fn exact(page: &mut Page, rows: &[ExactRow]) {
    if rows.is_empty() {
        return;
    }
    page.section("Exact");
    let changed: Vec<&ExactRow> = rows.iter().filter(|row| row.change != Change::Same).collect();
    for row in changed.iter().take(ROWS) {
        let (mark, tone, word) = match row.change {
            Change::Worse => ("✗", Tone::Bad, "worse"),
            Change::WithinFloor => ("~", Tone::Plain, "worse, below the floor"),
            Change::Better => ("✓", Tone::Good, "better"),
            _ => ("·", Tone::Plain, "differs"),
        };
        let at = cell(&row.target, &row.strategy);
        page.wrapped(mark, 2, &format!("{at} {}: {} -> {}  {word}", row.what, row.base, row.new), tone);
    }
    if changed.len() > ROWS {
        page.line(&format!("    and {} more", count((changed.len() - ROWS) as u64)));
    }
    page.line(
        &Tone::Dim.paint(&format!("  {} unchanged", many((rows.len() - changed.len()) as u64, "value"))),
    );
}

fn timed(page: &mut Page, comparison: &Compared) {
    if comparison.timed.is_empty() {
        return;
    }
    page.section("Measured");
    let several = comparison
        .timed
        .iter()
        .any(|row| row.target != comparison.timed[0].target || row.strategy != comparison.timed[0].strategy);
    let head = ["", "BASE", "NEW", "effect", "interval", "p (Holm)", "can find", "verdict"];
    let rows = comparison.timed.iter().map(|row| {
        let at = if several { format!("{} ", cell(&row.target, &row.strategy)) } else { String::new() };
        let (word, tone) = match row.verdict {
            TimedVerdict::Regressed => ("REGRESSED", Tone::Bad),
            TimedVerdict::Pass => ("PASS", Tone::Good),
            TimedVerdict::Inconclusive => ("INCONCLUSIVE", Tone::Warn),
            TimedVerdict::Advisory => ("advisory", Tone::Dim),
        };
        vec![
            field(format!("{at}{}", plain(&row.measure))),
            field(value(row, row.base)),
            field(value(row, row.new)),
            field(effect(row, (row.pairs > 0).then_some(row.effect))),
            field(format!("{} … {}", effect(row, row.lower), effect(row, row.upper))),
            field(row.p_adjusted.map_or_else(|| "—".to_owned(), |p| format!("{p:.4}"))),
            field(effect(row, row.detectable)),
            toned(word, tone),
        ]
    });
    page.table(2, &head, rows.collect());
    let mut last = None;
    for row in &comparison.timed {
        let Some(why) = row.why.as_deref().filter(|why| last != Some(*why)) else { continue };
        let at = if several { format!("{} ", cell(&row.target, &row.strategy)) } else { String::new() };
        let name =
            if comparison.planned == 0 { "advisory".to_owned() } else { format!("{at}{}", row.measure) };
        page.wrapped("", 2, &format!("{name}: {why}"), Tone::Dim);
        last = Some(why);
    }
}

fn value(row: &TimedRow, value: f64) -> String {
    match (row.unit.as_str(), row.unit.parse()) {
        _ if row.pairs == 0 => "—".to_owned(),
        ("share", _) => format!("{:.2}%", value * 100.0),
        ("ms", _) => format!("{value:.2} ms"),
        (_, Ok(currency)) => Money { pico: (value * 1e12).round() as i128, currency }.to_string(),
        _ => format!("{value:.3}"),
    }
}

fn effect(row: &TimedRow, effect: Option<f64>) -> String {
    match (effect, row.unit.as_str()) {
        (None, _) => "—".to_owned(),
        (Some(effect), "share") => format!("{:+.2} pt", effect * 100.0),
        (Some(effect), _) => percent_change(effect),
    }
}

/// A measured row's figures, as every format has them.
pub(in crate::report) struct Shown {
    pub(in crate::report) base: String,
    pub(in crate::report) new: String,
    pub(in crate::report) effect: String,
    pub(in crate::report) interval: String,
    pub(in crate::report) detectable: String,
}

impl Shown {
    pub(in crate::report) fn of(row: &TimedRow) -> Self {
        Self {
            base: value(row, row.base),
            new: value(row, row.new),
            effect: effect(row, (row.pairs > 0).then_some(row.effect)),
            interval: format!("{} … {}", effect(row, row.lower), effect(row, row.upper)),
            detectable: effect(row, row.detectable),
        }
    }
}
