//! Columns of text, as wide as they need to be.

/// Rows under a heading, the first column to the left, the others to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let all =
        || std::iter::once(head.iter().map(|name| (*name).to_owned()).collect()).chain(rows.iter().cloned());
    let width = |column: usize| {
        all()
            .filter_map(|row: Vec<String>| row.get(column).map(|text| text.chars().count()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in all() {
        let mut line = String::new();
        for (nth, (field, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width.saturating_sub(field.chars().count()));
            line.push_str(&if nth == 0 { format!("{field}{pad}") } else { format!("  {pad}{field}") });
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
