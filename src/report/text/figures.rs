//! Numbers as people read them.

use crate::units::format_duration;
use crate::units::shown;
use std::time::Duration;

/// What stands for a figure that there is not.
pub(in crate::report) const NONE: &str = "—";

/// Thousands apart: `1,117`.
pub(in crate::report) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Milliseconds with three figures in a fitting unit, with a sign if below zero.
pub(in crate::report) fn ms(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    match Duration::try_from_secs_f64(value.abs() / 1e3) {
        Ok(d) => format!("{sign}{}", format_duration(d)),
        Err(_) => NONE.to_owned(),
    }
}

/// The same, or a dash.
pub(in crate::report) fn maybe_ms(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), ms)
}

/// A rate with three figures.
pub(in crate::report) fn rate(value: f64) -> String {
    match value {
        v if !v.is_finite() => NONE.to_owned(),
        v if v >= 1000.0 => count(v.round() as u64),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// A share in percent.
pub(in crate::report) fn percent(share: f64) -> String {
    if share.is_finite() { shown::percent(share) } else { NONE.to_owned() }
}

/// `1 job`, `2 jobs`.
pub(in crate::report) fn many(n: u64, one: &str) -> String {
    format!("{} {one}{}", count(n), if n == 1 { "" } else { "s" })
}

/// An exact decimal, rounded for a narrow column.
pub(in crate::report) fn rounded(decimal: &str) -> String {
    match decimal.parse::<f64>() {
        Ok(v) if v >= 1.0 => format!("{v:.2}"),
        Ok(v) if v >= 0.01 => format!("{v:.4}"),
        Ok(v) if v > 0.0 => format!("{v:.6}"),
        Ok(0.0) => "0.00".to_owned(),
        _ => NONE.to_owned(),
    }
}
