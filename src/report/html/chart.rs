//! Line charts as SVG: drawn here, so that the page needs a script only for tooltips.

use super::mark::shape;
use super::scale::Scale;
use maud::{Markup, html};

/// Size of a chart in its own units; the page scales it.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 236.0;
/// Room for the labels of the axes.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 30.0;
/// Shapes along a line, where colour is not to tell lines apart.
const SHAPES: usize = 6;

/// Colours there are; more lines than that are not put into one chart.
pub(super) const COLOURS: usize = 8;

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineStyle {
    /// From point to point.
    Solid,
    /// The same, thinner and broken.
    Dashed,
    /// As steps over a filled ground.
    Steps,
}

/// One line: a value, or none, at each of the chart's positions from the first on.
pub(super) struct Line {
    /// What it is of.
    pub(super) name: String,
    /// Which colour.
    pub(super) colour: usize,
    /// How it is drawn.
    pub(super) stroke: LineStyle,
    /// By position; may end early.
    pub(super) values: Vec<Option<f64>>,
}

/// A chart.
pub(super) struct Chart {
    /// Its heading.
    pub(super) title: String,
    /// What stands beside the heading: the unit, or what is shown.
    pub(super) note: String,
    /// What it says, in a sentence, for those who cannot see it.
    pub(super) says: String,
    /// Places of the positions on the x axis, 0 to 1, ascending.
    pub(super) places: Vec<f64>,
    /// What each position is called in a tooltip.
    pub(super) labels: Vec<String>,
    /// Marks below the x axis: place and text.
    pub(super) marks: Vec<(f64, String)>,
    /// The y axis.
    pub(super) scale: Scale,
    /// How a value is written.
    pub(super) show: fn(f64) -> String,
    /// The lines.
    pub(super) lines: Vec<Line>,
}

