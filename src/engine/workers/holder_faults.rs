//! Faults around a worker that has taken a lock and waits until it may use it.

use super::Workers;
use crate::engine::error::EngineError;
use crate::engine::process::{HolderFault, WorkerEvent};
use crate::engine::worker_protocol::ToWorker;
use crate::plan::NemesisKind;
use std::time::Duration;

/// The faults of this moment.
#[derive(Default)]
pub(super) struct HolderFaults {
    /// Paused workers, until when, and the answer that each waits for.
    paused: Vec<(usize, Duration, ToWorker)>,
    restarting: bool,
    /// Locks taken while Redis was being restarted: the worker, and the lock's number.
    waiting: Vec<(usize, u64)>,
}

impl HolderFaults {
    /// When the first pause ends.
    pub(super) fn next(&self) -> Option<Duration> {
        self.paused.iter().map(|(_, until, _)| *until).min()
    }

    pub(super) fn is_paused(&self, index: usize) -> bool {
        self.paused.iter().any(|(paused, ..)| *paused == index)
    }

    /// A worker has ended: nothing of it waits any more.
    pub(super) fn forget(&mut self, index: usize) {
        self.paused.retain(|(paused, ..)| *paused != index);
        self.waiting.retain(|(waiting, ..)| *waiting != index);
    }
}

impl Workers {
    /// A worker has taken a lock. It may not use the lock while Redis is being restarted: it may be lost.
    pub(super) fn lock_taken(&mut self, index: usize, id: u64) -> Result<(), EngineError> {
        if self.holder_faults.restarting {
            self.holder_faults.waiting.push((index, id));
            return Ok(());
        }
        let life = self.workers[index].deaths;
        let mut fault = HolderFault { life, id, lose_unlock: false, kill: false, pause: None };
        let mut restart = None;
        for kind in self.cell.nemeses.acquired() {
            match kind {
                NemesisKind::LoseUnlock => fault.lose_unlock = true,
                NemesisKind::KillHolder => fault.kill = true,
                NemesisKind::PauseHolder(time) => fault.pause = Some(time),
                NemesisKind::RestartRedis => restart = self.cell.nemeses.restart_redis(),
            }
        }
        let Some(restart) = restart else {
            self.apply(index, &fault);
            return Ok(());
        };
        self.holder_faults.restarting = true;
        // On a thread of its own: on this one all workers would wait until the server has started.
        let messages = self.messages.clone();
        let thread = std::thread::Builder::new().name("restart-redis".to_owned());
        let begun = thread.spawn(move || {
            restart();
            // The receiver is gone only if the cell is over.
            let _ = messages.send((index, WorkerEvent::Restarted(fault)));
        });
        begun.map(drop).map_err(EngineError::Thread)
    }

    /// Redis has been restarted.
    pub(super) fn restarted(&mut self, index: usize, fault: &HolderFault) -> Result<(), EngineError> {
        self.holder_faults.restarting = false;
        self.apply(index, fault);
        let waiting = std::mem::take(&mut self.holder_faults.waiting);
        waiting.into_iter().try_for_each(|(index, id)| self.lock_taken(index, id))
    }

    /// Applies the faults to the holder itself; then it may continue.
    fn apply(&mut self, index: usize, fault: &HolderFault) {
        let HolderFault { life, id, lose_unlock, kill, pause } = *fault;
        // A successor does not hold the lock, and numbers its own locks from the start.
        if self.workers[index].deaths != life {
            return;
        }
        let Some(process) = &mut self.workers[index].process else { return };
        let go = ToWorker::Go { id, lose_unlock };
        match pause {
            _ if kill => process.kill(),
            Some(time) => {
                process.pause();
                self.holder_faults.paused.push((index, self.run.clock.now() + time, go));
            }
            None => process.send(&go),
        }
    }

    /// Resumes the workers whose pause is over.
    pub(super) fn resume_due(&mut self) {
        let now = self.run.clock.now();
        let due: Vec<_> = self.holder_faults.paused.extract_if(.., |(_, until, _)| *until <= now).collect();
        for (index, _, go) in due {
            if let Some(process) = &mut self.workers[index].process {
                process.resume();
                process.send(&go);
                self.workers[index].last_message = now;
            }
        }
    }
}
