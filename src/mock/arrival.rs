//! A request, read: whose it is and what it asks for. Pure, and done before the core is locked.

use super::dialect::{Address, Dialect};
use super::text;
use crate::history::JobKey;
use regex::bytes::Regex;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use std::fmt;
use std::time::Duration;
use xxhash_rust::xxh64::xxh64;

/// Most tokens of one completion, whatever a request asks for: a bound on what one request can cost us.
const TOKENS_MAX: u32 = 1_000_000;

/// Longest job tag that is taken from a header or a body, and longest name of a lock.
pub(super) const TAG_MAX: usize = 64;

/// What SDKs announce their time-outs in, in seconds.
const TIMEOUTS: [&str; 3] = ["x-stainless-read-timeout", "x-stainless-timeout", "x-server-timeout"];

/// One request for a completion, as it arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Whose job: `x-deadheat-job`, else a tag `[job:…]` anywhere in the body, else its idempotency key, else
    /// a hash of the body.
    pub job: JobKey,
    /// Whether it carried `x-deadheat-job`: deadheat's own client, which gets exactly the tokens it asks for.
    pub own: bool,
    /// `x-deadheat-attempt`; without it attempts are counted as they arrive.
    pub attempt: Option<u32>,
    /// xxh64 of the body.
    pub body_hash: u64,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// `x-stainless-retry-count`.
    pub sdk_retry: Option<u32>,
    /// `x-stainless-read-timeout`, else `x-stainless-timeout` or `x-server-timeout`: after how long without
    /// an answer its client gives up.
    pub read_timeout: Option<Duration>,
    /// `x-deadheat-lock`: the lock that its client believes to hold.
    pub lock: Option<String>,
    /// `x-deadheat-lock-token`: the token that its client got with the lock. Only written down.
    pub lock_token: Option<u64>,
    /// `x-fencing-token`: the token that is to be checked.
    pub fencing_token: Option<u64>,
    /// The protocol in which it is answered.
    pub(super) dialect: &'static dyn Dialect,
    /// What it asks for, or why that cannot be answered.
    pub ask: Result<Ask, BadRequest>,
}

/// What a valid request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Echoed in the answer.
    pub model: String,
    /// Words over all message contents; parts that are no text count nothing.
    pub prompt_tokens: u64,
    /// `max_completion_tokens`, else `max_tokens`; at least 1.
    pub max_tokens: Option<u32>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether the stream ends with a usage chunk.
    pub include_usage: bool,
}

/// Why a request is answered with 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRequest {
    /// One sentence.
    pub message: String,
    /// The parameter at fault, if it is one.
    pub param: Option<&'static str>,
}

impl Arrival {
    /// Reads a request to OpenAI's endpoint from its headers, by lower-case name, and its body.
    #[must_use]
    pub fn read<'a>(header: impl Fn(&str) -> Option<&'a str>, body: &[u8]) -> Self {
        Self::read_at(&Address::default(), header, body)
    }

    /// Reads a request to any endpoint.
    #[must_use]
    pub(super) fn read_at<'a>(at: &Address, header: impl Fn(&str) -> Option<&'a str>, body: &[u8]) -> Self {
        let body_hash = xxh64(body, 0);
        let mut ask = at.dialect.read(at, body);
        let named = header("x-deadheat-job").map(str::trim);
        let own = named.is_some_and(is_tag);
        if named.is_some() && !own {
            let message = format!("x-deadheat-job must be 1 to {TAG_MAX} of A-Z a-z 0-9 . _ : -");
            ask = Err(BadRequest { message, param: None });
        }
        let held = Held::read(&header).unwrap_or_else(|message| {
            ask = Err(BadRequest { message, param: None });
            Held::default()
        });
        let tag = named.filter(|_| own).or_else(|| find_tag(body));
        let idempotency_key = header("idempotency-key").map(str::to_owned);
        let job = tag.map_or_else(|| unnamed(idempotency_key.as_deref(), body_hash), JobKey::tagged);
        Self {
            job,
            own,
            attempt: header("x-deadheat-attempt").and_then(|v| v.trim().parse().ok()).filter(|n| *n > 0),
            body_hash,
            idempotency_key,
            sdk_retry: header("x-stainless-retry-count").and_then(|v| v.trim().parse().ok()),
            read_timeout: TIMEOUTS.iter().find_map(|name| {
                let seconds = header(name)?.trim().parse().ok()?;
                Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())
            }),
            lock: held.lock,
            lock_token: held.token,
            fencing_token: held.fencing,
            dialect: at.dialect,
            ask,
        }
    }
}

