//! Faults around jobs that hold a lock.
//!
//! A strategy reports when it has taken a lock, and waits until it may use it. At the acquisition that the
//! scenario names, a fault happens in between: its process is paused or killed, Redis loses everything, or
//! the answer to the unlock will be lost.

use crate::plan::{Nemesis, NemesisKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// Kills a Redis that belongs to the run and starts it again, empty. Returns when it accepts connections.
pub type RestartRedis = Arc<dyn Fn() + Send + Sync>;

/// The nemeses of one cell.
#[derive(Default)]
pub(super) struct Nemeses {
    acquired: AtomicU64,
    armed: Vec<(u64, NemesisKind)>,
    restart_redis: Option<RestartRedis>,
    /// Held while Redis is being restarted: no lock may be used then, because it may be lost.
    restarting: tokio::sync::Mutex<()>,
}

impl Nemeses {
    /// The nemeses that are meant for the strategy.
    pub(super) fn of(nemeses: &[Nemesis], strategy: &str, restart_redis: Option<RestartRedis>) -> Self {
        let meant =
            nemeses.iter().filter(|nemesis| nemesis.strategy.as_ref().is_none_or(|name| name == strategy));
        let armed = meant.map(|nemesis| (nemesis.acquisition, nemesis.kind)).collect();
        Self { acquired: AtomicU64::new(0), armed, restart_redis, restarting: tokio::sync::Mutex::default() }
    }

    /// Whether there is any nemesis.
    pub(super) fn is_armed(&self) -> bool {
        !self.armed.is_empty()
    }

    /// A lock has been acquired: the faults that happen now.
    pub(super) fn acquired(&self) -> impl Iterator<Item = NemesisKind> + use<'_> {
        let nth = self.acquired.fetch_add(1, SeqCst) + 1;
        self.armed.iter().filter(move |(when, _)| *when == nth).map(|(_, kind)| *kind)
    }

    /// What restarts the cell's Redis, if it belongs to the run. It blocks.
    pub(super) fn restart_redis(&self) -> Option<RestartRedis> {
        self.restart_redis.clone()
    }

    /// A lock has been acquired in this process, which cannot kill itself, and can pause only in virtual
    /// time.
    pub(super) async fn strike(&self) -> OwnFault {
        let mut fault = OwnFault::default();
        let _alone = self.restarting.lock().await;
        for kind in self.acquired() {
            match (kind, self.restart_redis()) {
                (NemesisKind::LoseUnlock, _) => fault.lost = true,
                (NemesisKind::PauseHolder(time), _) => fault.pause = Some(time),
                (NemesisKind::RestartRedis, Some(restart)) => {
                    // A restart that failed is reported by the callback itself.
                    let _ = tokio::task::spawn_blocking(move || restart()).await;
                }
                _ => {}
            }
        }
        fault
    }
}

/// The faults at one acquisition.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OwnFault {
    /// The answer to the unlock is to be lost.
    pub(super) lost: bool,
    /// How long the process is to be paused.
    pub(super) pause: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn at(acquisition: u64, kind: NemesisKind, strategy: Option<&str>) -> Nemesis {
        Nemesis { kind, acquisition, strategy: strategy.map(str::to_owned) }
    }

    #[test]
    fn each_nemesis_has_its_own_acquisition_and_strategy() {
        let pause = NemesisKind::PauseHolder(Duration::from_millis(5));
        let plan = [
            at(2, NemesisKind::KillHolder, None),
            at(2, pause, Some("redis-lock")),
            at(3, NemesisKind::LoseUnlock, Some("other")),
        ];
        let nemeses = Nemeses::of(&plan, "redis-lock", None);
        let fault: Vec<Vec<NemesisKind>> = (0..4).map(|_| nemeses.acquired().collect()).collect();
        assert_eq!(fault, [vec![], vec![NemesisKind::KillHolder, pause], vec![], vec![]]);
        assert!(!Nemeses::of(&plan[1..], "unbounded", None).is_armed());
    }

    #[test]
    fn in_one_process_redis_is_restarted_and_an_unlock_is_lost() {
        let restarts = Arc::new(Mutex::new(0));
        let count = restarts.clone();
        let hook: RestartRedis = Arc::new(move || *count.lock().expect("whole") += 1);
        let plan = [at(1, NemesisKind::RestartRedis, None), at(2, NemesisKind::LoseUnlock, None)];
        let armed = |hook| Nemeses::of(&plan, "redis-lock", hook);
        let (nemeses, without) = (armed(Some(hook)), armed(None));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let lost = runtime.block_on(async {
            [
                nemeses.strike().await.lost,
                nemeses.strike().await.lost,
                nemeses.strike().await.lost,
                without.strike().await.lost,
            ]
        });
        assert_eq!((lost, *restarts.lock().expect("whole")), ([false, true, false, false], 1));
    }
}
