//! Finds secrets in text and masks them: the one list of key prefixes, and the names that announce a secret.
//!
//! Diagnostics of scenarios, evidence, reports and errors all mask with what is here.

use crate::units::text::is_env_name;
use std::ops::Range;

/// How the keys of one provider or service begin.
#[derive(Debug, Clone, Copy)]
pub struct KeyForm {
    /// The first characters of every such key.
    pub prefix: &'static str,
    /// Letters and digits that follow the prefix at least. Where ordinary words begin with the prefix too,
    /// this is about as many as a key has.
    pub min_len: usize,
    /// Whether the key opens a provider of language models.
    pub model: bool,
}

const fn key(prefix: &'static str, min_len: usize, model: bool) -> KeyForm {
    KeyForm { prefix, min_len, model }
}

/// Every form of key that is masked wherever it appears.
pub const KEY_FORMS: [KeyForm; 19] = [
    key("sk-", 0, true),
    key("Bearer ", 0, false),
    key("AIza", 0, false),
    key("xai-", 0, true),
    key("gsk_", 0, true),
    key("pplx-", 16, true),
    key("csk-", 16, true),
    key("r8_", 16, true),
    key("nvapi-", 8, true),
    key("ghp_", 16, false),
    key("gho_", 16, false),
    key("ghu_", 16, false),
    key("ghs_", 16, false),
    key("ghr_", 16, false),
    key("github_pat_", 16, false),
    key("glpat-", 8, false),
    key("hf_", 16, false),
    key("AKIA", 16, false),
    key("ASIA", 16, false),
];

/// A name that contains one of these holds a secret.
const SECRET_PARTS: [&str; 9] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "authorization",
    "bearer",
    "apikey",
    "api_key",
];

/// A name that has one of these as its last word holds a secret.
const SECRET_WORDS: [&str; 8] = ["token", "pat", "pass", "pwd", "auth", "cookie", "key", "keys"];

/// How a placeholder begins that stands for a secret of a command: `$DEADHEAT_SECRET_TOKEN`.
pub const PLACEHOLDER: &str = "$DEADHEAT_SECRET_";

/// Whether a name (of a variable, an option, a key of a file) says that its value is a secret.
///
/// `api_key`, `--token` and `GITHUB_TOKEN` do; `api_key_env`, `max_tokens` and `key_file` do not.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    if ["_env", "_file", "_path", "_dir"].iter().any(|end| name.ends_with(end)) {
        return false;
    }
    let last = name.rsplit('_').find(|word| word.bytes().any(|byte| !byte.is_ascii_digit()));
    let last = last.unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    SECRET_PARTS.iter().any(|part| name.contains(part))
        || SECRET_WORDS.contains(&last)
        || last.ends_with("token")
}

/// Whether a text begins like a key of a provider of language models. Keys of Langfuse, `sk-lf-…`, do not.
#[must_use]
pub fn is_model_key(text: &str) -> bool {
    let mut forms = KEY_FORMS.iter().filter(|form| form.model);
    text.len() >= 16 && !text.starts_with("sk-lf-") && forms.any(|form| text.starts_with(form.prefix))
}

/// `text` with keys and the `user:password@` of URLs replaced by stars, byte for byte, so that columns stay
/// right.
#[must_use]
pub fn masked(text: &str) -> String {
    stars(text, &key_spans(text))
}

/// The text of a TOML file or a setting, named `name`, masked as by [`masked`], with the values of secret
/// names masked as well.
pub(crate) fn masked_document(name: &str, source: &str) -> String {
    let mut spans = key_spans(source);
    spans.extend(values(source));
    if let Some(key) = name.strip_prefix("--set ")
        && hides(key.rsplit('.').next().unwrap_or(key), source.trim_matches('"'))
    {
        spans.push(0..source.len());
    }
    stars(source, &spans)
}

/// The name of an environment variable as a message may show it: as it is if it looks like one, else masked,
/// because a key may have been pasted in its place.
#[must_use]
pub fn shown_variable(name: &str) -> String {
    if looks_like_variable(name) { name.to_owned() } else { "*".repeat(name.chars().count()) }
}

fn looks_like_variable(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    is_env_name(name) && name.len() <= 64 && digits <= 4 && key_spans(name).is_empty() && {
        let lower = name.bytes().any(|byte| byte.is_ascii_lowercase());
        !lower || name.contains('_') && !name.bytes().any(|byte| byte.is_ascii_uppercase())
    }
}

