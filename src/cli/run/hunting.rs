//! Shows how a hunt gets on: a picture on a terminal, a line now and then elsewhere. Drawn between two runs,
//! never during one.

use super::live::{bold, dim};
use super::progress::{Screen, has_screen};
use crate::cli::output;
use crate::explore::Trial;
use crate::summary::Verdict;
use crate::units::format_duration;
use crate::units::shown::plain;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};
use std::time::Duration;

/// Between two frames.
const FRAME: Duration = Duration::from_millis(100);
/// Without a terminal: one line so often.
const LINE: Duration = Duration::from_secs(5);
/// A hunt that is over sooner needs no picture.
const PATIENCE: Duration = Duration::from_secs(1);

/// A rule that broke: seen in one run, or found, with its cause.
struct BrokenRule {
    rule: &'static str,
    cell: String,
    text: String,
    found: bool,
}

/// What is known of a hunt.
#[derive(Default)]
pub(super) struct Hunting {
    /// `target/strategy`, and which cell of how many.
    cell: String,
    number: usize,
    cells: usize,
    /// What the hunt may use up, in words.
    budget: String,
    runs: u64,
    broke: Vec<BrokenRule>,
    screen: Option<Screen>,
    terminal: bool,
    quiet: bool,
    begun: Duration,
    drawn: Duration,
    /// What is said when the picture is gone.
    unsaid: Vec<String>,
}

impl Hunting {
    pub(super) fn new(quiet: bool, cells: usize, budget: String, now: Duration) -> Self {
        let terminal = has_screen();
        Self { quiet, cells, budget, terminal, begun: now, drawn: now, ..Self::default() }
    }

    /// The hunt goes on to a cell.
    pub(super) fn cell(&mut self, number: usize, cell: String) {
        (self.number, self.cell) = (number, cell);
        self.say(format!("hunting {}, cell {number} of {}", self.cell, self.cells));
    }

    fn say(&mut self, text: String) {
        match (self.quiet, &self.screen) {
            (true, _) => {}
            (_, Some(_)) => self.unsaid.push(text),
            _ => output::say(&text),
        }
    }

    /// A run is over.
    pub(super) fn trial(&mut self, trial: &Trial, now: Duration) {
        self.runs += 1;
        for row in trial.verdicts.iter().filter(|row| row.verdict == Verdict::Broken) {
            let rule = row.invariant.name();
            if self.broke.iter().any(|known| known.rule == rule && known.cell == self.cell) {
                continue;
            }
            let text = row.witness.as_ref().map_or_else(String::new, |witness| plain(&witness.text));
            self.broke.push(BrokenRule { rule, cell: self.cell.clone(), text, found: false });
        }
        self.show(now);
    }

    /// A rule's smallest schedule is found, and its cause.
    pub(super) fn found(&mut self, rule: &'static str, cause: &str) {
        let cause = plain(cause);
        self.say(format!("found that it breaks {rule}: {cause}"));
        let cell = self.cell.clone();
        match self.broke.iter_mut().find(|known| known.rule == rule && known.cell == cell) {
            Some(known) => (known.text, known.found) = (cause, true),
            None => self.broke.push(BrokenRule { rule, cell, text: cause, found: true }),
        }
    }

    fn show(&mut self, now: Duration) {
        let every = if self.terminal { FRAME } else { LINE };
        if self.quiet || now.saturating_sub(self.drawn) < every {
            return;
        }
        self.drawn = now;
        if !self.terminal {
            output::say(&self.words());
        } else if now.saturating_sub(self.begun) >= PATIENCE {
            let mut screen = self.screen.take().or_else(Screen::open);
            if let Some(screen) = &mut screen {
                screen.frame(|frame| self.draw(frame, now.saturating_sub(self.begun)));
            }
            self.screen = screen;
        }
    }

    /// The hunt is over: gives the terminal back, and says what was not said.
    pub(super) fn end(mut self) {
        self.screen = None;
        std::mem::take(&mut self.unsaid).into_iter().for_each(|text| self.say(text));
    }

    fn newest(&self) -> Option<String> {
        let newest = self.broke.last()?;
        let how = if newest.found { "" } else { ", not yet shrunk" };
        Some(format!("{} at {}{how}: {}", newest.rule, newest.cell, newest.text))
    }

