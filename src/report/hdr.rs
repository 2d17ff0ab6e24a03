//! Histograms in the two texts that HdrHistogram's own tools read.

use super::text::spark::decode;
use crate::summary::{MetricRow, Summary};
use crate::units::format_duration;
use crate::units::shown::{is_unsafe, plain, plain_lines};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::fmt::Write;
use std::time::{Duration, SystemTime};

/// Nanoseconds in a millisecond.
const NS_PER_MS: f64 = 1e6;
/// Values between two halvings of the distance to 100 %, as the other implementations have it.
const TICKS_PER_HALF: u32 = 5;

/// The percentile distributions (`.hgrm`), in milliseconds: a table for each cell and metric, each after a
/// line that begins with `#` and names it.
#[must_use]
pub fn hgrm(summary: &Summary) -> String {
    let mut text = String::new();
    for row in &summary.metrics {
        let Some(histogram) = decode(&row.hdr) else { continue };
        if !text.is_empty() {
            text.push('\n');
        }
        table(&mut text, row, &histogram);
    }
    text
}

/// A name without anything that could end its line.
fn name(row: &MetricRow) -> String {
    let name = format!("{}/{} {}", row.target, row.strategy, row.metric);
    plain(&name)
}

fn table(text: &mut String, row: &MetricRow, histogram: &Histogram<u64>) {
    // Writing to memory cannot fail.
    let _ = writeln!(text, "# {} in milliseconds\n", name(row));
    let _ = writeln!(
        text,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut so_far = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        so_far += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / NS_PER_MS, step.quantile_iterated_to());
        let _ = write!(text, "{value:12.3} {quantile:14.12} {so_far:10}");
        let _ = match quantile < 1.0 {
            true => writeln!(text, " {:14.2}", 1.0 / (1.0 - quantile)),
            false => writeln!(text),
        };
    }
    let (mean, sd) = (histogram.mean() / NS_PER_MS, histogram.stdev() / NS_PER_MS);
    let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {sd:12.3}]");
    let (max, count) = (histogram.max() as f64 / NS_PER_MS, histogram.len());
    let _ = writeln!(text, "#[Max     = {max:12.3}, Total count    = {count:12}]");
    let (buckets, sub_buckets) = (histogram.buckets(), 2048);
    let _ = writeln!(text, "#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]");
}

/// The histogram log: one interval, the run; a tagged line for each cell and metric,
/// `target/strategy:metric`.
#[must_use]
pub fn hdr_log(summary: &Summary) -> String {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let started = started(summary);
    let length = Duration::from_millis(summary.elapsed_ms);
    let about = format!("deadheat {}, {}, values in nanoseconds", summary.deadheat, format_duration(length));
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment(&about)
        .with_base_time(started)
        .with_start_time(started)
        .with_max_value_divisor(NS_PER_MS);
    // Writing to memory cannot fail, and what the format cannot hold is left out.
    let Ok(mut log) = builder.begin_log_with(&mut bytes, &mut serializer) else { return String::new() };
    for row in &summary.metrics {
        let Some(histogram) = decode(&row.hdr) else { continue };
        let tag = format!("{}/{}:{}", row.target, row.strategy, row.metric);
        // A tag ends at a comma or a space.
        let tag: String = tag
            .chars()
            .map(|c| if c == ',' || c.is_whitespace() || is_unsafe(c) { '_' } else { c })
            .collect();
        let _ = log.write_histogram(&histogram, Duration::ZERO, length, Tag::new(&tag));
    }
    plain_lines(&String::from_utf8(bytes).unwrap_or_default())
}

/// When the run began; the epoch if it does not say.
fn started(summary: &Summary) -> SystemTime {
    let stamp: Option<jiff::Timestamp> = summary.started_utc.parse().ok();
    let seconds = stamp.and_then(|stamp| u64::try_from(stamp.as_second()).ok()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
