//! Shows how a run gets on: a picture on a terminal, a line now and then elsewhere. Reads counters and
//! swapped snapshots, never the hot path.

use super::due::Due;
use super::live::{self, Shown};
use crate::cli::output;
use crate::clock::{Clock, utc_now_s};
use crate::engine::{Stop, StopCause};
use crate::history::{BatchSender, Event, Watch};
use crate::live::{Live, LiveView};
use crate::plan::{ClockKind, Plan};
use crate::profile;
use crate::shared::{Progress, Snapshot};
use arc_swap::ArcSwap;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::{Frame, Terminal};
use std::collections::VecDeque;
use std::io::{IsTerminal, Stderr, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two frames, and two looks at whether evidence can be written.
const TICK: Duration = Duration::from_millis(100);
/// Without a terminal: one line so often.
const TICKS_PER_LINE: u32 = 50;
/// A run that is over sooner needs no picture.
const PATIENCE: Duration = Duration::from_secs(1);
/// Over so many ticks rates are taken.
const RATE_TICKS: usize = 50;
/// A new snapshot is made no sooner after the last, in the run's own time.
const SNAPSHOT_NS: u64 = 100_000_000;

/// The newest snapshot of what has ended.
pub(super) type Newest = Arc<ArcSwap<LiveView>>;

/// Folds the history's events as they are written, on the writer's thread, and swaps a snapshot in.
pub(super) fn watch(plan: &Arc<Plan>, newest: &Newest, quiet: bool) -> Watch {
    if quiet {
        return Box::new(|_| {});
    }
    let (mut live, newest, mut shown_ns) = (Live::new(plan.clone(), utc_now_s()), newest.clone(), 0);
    Box::new(move |events: &[Event]| {
        live.add(events);
        let latest_ns = events.iter().filter_map(Event::done_ns).max().unwrap_or(0);
        if latest_ns.saturating_sub(shown_ns) >= SNAPSHOT_NS {
            shown_ns = latest_ns;
            newest.store(Arc::new(live.view()));
        }
    })
}

/// A display that runs until it is stopped; it also stops the run when evidence cannot be written.
pub(super) struct Display {
    quit: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    pub(super) fn start(
        quiet: bool,
        plan: &Arc<Plan>,
        progress: &Arc<Progress>,
        history: BatchSender,
        stop: &Arc<Stop>,
        (newest, clock): (Newest, Clock),
    ) -> Self {
        let (quit, quitting) = mpsc::channel();
        let total = profile::planned(plan).map(|jobs| jobs * plan.cells().len() as u64);
        let (progress, stop) = (progress.clone(), stop.clone());
        let watched = Watched { plan: plan.clone(), total, progress, history, stop, newest, clock };
        let thread = std::thread::Builder::new().name("progress".to_owned());
        let thread = thread.spawn(move || watched.show(quiet, &quitting));
        Self { quit, thread: thread.ok() }
    }

    /// Ends the picture.
    pub(super) fn stop(mut self) {
        // The display may have ended by itself; both are fine.
        let _ = self.quit.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the display shows.
struct Watched {
    plan: Arc<Plan>,
    total: Option<u64>,
    progress: Arc<Progress>,
    history: BatchSender,
    stop: Arc<Stop>,
    newest: Newest,
    /// The run's clock, if that is the machine's.
    clock: Clock,
}

impl Watched {
    /// The moment on the run's own time, and the jobs that had ended by then.
    fn moment(&self, seen: &Snapshot, view: &LiveView) -> (u64, u64) {
        match self.plan.clock {
            ClockKind::Real => (self.clock.now_ns(), seen.jobs_ended),
            ClockKind::Virtual => (view.latest_ns, view.answered + view.unanswered),
        }
    }

    fn show(&self, quiet: bool, quitting: &mpsc::Receiver<()>) {
        let (clock, terminal) = (Clock::start(), has_screen());
        let mut screen: Option<Screen> = None;
        let mut looks: VecDeque<RateSample> = VecDeque::new();
        // It walks the whole profile once.
        let mut due = (!quiet).then(|| Due::new(&self.plan));
        let (mut ticks, mut last) = (0, Snapshot::default());
        while let Err(mpsc::RecvTimeoutError::Timeout) = quitting.recv_timeout(TICK) {
            if self.history.failed() {
                self.stop.stop(StopCause::EvidenceFailed);
            }
            if quiet {
                continue;
            }
            ticks += 1;
            let (seen, elapsed) = (self.progress.read(), clock.now());
            let view = self.newest.load();
            let (now_ns, ended) = self.moment(&seen, &view);
            let due = due.as_mut().map_or(0, |due| due.at(now_ns, &self.progress, seen.jobs_begun));
            looks.push_back(RateSample { now_ns, due, ended });
            looks.drain(..looks.len().saturating_sub(RATE_TICKS));
            let stopping = self.stop.cause().is_some();
            let rates = rates(&looks);
            let (plan, total) = (&self.plan, self.total);
            let shown = Shown { plan, total, seen, view: &view, due, rates, elapsed, stopping };
            if terminal && elapsed >= PATIENCE {
                screen = screen.or_else(Screen::open);
                if let Some(screen) = &mut screen {
                    screen.draw_run(&shown);
                }
            } else if !terminal && ticks % TICKS_PER_LINE == 0 && seen != last {
                output::say(&live::words(&shown));
                last = seen;
            }
        }
    }
}

/// Whether there is a terminal, and it says that it can place characters.
pub(super) fn has_screen() -> bool {
    stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|kind| kind != "dumb")
}

/// What a rate is taken from.
#[derive(Debug, Clone, Copy)]
struct RateSample {
    /// On the run's own time.
    now_ns: u64,
    /// Jobs due by the schedule.
    due: u64,
    /// Jobs ended.
    ended: u64,
}

/// Jobs due and ended per second of the run's own time, between the first look and the last.
fn rates(looks: &VecDeque<RateSample>) -> [f64; 2] {
    let (Some(first), Some(last)) = (looks.front(), looks.back()) else { return [0.0; 2] };
    let took_ns = Duration::from_nanos(last.now_ns.saturating_sub(first.now_ns)).max(TICK);
    let per_s = |until: u64, from: u64| until.saturating_sub(from) as f64 / took_ns.as_secs_f64();
    [per_s(last.due, first.due), per_s(last.ended, first.ended)]
}

/// Whether the terminal shows the other screen.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Leaves the other screen, if it is shown; also called when the process ends at once.
pub(super) fn leave() {
    if OPEN.swap(false, Ordering::AcqRel) {
        let _ = execute!(stderr(), Show, LeaveAlternateScreen);
    }
}

/// The terminal's other screen, left when this is dropped.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    stopping: bool,
}

impl Screen {
    /// `None` if the terminal has no other screen: then nothing is displayed.
    pub(super) fn open() -> Option<Self> {
        OPEN.store(true, Ordering::Release);
        execute!(stderr(), EnterAlternateScreen, Hide).ok()?;
        let terminal = Terminal::new(CrosstermBackend::new(stderr())).ok();
        terminal.map(|terminal| Self { terminal, stopping: false })
    }

    fn draw_run(&mut self, shown: &Shown<'_>) {
        if shown.stopping != self.stopping {
            // A message was printed over the picture.
            self.stopping = shown.stopping;
            let _ = self.terminal.clear();
        }
        self.frame(|frame| live::draw(frame, shown));
    }

    pub(super) fn frame(&mut self, draw: impl FnOnce(&mut Frame<'_>)) {
        // A terminal that cannot be drawn on is no reason to end a run.
        let _ = self.terminal.draw(draw);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}
