//! Lines, colours and columns, and the one place where foreign text is made harmless.

use crate::units::shown;
pub(super) use crate::units::shown::{clipped, plain};
use anstyle::{AnsiColor, Style};

/// Widest line, in characters.
const WIDTH: usize = 100;

/// Widest field of a table, in characters.
const WIDEST: usize = 40;

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Tone {
    /// As it is.
    Plain,
    /// Heading.
    Bold,
    /// Of less weight.
    Dim,
    /// Kept.
    Good,
    /// Broken.
    Bad,
    /// Doubtful.
    Warn,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Bold => Style::new().bold(),
            Self::Dim => Style::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Warn => AnsiColor::Yellow.on_default(),
        }
    }

    /// The text between this tone's escapes. Must already be harmless.
    pub(super) fn paint(self, text: &str) -> String {
        let style = self.style();
        format!("{style}{text}{style:#}")
    }
}

/// `target/strategy`.
pub(super) fn cell(target: &str, strategy: &str) -> String {
    format!("{}/{}", plain(target), plain(strategy))
}

/// One field of a table.
pub(super) struct Field {
    text: String,
    tone: Tone,
}

/// A field in the plain tone. Its text must already be harmless.
pub(super) fn field(text: impl Into<String>) -> Field {
    toned(text, Tone::Plain)
}

/// A field in a tone. Its text must already be harmless.
pub(super) fn toned(text: impl Into<String>, tone: Tone) -> Field {
    Field { text: text.into(), tone }
}

/// A column of a grid.
pub(super) struct Column<'a> {
    /// Its heading.
    pub(super) head: &'a str,
    /// Most characters of a line.
    pub(super) most: usize,
    /// To the left, and broken into lines; else to the right, and cut.
    pub(super) wraps: bool,
}

/// The report while it is written.
#[derive(Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A line as it is, without spaces at its end.
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// A heading after an empty line.
    pub(super) fn section(&mut self, title: &str) {
        self.gap();
        self.line(&Tone::Bold.paint(title));
    }

    /// Foreign text, escaped and broken into lines: `mark` (painted) before the first, `indent` spaces
    /// before all.
    pub(super) fn wrapped(&mut self, mark: &str, indent: usize, text: &str, tone: Tone) {
        let hang = indent + if mark.is_empty() { 0 } else { mark.chars().count() + 1 };
        for (n, line) in broken(&plain(text), WIDTH.saturating_sub(hang).max(20)).iter().enumerate() {
            let before = match n {
                0 if !mark.is_empty() => format!("{}{} ", " ".repeat(indent), tone.paint(mark)),
                _ => " ".repeat(hang),
            };
            let body = if mark.is_empty() { tone.paint(line) } else { line.clone() };
            self.line(&format!("{before}{body}"));
        }
    }

    /// Rows in columns: the first column to the left, the others to the right. `head` is dimmed. What is
    /// too wide is taken from the first column.
    pub(super) fn table(&mut self, indent: usize, head: &[&str], rows: Vec<Vec<Field>>) {
        let head = head.iter().map(|name| toned(*name, Tone::Dim)).collect();
        let rows: Vec<Vec<Field>> = std::iter::once(head).chain(rows).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|f| shown::width(&f.text)).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..columns).map(width).map(|width| width.min(WIDEST)).collect();
        let excess = (indent + widths.iter().map(|width| width + 2).sum::<usize>()).saturating_sub(WIDTH + 2);
        if let Some(first) = widths.first_mut() {
            *first = first.saturating_sub(excess).max(8.min(*first));
        }
        for row in &rows {
            let mut line = " ".repeat(indent);
            for (column, (field, width)) in row.iter().zip(&widths).enumerate() {
                let text = clipped(&field.text, *width);
                let pad = " ".repeat(width.saturating_sub(shown::width(&text)));
                let text = field.tone.paint(&text);
                match (column, width) {
                    (0, 0) => {}
                    (0, _) => line.push_str(&format!("{text}{pad}")),
                    (1, _) if widths[0] == 0 => line.push_str(&format!("{pad}{text}")),
                    _ => line.push_str(&format!("  {pad}{text}")),
                }
            }
            self.line(&line);
        }
    }

    /// Rows in columns, of which some are broken into lines, at line feeds too, so that nothing in those is
    /// cut off.
    pub(super) fn grid(&mut self, indent: usize, columns: &[Column<'_>], rows: &[Vec<Field>]) {
        let head: Vec<Field> = columns.iter().map(|column| toned(column.head, Tone::Dim)).collect();
        let lines_of = |field: &Field, column: &Column<'_>| match column.wraps {
            true => field.text.split('\n').flat_map(|part| broken(part, column.most)).collect(),
            false => vec![clipped(&field.text, column.most)],
        };
        let rows: Vec<(&[Field], Vec<Vec<String>>)> = std::iter::once(&head)
            .chain(rows)
            .map(|row| (row.as_slice(), row.iter().zip(columns).map(|(f, c)| lines_of(f, c)).collect()))
            .collect();
        let width = |column: usize| {
            let lines = rows.iter().filter_map(|(_, fields)| fields.get(column)).flatten();
            lines.map(|line| shown::width(line)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        for (fields, lines) in &rows {
            let height = lines.iter().map(Vec::len).max().unwrap_or(0);
            for n in 0..height {
                let mut line = " ".repeat(indent);
                for (at, (field, column)) in fields.iter().zip(columns).enumerate() {
                    let text = lines[at].get(n).map_or("", String::as_str);
                    let pad = " ".repeat(widths[at].saturating_sub(shown::width(text)));
                    let between = if at == 0 { "" } else { "  " };
                    let painted = if text.is_empty() { String::new() } else { field.tone.paint(text) };
                    match column.wraps {
                        true => line.push_str(&format!("{between}{painted}{pad}")),
                        false => line.push_str(&format!("{between}{pad}{painted}")),
                    }
                }
                self.line(&line);
            }
        }
    }

    /// The finished report.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// Breaks a text at spaces; a word longer than a line is cut.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let word: Vec<char> = word.chars().collect();
        let mut pieces = word.chunks(width);
        let first = pieces.next().unwrap_or(&[]);
        if used > 0 && used + 1 + first.len() > width {
            lines.push(String::new());
            used = 0;
        }
        for (n, piece) in std::iter::once(first).chain(pieces).enumerate() {
            if n > 0 {
                lines.push(String::new());
                used = 0;
            }
            let Some(line) = lines.last_mut() else { continue };
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.extend(piece);
            used += piece.len();
        }
    }
    lines
}
