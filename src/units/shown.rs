//! How texts and shares are shown: foreign text made safe to print, texts clipped to a width, percentages,
//! shell words.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Whether a character could move the cursor, colour the terminal, reorder the line or hide in it: control,
/// bidirectional and zero-width characters.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// `text` with every unsafe character written out as an escape such as `\u{1b}`.
#[must_use]
pub(crate) fn plain(text: &str) -> String {
    escaped(text, is_unsafe)
}

/// The same for a text of several lines: line feeds and tabs stay.
#[must_use]
pub(crate) fn plain_lines(text: &str) -> String {
    escaped(text, |c| !matches!(c, '\n' | '\t') && is_unsafe(c))
}

/// JSON with every unsafe character as an escape such as `\u202e`, which reads back the same. JSON has such
/// characters inside of strings only.
#[must_use]
pub(crate) fn plain_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() && c != '\u{7f}' || !is_unsafe(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

fn escaped(text: &str, escape: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if escape(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// The columns that `text` takes on a terminal.
#[must_use]
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// `text`, or its beginning and an ellipsis: at most `most` columns of a terminal.
#[must_use]
pub(crate) fn clipped(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |c: &char| {
        let wide = c.width().unwrap_or(0);
        let fits = wide <= left;
        left = left.saturating_sub(wide);
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// A share as a percentage: `12.5%`. A small one has as many figures as it needs: `0.25%`, `0.0012%`.
#[must_use]
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent.abs() {
        p if p >= 1.0 || p == 0.0 => format!("{percent:.1}%"),
        p if p >= 0.01 => format!("{percent:.2}%"),
        _ => format!("{percent:.4}%"),
    }
}

/// A change as a percentage with its sign: `+12.5%`.
#[must_use]
pub(crate) fn percent_change(share: f64) -> String {
    format!("{:+.1}%", share * 100.0)
}

/// A word as a POSIX shell reads it back.
#[must_use]
pub(crate) fn shell_word(text: &str) -> String {
    shell_words::quote(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{clipped, is_unsafe, plain, plain_json, plain_lines, shell_word, width};
    use proptest::prelude::*;

    #[test]
    fn unsafe_characters_are_written_out() {
        assert_eq!(plain("a\u{1b}[31m\u{202e}b\nü漢"), "a\\u{1b}[31m\\u{202e}b\\nü漢");
        assert_eq!(plain_lines("a\r\nb\u{200b}"), "a\\r\nb\\u{200b}");
        for c in ['\u{7f}', '\u{9b}', '\u{61c}', '\u{200d}', '\u{2066}', '\u{2069}', '\u{feff}', '\u{e0041}']
        {
            assert!(is_unsafe(c), "{}", c.escape_unicode());
        }
    }

    proptest! {
        #[test]
        fn json_without_unsafe_characters_reads_back_the_same(text in any::<String>(), more in ".{0,8}") {
            let unsafe_ones = "\u{1b}\u{7f}\u{9b}\u{202e}\u{2066}\u{feff}\u{e0041}\n\t\r\"\\";
            let value = serde_json::json!({ &text: [unsafe_ones, more], &more: 1.5 });
            for json in [value.to_string(), format!("{value:#}\n")] {
                let plain = plain_json(&json);
                prop_assert!(plain.chars().all(|c| c == '\n' || !is_unsafe(c)), "{plain}");
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&plain).ok(), Some(value.clone()));
            }
        }
    }

    #[test]
    fn a_clipped_text_fits_its_columns() {
        assert_eq!((clipped("abc", 3), clipped("abcd", 3)), ("abc".to_owned(), "ab…".to_owned()));
        assert_eq!(clipped("漢字漢字", 6), "漢字…");
        assert!((0..9).all(|most| width(&clipped("a漢b字c漢", most)) <= most.max(1)));
    }

    #[test]
    fn a_shell_word_is_read_back() {
        for text in
            ["reports/a-1_2.3", "my run/plan.toml", "it's; rm -r $HOME", "", "größe", "$(x) `y` \"z\" \\"]
        {
            assert_eq!(shell_words::split(&shell_word(text)), Ok(vec![text.to_owned()]));
        }
    }
}
