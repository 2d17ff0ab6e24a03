//! A histogram in one line of text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Columns of a sparkline.
pub(super) const COLUMNS: usize = 16;

/// Longest blob that is looked at; a histogram at three figures stays far below.
const BLOB_MAX: usize = 1 << 20;

/// The distribution from its least to its greatest value, on a logarithmic scale; spaces if the blob is
/// empty or cannot be read.
pub(super) fn spark(blob: &str) -> String {
    let histogram = decode(blob).filter(|histogram| !histogram.is_empty());
    histogram.map_or_else(|| " ".repeat(COLUMNS), |histogram| bars(&histogram))
}

/// Reads a histogram; `None` if the blob is none.
pub(in crate::report) fn decode(blob: &str) -> Option<Histogram<u64>> {
    if blob.len() > BLOB_MAX {
        return None;
    }
    let bytes = STANDARD.decode(blob).ok()?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).ok()
}

fn bars(histogram: &Histogram<u64>) -> String {
    let log = |value: u64| (value.max(1) as f64).ln();
    let (low, high) = (log(histogram.min()), log(histogram.max()));
    let span = high - low;
    let mut columns = [0u64; COLUMNS];
    for step in histogram.iter_recorded() {
        // Values that the histogram cannot tell apart stand in the middle.
        let share = if span < 1e-3 { 0.5 } else { (log(step.value_iterated_to()) - low) / span };
        let column = ((share * COLUMNS as f64) as usize).min(COLUMNS - 1);
        columns[column] = columns[column].saturating_add(step.count_at_value());
    }
    let most = columns.iter().copied().max().unwrap_or(0).max(1);
    let bar = |n: u64| match n {
        0 => ' ',
        n => BARS[((n as f64 / most as f64 * 8.0).ceil() as usize).clamp(1, 8) - 1],
    };
    columns.into_iter().map(bar).collect()
}
