//! Diagnostics as a terminal shows them: each with its line and what to write instead.

use super::{Diagnostic, Diagnostics};

/// A file of another kind has hundreds of the same diagnostic.
const MOST_SHOWN: usize = 20;

impl Diagnostics {
    /// The diagnostics as text for a terminal, each with the line it stands in; secrets are masked.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, normalize_untrusted_str};
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for (one, (line, begin)) in self.with_lines().take(MOST_SHOWN) {
            let start = (one.span.start - begin).min(line.len());
            let end = (one.span.end - begin).clamp(start, line.len());
            let snippet = Snippet::source(line.as_str())
                .path(normalize_untrusted_str(&one.path))
                .line_start(one.line)
                .annotation(AnnotationKind::Primary.span(start..end));
            let title = Level::ERROR.primary_title(normalize_untrusted_str(&one.what));
            let help = Level::HELP.message(normalize_untrusted_str(&one.help));
            text.push_str(&renderer.render(&[title.element(snippet).element(help)]));
            text.push_str("\n\n");
        }
        let count = self.list().len();
        if count > MOST_SHOWN {
            text.push_str(&format!("the first {MOST_SHOWN} of "));
        }
        text.push_str(&format!("{count} {}\n", if count == 1 { "fault" } else { "faults" }));
        text
    }

    /// The diagnostics as workflow commands, by which GitHub shows each beside its line; secrets are masked.
    #[must_use]
    pub fn to_github(&self) -> String {
        let text = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        let property = |value: &str| text(value).replace(':', "%3A").replace(',', "%2C");
        let command = |one: &Diagnostic| {
            let (file, line, column) = (property(&one.path), one.line, one.column);
            let message = text(&format!("{}: {}", one.what, one.help));
            format!("::error file={file},line={line},col={column},title=deadheat::{message}\n")
        };
        self.list().iter().map(command).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::document::{Source, read_file};
    use schemars::JsonSchema;
    use serde::Deserialize;

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct File {
        version: u32,
    }

    #[test]
    fn an_annotation_is_one_line_whatever_the_file_says() {
        let source = Source {
            path: "a,b:c.toml".into(),
            text: "version = 1\n\"na%me\\n::error::x\" = 2\n".to_owned(),
        };
        let read = read_file(&source, |file: File, _| file.version);
        let text = read.expect_err("an unknown key").to_github();
        let first = text.lines().find(|line| line.contains("na%25me")).expect("the key");
        assert!(first.starts_with("::error file=a%2Cb%3Ac.toml,line=2,col=1,title=deadheat::"), "{text}");
        assert!(text.lines().all(|line| line.starts_with("::error file=")), "{text}");
    }
}
