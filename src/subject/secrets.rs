//! Keeps secrets out of everything that is kept of a program: its words, its output, its command.

use super::environment;
use crate::scenario::masked;

/// Texts that are never to be seen.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// The keys that stand in our own environment.
    #[must_use]
    pub fn ours() -> Self {
        let mut secrets = environment::secrets(std::env::vars_os());
        // The longest first: one key may begin another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_and_what_looks_like_one_are_hidden() {
        let secrets = Secrets(vec!["hunter2hunter2".to_owned()]);
        let text = secrets.hide("key=hunter2hunter2 other=sk-abcdef0123456789");
        assert!(!text.contains("hunter2") && !text.contains("abcdef"), "{text}");
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }
}
