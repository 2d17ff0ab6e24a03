//! A violation as a picture: a lane for each attempt, what waited for what, and where the books part.

use super::chart::short;
use crate::history::JobKey;
use crate::report::text::figures::ms;
use crate::summary::{Moment, What};
use crate::units::shown::clipped;
use maud::{Markup, html};

/// Sizes, in the picture's own units.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 132.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 30.0;
const LANE: f64 = 30.0;
const HEAD: f64 = 24.0;
const BOTTOM: f64 = 34.0;
/// Most lanes; the story of more attempts is told by the first.
const LANES: usize = 40;
/// Least distance of two labels on the axis.
const APART: f64 = 58.0;

/// What the colours mean, where they occur.
const KEY: [(What, &str, &str); 4] = [
    (What::Sent, "bar-client", "client has it open"),
    (What::Arrived, "bar-ledger", "provider has it open"),
    (What::Held, "bar-held", "held back by the schedule"),
    (What::Booked, "bar-book", "booked in the ledger"),
];

/// A lane: an attempt, or the job itself.
struct Lane<'a> {
    job: &'a JobKey,
    attempt: u32,
    repeat: u32,
    moments: Vec<&'a Moment>,
    /// Its middle.
    y: f64,
}

/// Places on the axis of time. Long silences are shortened, or what happens in a millisecond between two
/// time-outs could not be seen.
struct Axis {
    times: Vec<u64>,
    places: Vec<f64>,
    evenly: bool,
}

impl Axis {
    fn of(moments: &[Moment]) -> Self {
        let mut times: Vec<u64> = moments.iter().map(|moment| moment.at_ns).collect();
        times.sort_unstable();
        times.dedup();
        let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mut sorted = gaps.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(1.0).max(1.0);
        let evenly = sorted.last().is_none_or(|longest| *longest < middle * 12.0);
        let weight = |gap: &f64| if evenly { *gap } else { 0.35 + (1.0 + gap / middle).ln() };
        let all: f64 = gaps.iter().map(weight).sum::<f64>().max(f64::MIN_POSITIVE);
        let mut places = vec![0.0];
        for gap in &gaps {
            places.push(places.last().copied().unwrap_or(0.0) + weight(gap) / all);
        }
        Self { times, places, evenly }
    }

    fn x(&self, at_ns: u64) -> f64 {
        let at = self.times.partition_point(|time| *time < at_ns).min(self.places.len().saturating_sub(1));
        LEFT + self.places.get(at).copied().unwrap_or(0.0) * (WIDTH - LEFT - RIGHT)
    }

    /// Times that have a label, as far from each other as can be read.
    fn labels(&self) -> Vec<u64> {
        let mut labels: Vec<u64> = Vec::new();
        for time in &self.times {
            if labels.last().is_none_or(|last| self.x(*time) - self.x(*last) >= APART) {
                labels.push(*time);
            }
        }
        labels
    }
}

/// The lanes, jobs in order, each job's own moments first; and the height of all.
fn lanes(moments: &[Moment]) -> (Vec<Lane<'_>>, usize, f64) {
    let mut lanes: Vec<Lane<'_>> = Vec::new();
    for moment in moments.iter().filter(|moment| moment.what != What::Broken) {
        let key = (&moment.job, moment.attempt, moment.repeat);
        match lanes.iter_mut().find(|lane| (lane.job, lane.attempt, lane.repeat) == key) {
            Some(lane) => lane.moments.push(moment),
            None => {
                let (job, attempt, repeat) = key;
                lanes.push(Lane { job, attempt, repeat, moments: vec![moment], y: 0.0 });
            }
        }
    }
    lanes.sort_by(|a, b| (a.job, a.attempt, a.repeat).cmp(&(b.job, b.attempt, b.repeat)));
    let left_out = lanes.len().saturating_sub(LANES);
    lanes.truncate(LANES);
    let mut y = TOP;
    let mut job = None;
    for lane in &mut lanes {
        if job != Some(lane.job) {
            y += if job.is_some() { 8.0 } else { 0.0 };
            job = Some(lane.job);
        }
        let height = if lane.attempt == 0 { HEAD } else { LANE };
        lane.y = y + height / 2.0;
        y += height;
    }
    (lanes, left_out, y)
}

/// The picture, and what its marks mean.
pub(super) fn picture(moments: &[Moment]) -> Markup {
    if moments.len() < 2 {
        return html! {};
    }
    let axis = Axis::of(moments);
    let (lanes, left_out, bottom) = lanes(moments);
    let broken = moments.iter().rev().find(|moment| moment.what == What::Broken);
    let height = bottom + BOTTOM;
    let says =
        format!("{} lanes from {} to {}; the same as text below", lanes.len(), first(&axis), last(&axis));
    html! {
        div.scroll {
            svg.story viewBox=(format!("0 0 {WIDTH} {}", short(height))) role="img" aria-label=(says) {
                (grid(&axis, bottom))
                @for (n, lane) in lanes.iter().enumerate() {
                    @if n == 0 || lanes[n - 1].job != lane.job { (job_line(lane, n > 0)) }
                    (drawn(lane, &axis))
                }
                @if let Some(broken) = broken { (parting(broken, &axis, bottom)) }
            }
        }
        p.key {
            @for (what, class, means) in KEY {
                @if moments.iter().any(|moment| moment.what == what) { span class=(class) {} (means) " " }
            }
            @if !axis.evenly { "· time is not to scale: silences are shortened" }
            @if left_out > 0 { " · " (left_out) " more attempts, not drawn" }
        }
    }
}

fn first(axis: &Axis) -> String {
    axis.times.first().map_or_else(String::new, |ns| time(*ns))
}

fn last(axis: &Axis) -> String {
    axis.times.last().map_or_else(String::new, |ns| time(*ns))
}