/// Whether the value under this key of a file is to be masked.
pub(crate) fn hides(key: &str, value: &str) -> bool {
    let names_variable = key.to_ascii_lowercase().strip_suffix("_env").map(is_secret_name);
    match names_variable {
        Some(secret) => secret && !looks_like_variable(value),
        None => is_secret_name(key),
    }
}

/// Where keys and the login part of URLs stand.
pub(crate) fn key_spans(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for form in KEY_FORMS {
        for (start, _) in text.match_indices(form.prefix) {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
            let rest = &text[start + form.prefix.len()..];
            let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
            let solid = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
            let alone = text[..start].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
            if alone && length >= 3 && solid >= form.min_len {
                spans.push(start..start + form.prefix.len() + length);
            }
        }
    }
    for (scheme, _) in text.match_indices("://") {
        let start = scheme + 3;
        let end = text[start..].find(['"', '\'', ' ', '\n', '`']).map_or(text.len(), |end| start + end);
        let login = text[start..end].rfind('@').map_or("", |at| &text[start..start + at]);
        let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let is_placeholder = login.strip_prefix(PLACEHOLDER).is_some_and(|name| name.chars().all(upper));
        if !login.is_empty() && !is_placeholder {
            spans.push(start..start + login.len());
        }
    }
    spans
}

/// The values that stand behind a secret name and `=` or `:`, to the end of the line or of a multi-line
/// string.
fn values(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for (at, _) in text.match_indices(['=', ':']) {
        let before = text[..at].trim_end_matches([' ', '\t', '"', '\'']);
        let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let key = &before[before
            .rfind(word)
            .map_or(0, |end| end + before[end..].chars().next().map_or(1, char::len_utf8))..];
        let value = text[at + 1..].trim_start_matches([' ', '\t']);
        let begin = text.len() - value.len();
        let end = begin + value_length(value);
        if hides(key, text[begin..end].trim_matches(['"', '\''])) {
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
pub(crate) fn stars(text: &str, spans: &[Range<usize>]) -> String {
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_of_any_form_is_masked(
            form in prop::sample::select(KEY_FORMS.to_vec()), rest in "[A-Za-z0-9]{24}", around in "[ =\"(\n]"
        ) {
            let key = format!("{}{rest}", form.prefix);
            let text = format!("a{around}{key}{around}b");
            let masked = masked(&text);
            prop_assert!(!masked.contains(&rest) && masked.len() == text.len(), "{masked}");
        }
    }

    #[test]
    fn words_that_begin_like_a_key_are_not_masked() {
        for words in ["hf_hub_download(repo)", "AKIA", "ASIATIC", "ghp_ is a prefix", "pplx-70b-online"] {
            assert_eq!(masked(words), words);
        }
        assert_eq!(masked("id=AKIAIOSFODNN7EXAMPLE"), format!("id={}", "*".repeat(20)));
        assert!(!is_model_key("sk-lf-0123456789abcdef") && is_model_key("csk-0123456789abcdef"));
    }

    #[test]
    fn a_name_says_whether_its_value_is_a_secret() {
        for name in ["token", "api_key", "api-key-2", "GITHUB_TOKEN", "db_password", "x-auth", "accessToken"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["output_tokens", "max_tokens", "tokenizer", "api_key_env", "key_file", "monkey", ""] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn the_value_under_a_secret_name_is_masked_in_a_document() {
        for line in [
            "token = \"hunter2hunter2\"",
            "t = { api_key = \"hunter2hunter2\" }",
            "password = '''\nhunter2hunter2'''",
            "api_key_env = \"hunter2hunter2\"",
            "api_key_env = \"3hunter2hunter2\"",
        ] {
            let masked = masked_document("a.toml", line);
            assert!(!masked.contains("hunter2") && masked.len() == line.len(), "{masked}");
        }
        for line in ["api_key_env = \"HOUSE_KEY\"", "api_key_env = \"house_key\"", "output_tokens = \"many\""]
        {
            assert_eq!(masked_document("a.toml", line), line);
        }
        assert_eq!(masked_document("--set target.a.token", "abc"), "***");
        assert_eq!(shown_variable("HOUSE_KEY_2"), "HOUSE_KEY_2");
        assert!(!shown_variable("A1B2C3D4E5F6A7B8").contains('A'));
    }
}
