//! HDR histograms of nanoseconds: three significant figures, up to one day, and their text form.

use super::samples_needed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

/// Longer durations are recorded as this, one day: a histogram's memory grows with its largest value.
const MOST_NS: u64 = 86_400_000_000_000;
/// Significant figures: a value is off by at most one in a thousand.
const FIGURES: u8 = 3;

/// A text that holds no histogram.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an HDR histogram in base64: {0}; judge the run's evidence again to get a new summary")]
pub struct HdrError(String);

/// An empty histogram of nanoseconds. It grows as values come, to about 300 KB at one day.
///
/// # Panics
/// Never: the number of figures is one that the format allows.
#[must_use]
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new(FIGURES).expect("3 significant figures are within 0 to 5")
}

/// Adds one value of `ns` nanoseconds; values above one day count as one day, so nothing is left out.
pub fn record(histogram: &mut Histogram<u64>, ns: u64) {
    // Not `saturating_record`: that clamps to the histogram's present size instead of growing it.
    let recorded = histogram.record(ns.min(MOST_NS));
    debug_assert!(recorded.is_ok());
}

/// The value in nanoseconds at quantile `q` (0 to 1); `None` below [`samples_needed`].
#[must_use]
pub fn percentile(histogram: &Histogram<u64>, q: f64) -> Option<u64> {
    let enough = histogram.len() >= samples_needed(q);
    enough.then(|| histogram.value_at_quantile(q))
}

/// One histogram of all values of several.
pub fn merged<'a>(histograms: impl IntoIterator<Item = &'a Histogram<u64>>) -> Histogram<u64> {
    let mut all = new_histogram();
    for histogram in histograms {
        // Fails only if a value lies beyond what `all` can grow to; both have the same bounds.
        let added = all.add(histogram);
        debug_assert!(added.is_ok());
    }
    all
}

/// The histogram as HdrHistogram's V2 encoding, compressed, in standard base64: the text that begins with
/// `HISTFAAA` in the logs of every implementation. Blobs add up exactly.
#[must_use]
pub fn hdr_blob(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail, and our bounds fit the format.
    let written = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
    debug_assert!(written.is_ok());
    STANDARD.encode(bytes)
}

/// Reads what [`hdr_blob`] wrote.
///
/// # Errors
/// [`HdrError`] if the text is no such thing.
pub fn hdr_read(blob: &str) -> Result<Histogram<u64>, HdrError> {
    let bytes = STANDARD.decode(blob).map_err(|e| HdrError(e.to_string()))?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|e| HdrError(e.to_string()))
}
