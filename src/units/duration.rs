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

/// The shortest usual form with three significant figures: `812ns`, `41.3µs`, `1.20ms`, `2.50s`, `3m20s`. A
/// value that rounds up to the next unit is printed in that unit: 999.96 µs is `1.00ms`.
#[must_use]
pub fn format_duration(d: Duration) -> String {
    /// Nanoseconds of a unit, how many of it make the next unit, and its name.
    const UNITS: [(f64, f64, &str); 3] = [(1e3, 1e3, "µs"), (1e6, 1e3, "ms"), (1e9, 60.0, "s")];
    let ns = d.as_nanos();
    if ns < 1_000 {
        return if ns == 0 { "0s".to_owned() } else { format!("{ns}ns") };
    }
    for (unit_ns, limit, name) in UNITS {
        let (text, rounded) = three_figures(ns as f64 / unit_ns);
        if rounded < limit {
            return text + name;
        }
    }
    let s = d.as_secs() + u64::from(d.subsec_nanos() >= 500_000_000);
    match (s / 3600, s % 3600 / 60, s % 60) {
        (0, m, 0) => format!("{m}m"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, 0, _) => format!("{h}h"),
        (h, m, _) => format!("{h}h{m}m"),
    }
}

/// A value with three significant figures, and what that text says.
fn three_figures(value: f64) -> (String, f64) {
    let print = |decimals: usize| {
        let text = format!("{value:.decimals$}");
        let rounded = text.parse().unwrap_or(value);
        (text, rounded)
    };
    [(2, 10.0), (1, 100.0)]
        .into_iter()
        .map(|(decimals, limit)| (print(decimals), limit))
        .find_map(|(printed, limit)| (printed.1 < limit).then_some(printed))
        .unwrap_or_else(|| print(0))
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
            (999_960, "1.00ms"),
            (9_999_000, "10.0ms"),
            (99_960_000, "100ms"),
            (999_600_000, "1.00s"),
            (59_960_000_000, "1m"),
            (119_600_000_000, "2m"),
        ] {
            assert_eq!(format_duration(Duration::from_nanos(ns)), text);
        }
    }

    proptest::proptest! {
        /// Whatever is printed is read back as nearly the same time, and no unit holds as much as the next
        /// one.
        #[test]
        fn what_is_printed_is_read_back(exponent in 0u32..16, digits in 1u64..99_999) {
            let time = Duration::from_nanos(digits.saturating_mul(10u64.pow(exponent)) / 1_000);
            let text = format_duration(time);
            let back = parse_duration(&text).expect("a duration");
            let off = back.abs_diff(time).as_secs_f64();
            // Three figures; above an hour, whole minutes.
            let allowed = if time < Duration::from_secs(3600) { (time.as_secs_f64() * 0.0051).max(if
                time.as_secs() >= 60 { 0.5 } else { 0.0 }) } else { 60.0 };
            proptest::prop_assert!(off <= allowed, "{time:?} is printed as {text}");
            let number: f64 = text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0.0);
            let limit = if text.ends_with("µs") || text.ends_with("ms") || text.ends_with("ns") { 1e3 } else {
                60.0 };
            proptest::prop_assert!(text.ends_with('h') || number < limit, "{time:?} is printed as {text}");
        }
    }
}
