//! What a program says of itself: `@claim {json}` on standard output, the same on lines of files, its own
//! totals.
//!
//! Threads and processes write without looking at each other: a claim may stand in the middle of a line, in
//! two pieces, or twice. What can be read is taken; what cannot is counted.

use crate::history::{JobId, JobKey, answer_number};
use serde_json::{Deserializer, Map, Value};
use xxhash_rust::xxh64::xxh64;

/// What stands before a claim on standard output.
const WORD: &str = "@claim";

/// One claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// The result of a job.
    Result(ClaimedResult),
    /// Sums.
    Totals(ClaimedTotals),
}

/// What a program takes for the result of a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ClaimedResult {
    /// Whose.
    pub job: JobKey,
    /// [`answer_number`] of the answer's id, or of the nonce in its text.
    pub answer: Option<u64>,
    /// Whether it is a good one.
    pub ok: bool,
    /// xxh64 of the text, seed 0.
    pub text_hash: Option<u64>,
}

/// What a program has on its own books.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClaimedTotals {
    /// Requests.
    pub requests: Option<u64>,
    /// Prompt tokens.
    pub prompt_tokens: Option<u64>,
    /// Completion tokens.
    pub completion_tokens: Option<u64>,
    /// Both.
    pub total_tokens: Option<u64>,
    /// Jobs that it could not do.
    pub failed: Option<u64>,
}

impl ClaimedTotals {
    /// Whether it says nothing.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both together; what only one of them says is that.
    #[must_use]
    pub(super) fn plus(&self, other: &Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        Self {
            requests: sum(self.requests, other.requests),
            prompt_tokens: sum(self.prompt_tokens, other.prompt_tokens),
            completion_tokens: sum(self.completion_tokens, other.completion_tokens),
            total_tokens: sum(self.total_tokens, other.total_tokens),
            failed: sum(self.failed, other.failed),
        }
    }
}

/// Reads the claims of one stream or file, line by line.
#[derive(Debug, Default)]
pub(super) struct ClaimReader {
    /// `@claim` words whose JSON has not come yet.
    waiting: u64,
    unread: u64,
}

impl ClaimReader {
    /// The claims on a line of standard output.
    pub(super) fn line(&mut self, line: &str, claim: &mut dyn FnMut(Claim)) {
        let Some(first) = line.find(WORD) else {
            if self.waiting > 0 && line.trim_start().starts_with('{') {
                // The other half of a claim that was written in two pieces.
                self.values(line, claim);
            }
            return;
        };
        if self.waiting > 0 && line[..first].trim_start().starts_with('{') {
            self.values(&line[..first], claim);
        }
        for piece in line[first..].split(WORD).skip(1) {
            self.waiting += 1;
            if !piece.trim().is_empty() {
                self.values(piece, claim);
            }
        }
    }

    /// The claims on a line of a file.
    pub(super) fn file_line(&mut self, line: &str, claim: &mut dyn FnMut(Claim)) {
        if line.contains(WORD) {
            self.line(line, claim);
        } else if !line.trim().is_empty() {
            self.waiting += 1;
            self.values(line, claim);
        }
    }

    /// Claims that could not be read, once nothing more comes.
    #[must_use]
    pub(super) fn unread(&self) -> u64 {
        self.unread + self.waiting
    }

    /// All JSON objects at the front of a text. What is torn is one claim less that is waited for.
    fn values(&mut self, text: &str, claim: &mut dyn FnMut(Claim)) {
        for value in Deserializer::from_str(text).into_iter::<Value>() {
            match value {
                Ok(Value::Object(object)) => {
                    self.waiting = self.waiting.saturating_sub(1);
                    match read(&object) {
                        Some(said) => claim(said),
                        None => self.unread += 1,
                    }
                }
                Ok(_) => {}
                Err(_) => {
                    if self.waiting > 0 {
                        self.waiting -= 1;
                        self.unread += 1;
                    }
                    return;
                }
            }
        }
    }
}

fn read(object: &Map<String, Value>) -> Option<Claim> {
    let job = object.get("job").filter(|job| !job.is_null());
    let Some(job) = job else {
        let number = |name: &str| object.get(name).and_then(whole);
        let totals = ClaimedTotals {
            requests: number("requests"),
            prompt_tokens: number("prompt_tokens"),
            completion_tokens: number("completion_tokens"),
            total_tokens: number("total_tokens"),
            failed: number("failed"),
        };
        return (!totals.is_empty()).then_some(Claim::Totals(totals));
    };
    let text = object.get("text").and_then(Value::as_str);
    let id = object.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
    let failed = object.get("error").is_some_and(|error| !error.is_null());
    Some(Claim::Result(ClaimedResult {
        job: job_key(job)?,
        answer: id.map(answer_number).or_else(|| text.and_then(nonce)),
        ok: object.get("ok").map_or(!failed, |ok| ok.as_bool().unwrap_or(false)),
        text_hash: text.map(|text| xxh64(text.as_bytes(), 0)),
    }))
}

/// A job by its tag, with or without brackets, or by its number.
fn job_key(job: &Value) -> Option<JobKey> {
    if let Some(index) = job.as_u64() {
        return Some(JobKey::Own(JobId { cell: 0, index }));
    }
    let text = job.as_str()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    (!bare.is_empty()).then(|| JobKey::tagged(bare))
}

/// A number that counts something, also where it was written as a fraction.
fn whole(value: &Value) -> Option<u64> {
    let counted = |number: f64| number >= 0.0 && number.fract() == 0.0 && number < 9e15;
    value.as_u64().or_else(|| value.as_f64().filter(|number| counted(*number)).map(|number| number as u64))
}

/// The first nonce in a text.
fn nonce(text: &str) -> Option<u64> {
    text.match_indices("R-").find_map(|(at, _)| nonce_here(&text[at..]))
}

