//! Durations with units: `300ms`, `1.2s`, `5m`, `1h30m`.

use std::time::Duration;

const UNITS_NS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Parses one or more numbers with a unit each, largest first by custom: `250ms`, `1.5s`, `1h30m`.
///
/// # Errors
/// Says what is wrong and what a right one looks like: a number without a unit, an unknown unit, a
/// value beyond 584 years.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const HELP: &str = "write a number with a unit, such as \"250ms\", \"1.5s\" or \"2m\"";
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("empty duration: {HELP}"));
    }
    let mut total_ns: u64 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_end);
        let unit_ns = UNITS_NS.iter().find(|(name, _)| *name == unit.trim()).map(|(_, ns)| *ns);
        let part = match (unit_ns, unit.trim()) {
            (Some(unit_ns), _) => scale(number, unit_ns),
            (None, "") => return Err(format!("\"{text}\" has no unit: {HELP}")),
            (None, other) => return Err(format!("unknown unit \"{other}\" in \"{text}\": {HELP}")),
        };
        let part = part.ok_or_else(|| format!("\"{text}\" is not a duration: {HELP}"))?;
        total_ns = total_ns.checked_add(part).ok_or_else(|| format!("\"{text}\" is too long"))?;
        rest = next.trim_start();
    }
    Ok(Duration::from_nanos(total_ns))
}

/// `number × unit` in whole nanoseconds, exact (no float): digits beyond a nanosecond are cut.
fn scale(number: &str, unit_ns: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let whole = u128::from(whole).checked_mul(scale)?;
    let ns = whole.checked_add(fraction)?.checked_mul(u128::from(unit_ns))? / scale;
    u64::try_from(ns).ok()
}

/// The shortest usual form with three significant figures: `812ns`, `41.3µs`, `1.20ms`, `2.50s`, `3m20s`.
#[must_use]
pub fn format_duration(d: Duration) -> String {
    let ns = d.as_nanos();
    let (value, unit) = match ns {
        0 => return "0s".to_owned(),
        1..1_000 => return format!("{ns}ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        1_000_000_000..60_000_000_000 => (ns as f64 / 1e9, "s"),
        _ => {
            let s = d.as_secs();
            return match (s / 3600, s % 3600 / 60, s % 60) {
                (0, m, 0) => format!("{m}m"),
                (0, m, s) => format!("{m}m{s}s"),
                (h, 0, _) => format!("{h}h"),
                (h, m, _) => format!("{h}h{m}m"),
            };
        }
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$}{unit}")
}

/// The exact text of a duration, which [`parse_duration`] reads back: a whole number of the largest unit that
/// divides it.
#[must_use]
pub fn exact_duration(time: Duration) -> String {
    let ns = time.as_nanos();
    let units: [(u128, &str); 6] = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    match units.into_iter().find(|(unit, _)| ns.is_multiple_of(*unit)) {
        Some((unit, name)) if ns > 0 => format!("{}{name}", ns / unit),
        _ => "0s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, ns) in [
            ("300ms", 300_000_000),
            ("1.2s", 1_200_000_000),
            ("0.5ms", 500_000),
            ("1h30m", 5_400_000_000_000),
            ("2m", 120_000_000_000),
            ("15us", 15_000),
            ("15µs", 15_000),
            ("0s", 0),
            (".5s", 500_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(ns)), "{text}");
        }
    }

    #[test]
    fn refuses_and_says_what_to_write() {
        for text in ["", "5", "5 parsecs", "ms", "-5s", "1.2.3s", "99999999999h", "."] {
            let error = parse_duration(text).expect_err(text);
            assert!(error.contains("250ms") || error.contains("too long"), "{text}: {error}");
        }
    }

    #[test]
    fn prints_three_figures() {
        for (ns, text) in [
            (0, "0s"),
            (812, "812ns"),
            (41_310, "41.3µs"),
            (1_204_000, "1.20ms"),
            (250_000_000, "250ms"),
            (2_500_000_000, "2.50s"),
            (200_000_000_000, "3m20s"),
            (120_000_000_000, "2m"),
        ] {
            assert_eq!(format_duration(Duration::from_nanos(ns)), text);
        }
    }
}