fn x(place: f64) -> f64 {
    LEFT + place.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

/// A number with one place, and none if it is whole.
pub(super) fn short(n: f64) -> String {
    let text = format!("{n:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

impl Chart {
    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.scale.share(value) * (HEIGHT - BOTTOM - TOP)
    }

    /// The chart with its heading.
    pub(super) fn draw(&self) -> Markup {
        let several = self.lines.iter().any(|line| line.colour != self.lines[0].colour);
        let (px, xs) = (joined(self.places.iter().map(|place| short(x(*place)))), self.labels.join("|"));
        html! {
            figure.chart {
                figcaption { (self.title) @if !self.note.is_empty() { " " span.dim { (self.note) } } }
                div.scroll {
                    svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!("{}: {}",
                        self.title, self.says))
                        tabindex="0" data-px=(px) data-xs=(xs) {
                        (self.axes())
                        @for line in &self.lines { (self.line(line)) }
                        @if several { @for line in &self.lines { (self.shapes(line)) } }
                        line.cursor x1="0" x2="0" y1=(short(TOP)) y2=(short(HEIGHT - BOTTOM)) {}
                    }
                }
            }
        }
    }

    fn axes(&self) -> Markup {
        let (right, bottom) = (short(WIDTH - RIGHT), HEIGHT - BOTTOM);
        html! {
            g.grid aria-hidden="true" {
                @for tick in self.scale.ticks() {
                    @let y = self.y(tick);
                    line x1=(short(LEFT)) x2=(right) y1=(short(y)) y2=(short(y)) {}
                    text x=(short(LEFT - 8.0)) y=(short(y + 4.0)) text-anchor="end" { ((self.show)(tick)) }
                }
                @for (place, text) in &self.marks {
                    line.mark x1=(short(x(*place))) x2=(short(x(*place))) y1=(short(bottom)) y2=(short(bottom
                        + 4.0)) {}
                    text x=(short(x(*place))) y=(short(bottom + 18.0)) text-anchor=(anchor(*place)) { (text) }
                }
            }
        }
    }

    fn line(&self, line: &Line) -> Markup {
        let class = format!(
            "l c{}{}",
            line.colour % COLOURS,
            match line.stroke {
                LineStyle::Solid => "",
                LineStyle::Dashed => " dash",
                LineStyle::Steps => " steps",
            }
        );
        // What is missing before the first and after the last value is not written out: cells are run in
        // turns.
        let skipped = line.values.iter().take_while(|value| value.is_none()).count();
        let until = line.values.iter().rposition(Option::is_some).map_or(skipped, |last| last + 1);
        let told = &line.values[skipped..until];
        let values = joined(told.iter().map(|value| value.map_or_else(String::new, self.show)));
        html! {
            @if line.stroke == LineStyle::Steps { path.ground.{ "c" (line.colour % COLOURS) }
                d=(self.ground(line)) {} }
            path class=(class) d=(self.path(line)) data-name=(line.name) data-o=(skipped) data-v=(values) {}
            @for (place, value) in self.lonely(line) {
                circle.{ "dot c" (line.colour % COLOURS) } cx=(short(x(place))) cy=(short(self.y(value)))
                    r="2.2" {}
            }
        }
    }

    /// The line's shape here and there, each line's a little further on than the one's before.
    fn shapes(&self, line: &Line) -> Markup {
        let told =
            self.places.iter().zip(&line.values).filter_map(|(place, value)| Some((*place, (*value)?)));
        let told: Vec<(f64, f64)> = told.collect();
        let every = told.len().div_ceil(SHAPES).max(1);
        let first = every * (line.colour % COLOURS) / COLOURS;
        let path: String = told
            .iter()
            .skip(first)
            .step_by(every)
            .map(|at| shape(line.colour, x(at.0), self.y(at.1)))
            .collect();
        html! { path.{ "m c" (line.colour % COLOURS) } d=(path) {} }
    }

    /// The points of each stretch without a gap; steps have two for each value.
    fn stretches(&self, line: &Line) -> Vec<Vec<(f64, f64)>> {
        let half = match (line.stroke, self.places.as_slice()) {
            (LineStyle::Steps, [first, second, ..]) => (second - first) / 2.0,
            _ => 0.0,
        };
        let mut stretches = vec![Vec::new()];
        for (place, value) in self.places.iter().zip(&line.values) {
            match (value, stretches.last_mut()) {
                (Some(value), Some(points)) => {
                    let y = self.y(*value);
                    points.push((x(place - half), y));
                    if half > 0.0 {
                        points.push((x(place + half), y));
                    }
                }
                _ => stretches.push(Vec::new()),
            }
        }
        stretches.retain(|points| !points.is_empty());
        stretches
    }

    fn path(&self, line: &Line) -> String {
        self.stretches(line).iter().map(|points| polyline(points)).collect()
    }

    /// The surface between a line and the axis.
    fn ground(&self, line: &Line) -> String {
        let bottom = short(HEIGHT - BOTTOM);
        let closed = |points: &Vec<(f64, f64)>| {
            let [from, until] =
                [points.first(), points.last()].map(|point| short(point.map_or(LEFT, |p| p.0)));
            format!("{}L{until} {bottom}L{from} {bottom}Z", polyline(points))
        };
        self.stretches(line).iter().map(closed).collect()
    }

    /// Points without a neighbour, which a path would not show.
    fn lonely(&self, line: &Line) -> Vec<(f64, f64)> {
        let there = |at: usize| line.values.get(at).is_some_and(Option::is_some);
        let points = self.places.iter().zip(&line.values).enumerate();
        let dots = line.stroke != LineStyle::Steps;
        let alone = |at: usize| dots && !there(at + 1) && (at == 0 || !there(at - 1));
        points
            .filter_map(|(at, (place, value))| value.filter(|_| alone(at)).map(|value| (*place, value)))
            .collect()
    }
}

/// Points one after the other; of several at one height only the ends.
fn polyline(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (n, point) in points.iter().enumerate() {
        let level = |other: Option<&(f64, f64)>| other.is_some_and(|other| (other.1 - point.1).abs() < 0.05);
        if n > 0 && level(points.get(n - 1)) && level(points.get(n + 1)) {
            continue;
        }
        let letter = if n == 0 { 'M' } else { 'L' };
        path.push_str(&format!("{letter}{} {}", short(point.0), short(point.1)));
    }
    path
}

fn anchor(place: f64) -> &'static str {
    match place {
        p if p < 0.03 => "start",
        p if p > 0.97 => "end",
        _ => "middle",
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("|")
}

/// What the colours and shapes of several lines mean.
pub(super) fn legend(names: &[(usize, String)]) -> Markup {
    html! {
        ul.legend aria-label="Colours" {
            @for (colour, name) in names {
                li {
                    svg.{ "sample c" (colour % COLOURS) } viewBox="0 0 24 10" aria-hidden="true" {
                        path.l d="M0 5h24" {}
                        path.m d=(shape(*colour, 12.0, 5.0)) {}
                    }
                    (name)
                }
            }
        }
    }
}