fn time(ns: u64) -> String {
    ms(ns as f64 / 1e6)
}

fn grid(axis: &Axis, bottom: f64) -> Markup {
    html! {
        g.grid aria-hidden="true" {
            @for label in axis.labels() {
                @let x = short(axis.x(label));
                line x1=(x) x2=(x) y1=(short(TOP - 6.0)) y2=(short(bottom + 4.0)) {}
                text x=(x) y=(short(bottom + 20.0)) text-anchor="middle" { (time(label)) }
            }
        }
    }
}

fn job_line(lane: &Lane<'_>, ruled: bool) -> Markup {
    let top = lane.y - if lane.attempt == 0 { HEAD } else { LANE } / 2.0;
    html! {
        @if ruled { line.rule x1="0" x2=(short(WIDTH)) y1=(short(top - 4.0)) y2=(short(top - 4.0)) {} }
        text.job x="4" y=(short(top + 15.0)) { (clipped(&lane.job.to_string(), 15)) }
    }
}

fn drawn(lane: &Lane<'_>, axis: &Axis) -> Markup {
    html! {
        g {
            @if lane.attempt > 0 {
                text.attempt x=(short(LEFT - 10.0)) y=(short(lane.y + 4.0)) text-anchor="end" {
                    (label(lane)) }
                (bars(lane, axis))
            }
            (marks(lane, axis))
        }
    }
}

fn label(lane: &Lane<'_>) -> String {
    let repeat = if lane.repeat > 0 { format!("+{}", lane.repeat) } else { String::new() };
    format!("#{}{repeat}", lane.attempt)
}

/// When the lane's first moment of one of these kinds was.
fn at(lane: &Lane<'_>, kinds: &[What]) -> Option<u64> {
    lane.moments.iter().find(|moment| kinds.contains(&moment.what)).map(|moment| moment.at_ns)
}

fn bars(lane: &Lane<'_>, axis: &Axis) -> Markup {
    let end = axis.times.last().copied().unwrap_or(0);
    let over = at(lane, &[What::Answered, What::Left, What::Cut]);
    let client = at(lane, &[What::Sent]).map(|from| (from, at(lane, &[What::Done]).unwrap_or(end)));
    let provider = at(lane, &[What::Arrived]).map(|from| (from, over.unwrap_or(end)));
    let released = at(lane, &[What::Released]).or(over).unwrap_or(end);
    let held = at(lane, &[What::Held]).map(|from| (from, released));
    let text = lane.moments.iter().find(|m| m.what == What::Held).map_or("", |m| m.text.as_str());
    html! {
        @if let Some((from, until)) = client {
            (bar("bar-client", axis, from, until, lane.y - 10.0, 8.0, "client"))
        }
        @if let Some((from, until)) = provider {
            (bar("bar-ledger", axis, from, until, lane.y, 10.0, "provider"))
        }
        @if let Some((from, until)) = held {
            (bar("bar-held", axis, from, until, lane.y, 10.0, text))
            text.note x=(short(axis.x(from) + 4.0)) y=(short(lane.y - 3.0)) { (clipped(text, 40)) }
        }
    }
}

fn bar(class: &str, axis: &Axis, from: u64, until: u64, y: f64, height: f64, says: &str) -> Markup {
    let (left, right) = (axis.x(from), axis.x(until));
    html! {
        rect class=(class) x=(short(left)) y=(short(y)) width=(short((right - left).max(2.5)))
            height=(short(height)) rx="2" {
            title { (says) " " (time(from)) " to " (time(until)) }
        }
    }
}

/// Diamonds and words: what was struck, how it ended, what was booked, and what the client made of it.
fn marks(lane: &Lane<'_>, axis: &Axis) -> Markup {
    let end = lane.moments.iter().map(|moment| axis.x(moment.at_ns)).fold(LEFT, f64::max);
    let mut words: Vec<&str> = Vec::new();
    let mut bad = false;
    for moment in &lane.moments {
        let says = matches!(
            moment.what,
            What::Answered | What::Left | What::Cut | What::Done | What::Booked | What::Struck | What::Client
        );
        if says && !moment.text.is_empty() && !words.contains(&moment.text.as_str()) {
            bad |= matches!(moment.what, What::Left | What::Cut | What::Struck);
            words.push(&moment.text);
        }
    }
    let booked = lane.moments.iter().filter(|moment| moment.what == What::Booked);
    let points = lane.moments.iter().filter(|moment| matches!(moment.what, What::Client | What::Struck));
    html! {
        @for moment in booked {
            @let x = axis.x(moment.at_ns);
            path.book d=(format!("M{} {}l5 5l-5 5l-5 -5Z", short(x), short(lane.y))) {
                title { "ledger " (moment.text) " at " (time(moment.at_ns)) }
            }
        }
        @for moment in points {
            circle.point cx=(short(axis.x(moment.at_ns))) cy=(short(lane.y)) r="3.5" {
                title { (moment.text) " at " (time(moment.at_ns)) }
            }
        }
        @if !words.is_empty() {
            text.said.bad[bad] x=(short(end + 9.0)) y=(short(lane.y + 5.0)) { (clipped(&words.join(" · "),
                58)) }
        }
    }
}

fn parting(broken: &Moment, axis: &Axis, bottom: f64) -> Markup {
    let x = axis.x(broken.at_ns);
    let anchor = if x > WIDTH * 0.7 { "end" } else { "start" };
    html! {
        g.parting {
            line x1=(short(x)) x2=(short(x)) y1=(short(TOP - 14.0)) y2=(short(bottom + 4.0)) {}
            text x=(short(x)) y="12" text-anchor=(anchor) { "books part at " (time(broken.at_ns)) }
        }
    }
}
