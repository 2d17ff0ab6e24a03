//! Keeps secrets out of everything that is kept of a program: its words, its output, its command.

use super::dotenv;
use super::environment::THROW_AWAY_KEY;
use super::providers::{Fate, fate};
use crate::secret::masked;
use std::path::Path;

/// What is shorter stands in many words.
const LEAST: usize = 8;

/// Texts that are never to be seen.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// What stands in our own environment and in the `.env` of where we stand, whether a program is given it or not.
    #[must_use]
    pub fn ours() -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let ours = std::env::vars_os();
        let ours =
            ours.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::of(ours.chain(dotenv::found(&here, &[])))
    }

    fn of(variables: impl Iterator<Item = (String, String)>) -> Self {
        let hidden = variables.filter(|(name, value)| is_secret(name, value));
        let mut secrets: Vec<String> = hidden.map(|(_, value)| value).collect();
        // The longest first: one key may begin another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self(secrets)
    }

    /// `text` without them, and without what looks like a key.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let mut hidden = text.to_owned();
        for secret in &self.0 {
            if hidden.contains(secret.as_str()) {
                hidden = hidden.replace(secret.as_str(), "***");
            }
        }
        masked(&hidden)
    }
}

/// Whether a variable holds what nobody may see. Numbers, places and what we hand out ourselves are no secrets, and the output
/// would be unreadable without them.
fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    if value.len() < LEAST || value == THROW_AWAY_KEY || name.starts_with("DEADHEAT_") {
        return false;
    }
    let place = Path::new(value);
    if value.parse::<f64>().is_ok() || place.is_absolute() && place.exists() {
        return false;
    }
    let within = ["SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL"];
    let ends = |word: &str| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('S');
        word.ends_with("KEY") || word.ends_with("TOKEN") || ["PAT", "PASS"].contains(&word)
    };
    fate(&name, value) == Fate::Key
        || within.iter().any(|word| name.contains(word))
        || name.split('_').any(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Secrets {
        Secrets::of(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn every_secret_is_hidden_whether_the_program_has_it_or_not() {
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
        ] {
            let text = of(&[(name, "/hunter2+hunter2")]).hide("it was /hunter2+hunter2.");
            assert_eq!(text, "it was ***.", "{name}");
        }
        let both = of(&[("A_KEY", "12345678-a"), ("B_KEY", "12345678-a-and-more")]);
        assert_eq!(both.hide("12345678-a-and-more 12345678-a"), "*** ***");
    }

    #[test]
    fn what_is_none_stays_readable() {
        let here = std::env::temp_dir().display().to_string();
        let all = of(&[
            ("OPENAI_API_KEY", THROW_AWAY_KEY),
            ("DEADHEAT_TEST_KEY", "for a test"),
            ("SSH_KEY_FOLDER", &here),
            ("OPENAI_MAX_TOKENS", "100000000"),
            ("TOKENIZERS_PARALLELISM", "sometimes"),
            ("SHORT_KEY", "1234567"),
            ("PATH", "/usr/local/bin"),
            ("KEY", ""),
        ]);
        assert_eq!(all.0, Vec::<String>::new());
    }

    #[test]
    fn known_keys_and_what_looks_like_one_are_hidden() {
        let secrets = Secrets(vec!["hunter2hunter2".to_owned()]);
        let text = secrets.hide("key=hunter2hunter2 other=sk-abcdef0123456789");
        assert!(!text.contains("hunter2") && !text.contains("abcdef"), "{text}");
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }
}
