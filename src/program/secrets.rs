//! Keeps secrets out of everything that is kept of a program: its command, its output, its findings.

use super::dotenv;
use super::environment::THROW_AWAY_KEY;
use super::providers::{Handling, handling};
use crate::secret::{PLACEHOLDER, is_secret_name, key_spans, masked};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ops::Range;
use std::path::Path;

/// Shortest value of a variable that is replaced in texts; shorter ones occur in ordinary words.
const VARIABLE_MIN: usize = 8;
/// Shortest secret of a command line that is replaced in texts.
const ARGUMENT_MIN: usize = 6;

/// Texts that must never be shown, each with what stands in its place.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Values of variables, and their names; the longest first, because one key may begin another.
    variables: Vec<(String, String)>,
    /// Secrets of the command line, and their placeholders; the longest first.
    arguments: Vec<(String, String)>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.variables.len() + self.arguments.len())
    }
}

impl Secrets {
    /// The secrets of a program's command line, of deadheat's environment, and of the `.env` files of the
    /// current folder, whether or not the program is given them.
    #[must_use]
    pub fn of_command(words: &[String]) -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::of(variables.chain(dotenv::found(&here, &[])), words)
    }

    fn of(variables: impl Iterator<Item = (String, String)>, words: &[String]) -> Self {
        let longest_first = |pairs: &mut Vec<(String, String)>| {
            pairs.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        };
        let hidden = variables.filter(|(name, value)| is_secret(name, value));
        let mut variables: Vec<_> = hidden.map(|(name, value)| (value, name)).collect();
        longest_first(&mut variables);
        variables.dedup_by(|one, other| one.0 == other.0);
        let mut arguments: Vec<(String, String)> = Vec::new();
        for word in words {
            for (value, name) in variables.iter().filter(|(value, _)| word.contains(value.as_str())) {
                add(&mut arguments, value, name.strip_prefix(&PLACEHOLDER[1..]).unwrap_or(name));
            }
        }
        for (word, range, name) in secret_arguments(words) {
            add(&mut arguments, &words[word][range], &name);
        }
        longest_first(&mut arguments);
        Self { variables, arguments }
    }

    /// `text` without them, and without what looks like a key.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let mut hidden = text.to_owned();
        for (secret, placeholder) in self.arguments.iter().filter(|(secret, _)| secret.len() >= ARGUMENT_MIN)
        {
            hidden = hidden.replace(secret.as_str(), placeholder);
        }
        for (secret, _) in &self.variables {
            hidden = hidden.replace(secret.as_str(), "***");
        }
        masked(&hidden)
    }

    /// Hides secrets in every text of a value that has a form in JSON.
    pub fn hide_in<T: Serialize + DeserializeOwned>(&self, value: &mut T) {
        let hidden = serde_json::to_value(&*value).map(|json| self.hidden(json));
        // What was read from a value's own JSON can be read back.
        if let Ok(hidden) = hidden.and_then(serde_json::from_value) {
            *value = hidden;
        }
    }

    fn hidden(&self, json: Value) -> Value {
        match json {
            Value::String(text) => Value::String(self.hide(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.hidden(item)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, field)| (name, self.hidden(field))).collect()
            }
            other => other,
        }
    }

    /// The words of a command as they may be kept: each secret replaced by a placeholder that [`filled`]
    /// understands.
    #[must_use]
    pub fn command(&self, words: &[String]) -> Vec<String> {
        let mut kept = words.to_vec();
        let mut found = secret_arguments(words);
        found.sort_by_key(|(word, range, _)| (*word, std::cmp::Reverse((range.start, range.end))));
        let mut last = (usize::MAX, 0);
        for (word, range, _) in found {
            // From the end of each word to its start; of two that overlap, the later one stands.
            if last.0 == word && range.end > last.1 {
                continue;
            }
            let secret = &words[word][range.clone()];
            if let Some((_, placeholder)) = self.arguments.iter().find(|(known, _)| known == secret) {
                kept[word].replace_range(range.clone(), placeholder);
                last = (word, range.start);
            }
        }
        kept.iter().map(|word| self.hide(word)).collect()
    }
}

/// Notes a secret of the command line under a placeholder that no other has.
fn add(arguments: &mut Vec<(String, String)>, secret: &str, name: &str) {
    if arguments.iter().any(|(known, _)| known == secret) {
        return;
    }
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let base = format!("{PLACEHOLDER}{}", name.trim_matches('_'));
    let taken = |placeholder: &str| arguments.iter().any(|(_, known)| known == placeholder);
    let mut placeholder = base.clone();
    for n in 2.. {
        if !taken(&placeholder) {
            break;
        }
        placeholder = format!("{base}_{n}");
    }
    arguments.push((secret.to_owned(), placeholder));
}

