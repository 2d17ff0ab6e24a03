//! What goes wrong around a worker that has just taken a lock, and waits until it may use it.

use super::{EngineError, Workers};
use crate::engine::process::{Heard, Stroke};
use crate::engine::wire::Down;
use crate::plan::NemesisKind;
use std::time::Duration;

/// What is going wrong at this moment.
#[derive(Default)]
pub(super) struct Strikes {
    /// Workers that are paused, until when, and the answer that they wait for.
    paused: Vec<(usize, Duration, Down)>,
    restarting: bool,
    /// Who took a lock in the Redis that is being restarted: the worker, and the lock's number.
    waiting: Vec<(usize, u64)>,
}

impl Strikes {
    /// When the first pause is over.
    pub(super) fn next(&self) -> Option<Duration> {
        self.paused.iter().map(|(_, until, _)| *until).min()
    }

    pub(super) fn is_paused(&self, index: usize) -> bool {
        self.paused.iter().any(|(paused, ..)| *paused == index)
    }

    /// A worker is gone, and waits for nothing.
    pub(super) fn forget(&mut self, index: usize) {
        self.paused.retain(|(paused, ..)| *paused != index);
        self.waiting.retain(|(waiting, ..)| *waiting != index);
    }
}

impl Workers {
    /// A worker has taken a lock. While Redis is being restarted nobody uses one: it may be gone.
    pub(super) fn strike(&mut self, index: usize, id: u64) -> Result<(), EngineError> {
        if self.strikes.restarting {
            self.strikes.waiting.push((index, id));
            return Ok(());
        }
        let life = self.workers[index].deaths;
        let mut stroke = Stroke { life, id, lose_unlock: false, kill: false, pause: None };
        let mut restart = None;
        for kind in self.cell.nemeses.acquired() {
            match kind {
                NemesisKind::LoseUnlock => stroke.lose_unlock = true,
                NemesisKind::KillHolder => stroke.kill = true,
                NemesisKind::PauseHolder(time) => stroke.pause = Some(time),
                NemesisKind::RestartRedis => restart = self.cell.nemeses.restart_redis(),
            }
        }
        let Some(restart) = restart else {
            self.fall(index, &stroke);
            return Ok(());
        };
        self.strikes.restarting = true;
        // Here, all other workers would wait for as long as a server takes to start.
        let messages = self.messages.clone();
        let errand = std::thread::Builder::new().name("restart-redis".to_owned());
        let begun = errand.spawn(move || {
            restart();
            // Nobody listens any more only if the cell is over.
            let _ = messages.send((index, Heard::Restarted(stroke)));
        });
        begun.map(drop).map_err(EngineError::Thread)
    }

    /// Redis is there again.
    pub(super) fn restarted(&mut self, index: usize, stroke: &Stroke) -> Result<(), EngineError> {
        self.strikes.restarting = false;
        self.fall(index, stroke);
        let waiting = std::mem::take(&mut self.strikes.waiting);
        waiting.into_iter().try_for_each(|(index, id)| self.strike(index, id))
    }

    /// What is to happen to the holder itself; then it may go on.
    fn fall(&mut self, index: usize, stroke: &Stroke) {
        let Stroke { life, id, lose_unlock, kill, pause } = *stroke;
        // Its successor knows nothing of the lock, and counts its own from the start.
        if self.workers[index].deaths != life {
            return;
        }
        let Some(process) = &mut self.workers[index].process else { return };
        let go = Down::Go { id, lose_unlock };
        match pause {
            _ if kill => process.kill(),
            Some(time) => {
                process.pause();
                self.strikes.paused.push((index, self.shared.clock.now() + time, go));
            }
            None => process.say(&go),
        }
    }

    /// Lets those go on whose pause is over.
    pub(super) fn resume_due(&mut self) {
        let now = self.shared.clock.now();
        let due: Vec<_> = self.strikes.paused.extract_if(.., |(_, until, _)| *until <= now).collect();
        for (index, _, go) in due {
            if let Some(process) = &mut self.workers[index].process {
                process.resume();
                process.say(&go);
                self.workers[index].heard = now;
            }
        }
    }
}