/// The nonce with which a text begins.
pub(super) fn nonce_here(text: &str) -> Option<u64> {
    let hex = text.strip_prefix("R-")?.get(..16)?;
    let ends = !text[18..].starts_with(|next: char| next.is_ascii_hexdigit());
    let digits = hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if ends && digits { u64::from_str_radix(hex, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heard(lines: &[&str]) -> (Vec<Claim>, u64) {
        let (mut reader, mut said) = (ClaimReader::default(), Vec::new());
        for line in lines {
            reader.line(line, &mut |claim| said.push(claim));
        }
        (said, reader.unread())
    }

    fn result(index: u64) -> String {
        format!(r#"{{"job":"job:{index:04}","id":"chatcmpl-R-{index:016x}","ok":true,"text":"t{index}"}}"#)
    }

    fn said(index: u64) -> Claim {
        Claim::Result(ClaimedResult {
            job: JobKey::Own(JobId { cell: 0, index }),
            answer: Some(index),
            ok: true,
            text_hash: Some(xxh64(format!("t{index}").as_bytes(), 0)),
        })
    }

    #[test]
    fn claims_of_print_with_two_arguments_are_put_together() {
        let (a, b) = (result(1), result(2));
        for lines in [
            vec![format!("@claim @claim {a} {b}"), String::new()],
            vec![format!("@claim@claim {a}"), format!(" {b}")],
            vec![format!("@claim {a}@claim {b}")],
            vec![format!("noise @claim {a} trailing words"), format!("@claim {b}")],
            vec!["@claim".to_owned(), format!("{a}"), format!("@claim {b}")],
            vec!["@claim ".to_owned(), format!("{a}@claim {b}")],
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let (claims, unread) = heard(&lines);
            assert_eq!(claims, [said(1), said(2)], "{lines:?}");
            assert_eq!(unread, 0, "{lines:?}");
        }
    }

    #[test]
    fn what_is_torn_is_counted() {
        let torn = &result(1)[..20];
        assert_eq!(heard(&[&format!("@claim {torn}"), &format!("@claim {}", result(2))]), (vec![said(2)], 1));
        assert_eq!(heard(&["@claim"]).1, 1);
        assert_eq!(heard(&["@claim {\"neither\":1}"]).1, 1);
        assert_eq!(heard(&["nothing here", "{\"job\":\"job:0001\"}"]), (vec![], 0));
    }

    #[test]
    fn totals_and_jobs_are_read_as_people_write_them() {
        let (claims, unread) = heard(&[
            "@claim {\"requests\": 3, \"total_tokens\": 120.0, \"cost_usd\": 0.1}",
            "@claim {\"job\": \"[job:0007]\", \"error\": \"timeout\"}",
            "@claim {\"job\": 7, \"text\": \"[job:0007] R-00000000000000ff amber\"}",
        ]);
        assert_eq!(unread, 0);
        let totals = ClaimedTotals { requests: Some(3), total_tokens: Some(120), ..ClaimedTotals::default() };
        assert_eq!(claims[0], Claim::Totals(totals));
        let Claim::Result(failed) = &claims[1] else { panic!("{claims:?}") };
        assert!(!failed.ok && failed.job == JobKey::from("job:0007"));
        let Claim::Result(text) = &claims[2] else { panic!("{claims:?}") };
        assert_eq!((text.job.clone(), text.answer, text.ok), (JobKey::from("job:0007"), Some(255), true));
    }

    proptest! {
        #[test]
        fn whole_lines_are_never_lost_nor_made_up(
            order in prop::collection::vec(prop::option::of(0u64..50), 0..30), noise in "[a-z{}\" :,]{0,20}"
        ) {
            let lines: Vec<String> =
                order.iter().map(|one| one.map_or(noise.clone(), |n| format!("@claim {}",
                    result(n)))).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let (claims, unread) = heard(&lines);
            let whole: Vec<Claim> = order.iter().flatten().map(|n| said(*n)).collect();
            prop_assert_eq!(claims, whole);
            prop_assert_eq!(unread, 0);
        }

        #[test]
        fn what_print_writes_in_pieces_is_heard_in_any_order_of_two_threads(turns in
            prop::collection::vec(any::<bool>(), 8)) {
            // `print("@claim", text)` is four writes.
            let pieces = |n: u64| vec!["\n".to_owned(), result(n), " ".to_owned(), "@claim".to_owned()];
            let mut writers = [pieces(1), pieces(2)];
            let mut text = String::new();
            for turn in turns.into_iter().chain([true; 4]).chain([false; 4]) {
                text += &writers[usize::from(turn)].pop().unwrap_or_default();
            }
            let (claims, unread) = heard(&text.lines().collect::<Vec<_>>());
            prop_assert_eq!(claims.len(), 2, "{}", text);
            prop_assert!(claims.contains(&said(1)) && claims.contains(&said(2)));
            prop_assert_eq!(unread, 0);
        }

        #[test]
        fn no_tear_makes_more_of_claims_than_there_are(cuts in prop::collection::vec(0usize..40, 0..8)) {
            let mut writers = [format!("@claim {}\n", result(1)), format!("@claim {}\n", result(2))];
            let mut text = String::new();
            for (n, cut) in cuts.iter().enumerate() {
                let writer = &mut writers[n % 2];
                let at = (*cut).min(writer.len());
                text.push_str(&writer[..at]);
                *writer = writer[at..].to_owned();
            }
            text += &writers.concat();
            let (claims, unread) = heard(&text.lines().collect::<Vec<_>>());
            // A tear inside the word leaves nothing that could be counted.
            prop_assert!(claims.len() as u64 + unread <= 2, "{}", text);
        }
    }
}
