//! Keeps secrets out of what is printed about a scenario.
//!
//! A scenario should hold none, but the one that does is the one that has a fault. Masks keep the length of
//! the text, so that places stay right.

use crate::units::text::is_env_name;
use std::ops::Range;

/// Keys whose values are masked.
const SECRET_KEYS: [&str; 7] =
    ["api_key", "apikey", "api-key", "secret", "password", "authorization", "bearer"];

/// `text` with what looks like a secret masked: `sk-…` keys and the `user:password@` of a URL.
pub(super) fn text(text: &str) -> String {
    let mut spans = tokens(text);
    spans.extend(userinfo(text));
    stars(text, &spans)
}

/// `text` with what looks like a secret masked by stars, byte for byte: `sk-…` keys and the `user:password@` of a URL.
#[must_use]
pub fn masked(text: &str) -> String {
    self::text(text)
}

/// A whole text of a scenario, named `name`, with the values of secret keys masked as well.
pub(super) fn document(name: &str, source: &str) -> String {
    let mut spans = tokens(source);
    spans.extend(userinfo(source));
    spans.extend(values(source));
    let env_name = name.ends_with("_env") && is_env_name(source.trim_matches('"'));
    if name.starts_with("--set ") && is_secret_key(name) && !env_name {
        spans.push(0..source.len());
    }
    stars(source, &spans)
}

/// Whether a key's name says that its value is a secret. `api_key_env` holds a variable's name.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_KEYS.iter().any(|secret| key.contains(secret))
}

/// How keys begin, and how many letters and digits follow at least. Where the beginning is that of ordinary words too, it
/// takes as many as a key has.
const BEGINNINGS: [(&str, usize); 17] = [
    ("sk-", 0),
    ("Bearer ", 0),
    ("AIza", 0),
    ("xai-", 0),
    ("gsk_", 0),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 8),
    ("hf_", 16),
    ("AKIA", 16),
    ("ASIA", 16),
    ("r8_", 16),
    ("nvapi-", 8),
];

/// `sk-…` and its like: a known prefix and what follows.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for (prefix, least) in BEGINNINGS {
        for (start, _) in text.match_indices(prefix) {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
            let rest = &text[start + prefix.len()..];
            let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
            let solid = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
            let alone = text[..start].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
            if alone && length >= 3 && solid >= least {
                spans.push(start..start + prefix.len() + length);
            }
        }
    }
    spans
}

/// What stands between `://` and the last `@` of a URL.
fn userinfo(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for (scheme, _) in text.match_indices("://") {
        let start = scheme + 3;
        let end = text[start..].find(['"', '\'', ' ', '\n', '`']).map_or(text.len(), |end| start + end);
        if let Some(at) = text[start..end].rfind('@') {
            spans.push(start..start + at);
        }
    }
    spans
}

/// The values of secret keys: to the end of the line, or of a multi-line string.
fn values(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let mut spans = Vec::new();
    for key in SECRET_KEYS {
        for (found, _) in lower.match_indices(key) {
            let after = found + key.len();
            let name_end = lower[after..]
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
                .map_or(lower.len(), |end| after + end);
            let rest = &text[name_end..];
            let start = rest.trim_start_matches(['"', '\'', ' ', '\t']);
            let Some(value) = start.strip_prefix(['=', ':']) else { continue };
            let value = value.trim_start_matches([' ', '\t']);
            let begin = text.len() - value.len();
            let end = begin + value_length(value);
            if lower[found..name_end].ends_with("_env")
                && is_env_name(text[begin..end].trim_matches(['"', '\'']))
            {
                continue;
            }
            spans.push(begin..end);
        }
    }
    spans
}

/// How far a value goes, quotes included; an open one goes to the end of its line.
fn value_length(value: &str) -> usize {
    for quote in ["\"\"\"", "'''"] {
        if let Some(inner) = value.strip_prefix(quote) {
            return inner.find(quote).map_or(value.len(), |end| end + 2 * quote.len());
        }
    }
    let line = value.find('\n').unwrap_or(value.len());
    for quote in ['"', '\''] {
        if let Some(inner) = value[..line].strip_prefix(quote) {
            // An escaped quote ends nothing, so the mask goes on to the line's end to be safe.
            let simple = !inner.contains('\\');
            return inner.find(quote).filter(|_| simple).map_or(line, |end| end + 2);
        }
    }
    line
}

/// `text` with each span replaced by stars, byte for byte; line ends and quotes stay.
fn stars(text: &str, spans: &[Range<usize>]) -> String {
    if spans.is_empty() {
        return text.to_owned();
    }
    let mut hidden = vec![false; text.len()];
    for span in spans {
        hidden[span.clone()].fill(true);
    }
    let mut masked = String::with_capacity(text.len());
    for (index, c) in text.char_indices() {
        if hidden[index] && !matches!(c, '\n' | '\r' | '"' | '\'') {
            masked.extend(std::iter::repeat_n('*', c.len_utf8()));
        } else {
            masked.push(c);
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_how_they_begin_and_words_are_not_keys() {
        let solid = "0123456789abcdefABCDEF0123456789abcd";
        for key in ["ghp_", "gho_", "hf_", "github_pat_", "sk-proj-", "gsk_", "r8_"]
            .map(|start| format!("{start}{solid}"))
        {
            assert_eq!(masked(&format!("a {key} b")), format!("a {} b", "*".repeat(key.len())));
        }
        assert_eq!(masked("id=AKIAIOSFODNN7EXAMPLE"), format!("id={}", "*".repeat(20)));
        for words in ["hf_hub_download(repo)", "AKIA", "ASIATIC", "ghp_ is a prefix"] {
            assert_eq!(masked(words), words);
        }
    }
}
