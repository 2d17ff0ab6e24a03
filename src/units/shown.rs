//! Text from outside, made safe to print.

/// `text` with everything that could move the cursor, colour the terminal or reorder the line written out as
/// `\u{…}`: control, bidirectional and zero-width characters.
#[must_use]
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let reorders = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
            || matches!(c, '\u{61c}' | '\u{feff}');
        if c.is_control() || reorders {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}