impl Arrival {
    /// Names the job of a request without header and tag by what `key` finds in its body: its first capture,
    /// else the whole match. What cannot stand in a tag goes by its hash.
    pub(super) fn name_by(&mut self, key: &Regex, body: &[u8]) {
        if self.job != unnamed(self.idempotency_key.as_deref(), self.body_hash) {
            return;
        }
        let found = key.captures(body);
        let Some(found) = found.as_ref().and_then(|found| found.get(1).or_else(|| found.get(0))) else {
            return;
        };
        let name = std::str::from_utf8(found.as_bytes()).ok().filter(|name| is_tag(name));
        let hashed = || JobKey::Key(digest(found.as_bytes()));
        self.job = name.map_or_else(hashed, JobKey::tagged);
    }
}

/// The job of a request that says nothing of it: by its key, unless that is drawn anew in every run. No
/// schedule could speak of such a one, so it goes by what it asks, and which keys belong together is seen
/// when the run is judged.
fn unnamed(key: Option<&str>, body_hash: u64) -> JobKey {
    match key.filter(|key| !is_drawn(key)) {
        Some(key) if is_tag(key) => JobKey::Key(key.to_owned()),
        Some(key) => JobKey::Key(digest(key.as_bytes())),
        None => JobKey::Body(body_hash),
    }
}

/// Stands for what a tag has no letters for.
fn digest(name: &[u8]) -> String {
    format!("{:016x}", xxh64(name, 0))
}

/// Whether a key looks drawn: it holds a UUID that is not made from a name, or a long run of letters and
/// digits.
fn is_drawn(key: &str) -> bool {
    if let Some(uuid) = key.as_bytes().windows(36).find(|window| is_uuid(window)) {
        // Versions 3 and 5 are made from names.
        return !matches!(uuid[14], b'3' | b'5');
    }
    key.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| run.len() >= 16)
}

/// Whether these 36 bytes have the form of a UUID.
fn is_uuid(text: &[u8]) -> bool {
    (0..).zip(text).all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// What a request says of the lock under which it is made.
#[derive(Default)]
struct Held {
    lock: Option<String>,
    token: Option<u64>,
    fencing: Option<u64>,
}

impl Held {
    /// Reads it; an error names the header that cannot be used.
    fn read<'a>(header: &impl Fn(&str) -> Option<&'a str>) -> Result<Self, String> {
        let lock = header("x-deadheat-lock").map(str::trim);
        if lock.is_some_and(|lock| !is_tag(lock)) {
            return Err(format!("x-deadheat-lock must be 1 to {TAG_MAX} of A-Z a-z 0-9 . _ : -"));
        }
        let number = |name| {
            let number = header(name).map(|value| value.trim().parse::<u64>()).transpose();
            number.map_err(|_| format!("{name} must be a whole number from 0 to {}", u64::MAX))
        };
        let (token, fencing) = (number("x-deadheat-lock-token")?, number("x-fencing-token")?);
        if fencing.is_some() && lock.is_none() {
            return Err("x-fencing-token needs x-deadheat-lock: the lock that it belongs to".to_owned());
        }
        Ok(Self { lock: lock.map(str::to_owned), token, fencing })
    }
}