/// Where secrets stand in a command line: in which word, where, and what they are called. They are known by
/// the option or variable that they are the value of, or by their form.
fn secret_arguments(words: &[String]) -> Vec<(usize, Range<usize>, String)> {
    let mut found = Vec::new();
    let mut option: Option<&str> = None;
    for (n, word) in words.iter().enumerate() {
        let mut note = |range: Range<usize>, name: &str| {
            if is_worth(name, &word[range.clone()]) {
                found.push((n, range, name.to_owned()));
            }
        };
        if let Some(name) = option.filter(|_| !word.starts_with('-')) {
            note(0..word.len(), name);
        }
        // A shell's script is a command line inside one word.
        option = None;
        for piece in word.split_whitespace() {
            let start = piece.as_ptr() as usize - word.as_ptr() as usize;
            if let Some(name) = option.filter(|_| !piece.starts_with('-')) {
                let value = piece.trim_matches(['"', '\'']);
                let from = start + piece.len() - piece.trim_start_matches(['"', '\'']).len();
                note(from..from + value.len(), name);
            }
            let is_option = piece.starts_with('-') && !piece.contains('=');
            option = is_option.then(|| piece.trim_start_matches('-'));
        }
        for (at, sign) in word.match_indices(['=', ':']) {
            let before = word[..at].trim_end_matches(['"', '\'', ' ']);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let name = &before[before.rfind(|c| !is_name(c)).map_or(0, |end| end + 1)..];
            let after = &word[at + 1..];
            if sign == ":" && !after.starts_with([' ', '"', '\'']) {
                continue;
            }
            let value = after.trim_start_matches([' ', '"', '\'']);
            let begin = word.len() - value.len();
            // A header's value may hold blanks; that of an assignment ends at the first.
            let ends: &[char] = if sign == ":" { &['"', '\''] } else { &['"', '\'', ' ', '&', ';', '\n'] };
            let end = value.find(ends).unwrap_or(value.len());
            note(begin..begin + end, name.trim_start_matches('-'));
        }
        for range in key_spans(word) {
            found.push((n, range, "KEY".to_owned()));
        }
    }
    found
}

/// Whether the value of an option of this name is a secret: not a number, a switch, a reference or a file. A
/// name that only ends in a word like `key` needs a value that looks like one.
fn is_worth(name: &str, value: &str) -> bool {
    if !is_secret_name(name) || value.is_empty() || value.starts_with('$') || Path::new(value).exists() {
        return false;
    }
    if value.parse::<f64>().is_ok() || ["true", "false", "yes", "no", "none"].contains(&value) {
        return false;
    }
    let name = name.to_ascii_lowercase().replace('-', "_");
    let vague = ["key", "keys", "pat", "pass", "auth", "cookie"];
    let is_vague = vague.contains(&name.rsplit('_').next().unwrap_or_default()) && !name.contains("api");
    !is_vague || value.len() >= VARIABLE_MIN && value.bytes().any(|byte| byte.is_ascii_digit())
}

/// The words of a command that was kept, with each placeholder replaced by the variable that it names.
///
/// # Errors
/// Which variable is not set.
pub fn filled(words: &[String], variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<String>, String> {
    let fill = |word: &String| {
        let mut pieces = word.split(PLACEHOLDER);
        let mut whole = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let end = piece.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
            let (name, rest) = piece.split_at(end.unwrap_or(piece.len()));
            let name = format!("{}{name}", &PLACEHOLDER[1..]);
            let value = variable(&name).ok_or_else(|| {
                format!("the command holds a secret that was not kept: set the variable {name} to it")
            })?;
            whole += &value;
            whole += rest;
        }
        Ok(whole)
    };
    words.iter().map(fill).collect()
}

