//! How long the provider asks to wait, in every form in which providers say it.

use crate::clock;
use crate::units::parse_duration;
use http::{HeaderMap, header};
use std::time::Duration;

/// The longest wait taken seriously: a day's quota comes back within it, and anything beyond is a mistake.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// The wait that an answer asks for, as of its arrival.
///
/// The order is that of the official SDKs: `retry-after-ms`, `retry-after` in seconds (fractions
/// accepted), `retry-after` as an HTTP date, and last the error's text ("Please try again in 1.5s").
/// A form that cannot be read, or is negative, is passed over; a date that has passed is a wait of
/// zero; more than seven days is seven days.
pub(super) fn retry_after(headers: &HeaderMap, text: &str) -> Option<Duration> {
    let get = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let ms = || get("retry-after-ms").and_then(|v| number(v, 1e-3));
    let header = || get("retry-after").and_then(|v| number(v, 1.0).or_else(|| until(v, headers)));
    ms().or_else(header).or_else(|| from_text(text)).map(|wait| wait.min(LONGEST))
}

/// Whether [`retry_after`] has anything to read in these headers.
pub(super) fn is_given(headers: &HeaderMap) -> bool {
    headers.contains_key("retry-after-ms") || headers.contains_key("retry-after")
}

/// `x-should-retry`, which wins over the status.
pub(super) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.to_str().ok()?.trim() {
        v if v.eq_ignore_ascii_case("true") => Some(true),
        v if v.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn number(text: &str, unit_s: f64) -> Option<Duration> {
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() || value < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(value * unit_s).unwrap_or(LONGEST))
}

/// The time from the server's own `Date`, which cancels a clock that is wrong, else from ours.
fn until(date: &str, headers: &HeaderMap) -> Option<Duration> {
    let then_s = http_date_s(date)?;
    let server_now = headers.get(header::DATE).and_then(|v| http_date_s(v.to_str().ok()?));
    let now_s = server_now.unwrap_or_else(|| i64::try_from(clock::utc_now_s()).unwrap_or(i64::MAX));
    Some(Duration::from_secs(u64::try_from(then_s.saturating_sub(now_s)).unwrap_or(0)))
}

/// Reads the one form of date that RFC 9110 lets a server write, as seconds since 1970.
fn http_date_s(text: &str) -> Option<i64> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    parser.parse_timestamp(text.trim()).ok().map(jiff::Timestamp::as_second)
}

/// "Please try again in 1.5s." (OpenAI), "Please retry after 26 seconds." (Azure).
fn from_text(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let tail = ["try again in ", "retry after "].iter().find_map(|lead| lower.split_once(lead))?.1;
    let mut words = tail.split_whitespace();
    let amount = words.next()?.trim_end_matches(['.', ',', ';', ')']);
    let unit = words.next().unwrap_or("");
    match unit {
        _ if amount.parse::<f64>().is_err() => parse_duration(amount).ok(),
        _ if unit.starts_with("ms") || unit.starts_with("millisecond") => number(amount, 1e-3),
        _ if unit == "s" || unit.starts_with("sec") => number(amount, 1.0),
        _ if unit.starts_with("minute") => number(amount, 60.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(pairs: &[(&'static str, &str)], text: &str) -> Option<u128> {
        let headers = pairs.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), value.parse().expect("a header value"))
        });
        retry_after(&headers.collect(), text).map(|d| d.as_millis())
    }

    #[test]
    fn reads_every_form() {
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        for (pairs, text, ms) in [
            (vec![("retry-after-ms", "634"), ("retry-after", "9")], "try again in 3s", Some(634)),
            (vec![("retry-after-ms", "12.7")], "", Some(12)),
            (vec![("retry-after", "2")], "", Some(2000)),
            (vec![("retry-after", " 1.5 ")], "", Some(1500)),
            (vec![("retry-after", date), ("date", "Wed, 21 Oct 2015 07:27:58 GMT")], "", Some(2000)),
            (vec![("retry-after", date)], "", Some(0)),
            (vec![("retry-after", "Thu, 22 Oct 2015 07:28:00 GMT"), ("date", date)], "", Some(86_400_000)),
            (vec![], "Limit 3. Please try again in 634ms. Visit", Some(634)),
            (vec![], "Please try again in 1.5s.", Some(1500)),
            (vec![], "Please try again in 6m0s.", Some(360_000)),
            (vec![], "Please retry after 26 seconds.", Some(26_000)),
            (vec![], "Please try again in 3 ms", Some(3)),
            (vec![], "Please try again in a moment", None),
            (vec![], "no hint at all", None),
        ] {
            assert_eq!(wait(&pairs, text), ms, "{pairs:?} {text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_passed_over_or_capped() {
        let week = Some(LONGEST.as_millis());
        assert_eq!(wait(&[("retry-after", "-5")], ""), None);
        assert_eq!(wait(&[("retry-after-ms", "-1"), ("retry-after", "2")], ""), Some(2000));
        assert_eq!(wait(&[("retry-after", "NaN")], "try again in 1s"), Some(1000));
        assert_eq!(wait(&[("retry-after", "inf")], ""), None);
        assert_eq!(wait(&[("retry-after", "1e300")], ""), week);
        assert_eq!(wait(&[("retry-after", "99999999")], ""), week);
        assert_eq!(wait(&[("retry-after", "Wed, 99 Foo 2015")], ""), None);
    }

    #[test]
    fn should_retry_is_true_false_or_nothing() {
        for (value, said) in [("true", Some(true)), ("False", Some(false)), ("maybe", None)] {
            let headers =
                [(http::HeaderName::from_static("x-should-retry"), value.parse().expect("a value"))];
            assert_eq!(should_retry(&headers.into_iter().collect()), said);
        }
    }
}