pub(super) fn is_tag(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
    (1..=TAG_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// The first `[job:…]` in the raw body.
fn find_tag(body: &[u8]) -> Option<&str> {
    let mut rest = body;
    while let Some(at) = rest.iter().position(|b| *b == b'[') {
        rest = &rest[at + 1..];
        if !rest.starts_with(b"job:") {
            continue;
        }
        let end = rest.iter().take(TAG_MAX + 1).position(|b| *b == b']');
        let tag = end.and_then(|end| std::str::from_utf8(&rest[..end]).ok()).filter(|tag| is_tag(tag));
        if tag.is_some() {
            return tag;
        }
    }
    None
}

/// One message of a conversation.
#[derive(Deserialize)]
pub(super) struct Message {
    content: Option<Words>,
}

/// The words of these messages.
pub(super) fn words_of(messages: &[Message]) -> u64 {
    messages.iter().filter_map(|message| message.content.as_ref()).map(|words| words.0).sum()
}

/// Reads a body.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BadRequest> {
    serde_json::from_slice(body).map_err(|e| BadRequest {
        message: format!("We could not parse the JSON body of your request: {e}"),
        param: None,
    })
}

pub(super) fn missing(param: &'static str) -> BadRequest {
    BadRequest { message: format!("Missing required parameter: '{param}'."), param: Some(param) }
}

/// The most tokens that are asked for, within bounds.
pub(super) fn most(asked: Option<u64>, param: &'static str) -> Result<Option<u32>, BadRequest> {
    if asked == Some(0) {
        let message = format!("Invalid '{param}': expected a value >= 1, but got 0.");
        return Err(BadRequest { message, param: Some(param) });
    }
    Ok(asked.map(|n| u32::try_from(n).unwrap_or(u32::MAX).min(TOKENS_MAX)))
}

/// Counts the words of a message's content without keeping it.
pub(super) struct Words(pub(super) u64);

/// One part of a content given as an array; only `text` counts.
#[derive(Deserialize)]
pub(super) struct Part {
    pub(super) text: Option<Words>,
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Counter;
        impl<'de> Visitor<'de> for Counter {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of content parts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Words, E> {
                Ok(Words(text::prompt_tokens(text)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Words, A::Error> {
                let mut sum = 0;
                while let Some(part) = seq.next_element::<Part>()? {
                    sum += part.text.map_or(0, |w| w.0);
                }
                Ok(Words(sum))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Words, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Err(de::Error::custom("content must be a string or an array of content parts"))
            }
        }
        d.deserialize_any(Counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"model":"m","messages":[{"role":"system","content":"one two"},
        {"role":"user","content":[{"type":"text","text":"three  four\nfive"},{"type":"image_url","image_url":{}}]},
        {"role":"assistant","content":null}],"max_tokens":7,"stream":true,"stream_options":{"include_usage":true}}"#;

    fn plain(body: &str) -> Arrival {
        Arrival::read(|_| None, body.as_bytes())
    }

    #[test]
    fn reads_what_is_asked_and_counts_words_over_all_contents() {
        let ask = plain(BODY).ask.unwrap();
        assert_eq!(
            (ask.prompt_tokens, ask.max_tokens, ask.stream, ask.include_usage),
            (5, Some(7), true, true)
        );
    }

    #[test]
    fn a_job_is_named_by_header_then_tag_then_body() {
        let tagged = BODY.replace("one", "[not this] [job:x y] [job:0042]");
        let header = |name: &str| (name == "x-deadheat-job").then_some("job:0007");
        let named = Arrival::read(header, tagged.as_bytes());
        assert_eq!((named.job.to_string().as_str(), named.own), ("job:0007", true));
        assert_eq!((plain(&tagged).job, plain(&tagged).own), (JobKey::from("job:0042"), false));
        let by_key = |pattern: &str| {
            let mut arrival = plain(BODY);
            arrival.name_by(&Regex::new(pattern).unwrap(), BODY.as_bytes());
            arrival.job.to_string()
        };
        assert_eq!(by_key("\"content\":\"([a-z]+) "), "one");
        assert!(by_key("one two").starts_with("key:") && by_key("absent").starts_with("body:"));
        let hashed = plain(BODY).job.to_string();
        assert!(hashed.starts_with("body:") && hashed == plain(BODY).job.to_string(), "{hashed}");
    }

    #[test]
    fn what_cannot_be_answered_says_why() {
        for (body, want) in [
            ("{", "could not parse"),
            ("[]", "could not parse"),
            (r#"{"messages":[{"role":"user","content":"x"}]}"#, "'model'"),
            (r#"{"model":"m","messages":[]}"#, "'messages'"),
            (r#"{"model":"m","messages":[{"content":{}}]}"#, "content must be"),
            (r#"{"model":"m","messages":[{"content":"x"}],"n":2}"#, "n = 1"),
            (r#"{"model":"m","messages":[{"content":"x"}],"max_tokens":0}"#, ">= 1"),
        ] {
            let refusal = plain(body).ask.expect_err(body);
            assert!(refusal.message.contains(want), "{body}: {}", refusal.message);
        }
        for (name, value) in
            [("x-deadheat-lock", "a b"), ("x-deadheat-lock-token", "-1"), ("x-fencing-token", "3")]
        {
            let refusal =
                Arrival::read(|n| (n == name).then_some(value), BODY.as_bytes()).ask.expect_err(name);
            assert!(refusal.message.starts_with(name), "{}", refusal.message);
        }
        let odd = Arrival::read(|name| (name == "x-deadheat-job").then_some("a\"b"), BODY.as_bytes());
        assert!(odd.ask.is_err() && !odd.own, "an unusable name is refused, not replaced in silence");
    }
}
