//! Words of a shell, for commands that are copied out of a report.

/// The word as a POSIX shell reads it back.
pub(super) fn word(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_./:=@%+,-".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn a_word_stays_one_word() {
        for (text, expected) in [
            ("reports/a-1_2.3", "reports/a-1_2.3"),
            ("my run/plan.toml", "'my run/plan.toml'"),
            ("it's; rm -r $HOME", r"'it'\''s; rm -r $HOME'"),
            ("", "''"),
            ("größe", "'größe'"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