    fn words(&self) -> String {
        let newest = self.newest().map_or_else(String::new, |text| format!(", newest finding: {text}"));
        let (runs, s) = (self.runs, if self.broke.len() == 1 { "" } else { "s" });
        format!(
            "hunting {}, cell {} of {}, {runs} runs, {} finding{s}{newest}",
            self.cell,
            self.number,
            self.cells,
            self.broke.len()
        )
    }

    fn draw(&self, frame: &mut Frame<'_>, elapsed: Duration) {
        let rows = [Constraint::Length(4), Constraint::Min(3)];
        let [head, list] = Layout::vertical(rows).areas(frame.area());
        let elapsed = format_duration(Duration::from_secs(elapsed.as_secs()));
        let lines = vec![
            Line::from(vec![
                bold(plain(&self.cell)),
                dim(format!("  cell {} of {}", self.number, self.cells)),
            ]),
            Line::from(vec![
                dim("runs "),
                bold(self.runs.to_string()),
                dim("  findings "),
                bold(self.broke.len().to_string()),
                dim(format!("  after {elapsed} of {}", self.budget)),
            ]),
        ];
        frame
            .render_widget(Paragraph::new(lines).block(Block::bordered().title(" deadheat  hunting ")), head);
        let told = |broke: &BrokenRule| {
            let how = if broke.found { "" } else { ", not yet shrunk" };
            Line::from(vec![
                Span::styled(format!("✗ {}", broke.rule), Style::new().fg(Color::Red)),
                dim(format!(" at {}{how}: ", plain(&broke.cell))),
                Span::raw(broke.text.clone()),
            ])
        };
        let lines: Vec<Line<'_>> = match self.broke.is_empty() {
            true => vec![Line::from(dim("no rule was seen broken so far"))],
            false => self.broke.iter().rev().map(told).collect(),
        };
        let block = Block::bordered().title(" findings, the newest first ");
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }).block(block), list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{Invariant, VerdictRow, Witness};
    use crate::units::shown::is_unsafe;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn screen(hunting: &Hunting) -> String {
        let mut terminal = Terminal::new(TestBackend::new(100, 12)).expect("a terminal");
        terminal.draw(|frame| hunting.draw(frame, Duration::from_secs(7))).expect("drawn");
        terminal.backend().buffer().content().iter().map(|cell| cell.symbol()).collect()
    }

    #[test]
    fn the_newest_finding_is_shown_before_and_after_its_cause_is_known() {
        let mut hunting = Hunting::new(true, 2, "30s".to_owned(), Duration::ZERO);
        hunting.cell(1, "mock/naive".to_owned());
        assert!(screen(&hunting).contains("no rule was seen broken so far"));
        let broken = |invariant, text: &str| VerdictRow {
            target: "mock".to_owned(),
            strategy: "naive".to_owned(),
            invariant,
            verdict: Verdict::Broken,
            why: None,
            relevant: 1,
            violations: 1,
            witness: Some(Witness { jobs: Vec::new(), at_ns: 0, text: text.to_owned() }),
        };
        let verdicts =
            vec![broken(Invariant::BilledOnce, "job:0001 was billed\u{1b}[2J\u{202e}\u{200b} twice")];
        let trial = Trial { verdicts, ..Trial::default() };
        (0..3).for_each(|_| hunting.trial(&trial, Duration::ZERO));
        let words = hunting.words();
        let newest = "newest finding: billed-once at mock/naive, not yet shrunk: job:0001 was billed";
        assert!(words.contains(newest) && words.contains("3 runs, 1 finding, newest"), "{words}");
        assert!(
            !words.contains(is_unsafe)
                && !screen(&hunting).contains(is_unsafe)
                && screen(&hunting).contains("✗ billed-once at mock/naive, not yet")
        );
        hunting.found("billed-once", "the client gave up and sent it again");
        let words = hunting.words();
        assert!(
            words
                .ends_with("newest finding: billed-once at mock/naive: the client gave up and sent it again")
        );
        assert!(screen(&hunting).contains("billed-once at mock/naive: the client gave up"));
        // The same rule in the next cell is another finding.
        hunting.cell(2, "mock/other".to_owned());
        hunting.trial(&trial, Duration::ZERO);
        assert!(hunting.words().contains("2 findings, newest finding: billed-once at mock/other"));
    }
}