/// Whether a variable holds a secret. JobNumbers, existing paths and the throw-away key are none, and the
/// output would be unreadable without them.
fn is_secret(name: &str, value: &str) -> bool {
    if value.len() < VARIABLE_MIN || value == THROW_AWAY_KEY {
        return false;
    }
    if name.starts_with("DEADHEAT_") {
        return name.starts_with(&PLACEHOLDER[1..]);
    }
    let path = Path::new(value);
    if value.parse::<f64>().is_ok() || path.is_absolute() && path.exists() {
        return false;
    }
    let ends = |word: &str| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('S');
        word.ends_with("KEY") || word.ends_with("TOKEN") || ["PAT", "PASS"].contains(&word)
    };
    let name = name.to_ascii_uppercase();
    handling(&name, value) == Handling::Key || is_secret_name(&name) || name.split('_').any(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], words: &[&str]) -> (Secrets, Vec<String>) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        (Secrets::of(variables, &words), words)
    }

    #[test]
    fn every_secret_variable_is_hidden_whether_the_program_has_it_or_not() {
        for name in [
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_ACCESS_KEY_ID",
            "GITHUB_TOKEN",
            "OPENAI_KEY",
            "ANTHROPIC_KEY",
            "HUGGINGFACE_TOKEN",
            "HF_TOKEN",
            "DATABRICKS_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "STRIPE_API_KEY",
            "GROQ_API_KEYS",
            "pgpassword",
            "AZURE_CLIENT_SECRET",
            "SERVICE_CREDENTIALS",
            "DEADHEAT_SECRET_TOKEN",
        ] {
            let text = of(&[(name, "/hunter2+hunter2")], &[]).0.hide("it was /hunter2+hunter2.");
            assert_eq!(text, "it was ***.", "{name}");
        }
        let both = of(&[("A_KEY", "12345678-a"), ("B_KEY", "12345678-a-and-more")], &[]).0;
        assert_eq!(both.hide("12345678-a-and-more 12345678-a"), "*** ***");
    }

    #[test]
    fn what_is_no_secret_stays_readable() {
        let here = std::env::temp_dir().display().to_string();
        let all = of(
            &[
                ("OPENAI_API_KEY", THROW_AWAY_KEY),
                ("DEADHEAT_TEST_KEY", "for a test"),
                ("SSH_KEY_FOLDER", &here),
                ("OPENAI_MAX_TOKENS", "100000000"),
                ("TOKENIZERS_PARALLELISM", "sometimes"),
                ("SHORT_KEY", "1234567"),
                ("PATH", "/usr/local/bin"),
                ("KEY", ""),
            ],
            &[],
        );
        assert_eq!(all.0.variables, []);
    }

    #[test]
    fn a_secret_of_the_command_line_becomes_a_placeholder_that_is_filled_again() {
        for (words, kept) in [
            (
                &["app", "--token=hunter2+x", "--jobs=5"][..],
                &["app", "--token=$DEADHEAT_SECRET_TOKEN", "--jobs=5"][..],
            ),
            (&["app", "--api-key", "hunter"], &["app", "--api-key", "$DEADHEAT_SECRET_API_KEY"]),
            (&["app", "--password", "two words"], &["app", "--password", "$DEADHEAT_SECRET_PASSWORD"]),
            (&["env", "GH_TOKEN=hunter2", "app"], &["env", "GH_TOKEN=$DEADHEAT_SECRET_GH_TOKEN", "app"]),
            (
                &["sh", "-c", "app --token 'hunter2' --secret=b64== && true"],
                &[
                    "sh",
                    "-c",
                    "app --token '$DEADHEAT_SECRET_TOKEN' --secret=$DEADHEAT_SECRET_SECRET && true",
                ],
            ),
            (
                &["curl", "-H", "Authorization: Basic aHVudGVyMg", "http://a:b@c/"],
                &[
                    "curl",
                    "-H",
                    "Authorization: $DEADHEAT_SECRET_AUTHORIZATION",
                    "http://$DEADHEAT_SECRET_KEY@c/",
                ],
            ),
            (
                &["app", "pplx-0123456789abcdef", "csk-0123456789abcdef"],
                &["app", "$DEADHEAT_SECRET_KEY", "$DEADHEAT_SECRET_KEY_2"],
            ),
            (&["app", "hunter2+hunter2"], &["app", "$DEADHEAT_SECRET_MY_TOKEN"]),
        ] {
            let (secrets, words) = of(&[("MY_TOKEN", "hunter2+hunter2")], words);
            assert_eq!(secrets.command(&words), kept);
            let value = |name: &str| {
                let placeholder = format!("${name}");
                secrets
                    .arguments
                    .iter()
                    .find(|(_, known)| *known == placeholder)
                    .map(|(value, _)| value.clone())
            };
            assert_eq!(filled(&secrets.command(&words), &value).as_ref(), Ok(&words));
        }
        let kept = ["--token=$DEADHEAT_SECRET_TOKEN".to_owned()];
        assert!(filled(&kept, &|_| None).unwrap_err().contains("set the variable DEADHEAT_SECRET_TOKEN"));
    }

    #[test]
    fn ordinary_arguments_stay_as_they_are() {
        let words = [
            "app",
            "--max-tokens=5",
            "--token",
            "$TOKEN",
            "--sort-key=name",
            "--key",
            "id",
            "--tokens",
            "many",
        ];
        let (secrets, words) = of(&[], &words);
        assert_eq!(secrets.command(&words), words);
    }

    #[test]
    fn known_keys_and_what_looks_like_one_are_hidden() {
        let (secrets, _) = of(&[("A_KEY", "hunter2hunter2")], &["app", "--token=swordfish"]);
        let text = secrets.hide("key=hunter2hunter2 other=sk-abcdef0123456789 third=swordfish");
        assert!(!text.contains("hunter2") && !text.contains("abcdef") && !text.contains("sword"), "{text}");
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }
}
