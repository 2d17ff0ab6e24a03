//! The synchronisation primitives of `shared/`: std's in the product, loom's under `--cfg loom`.
//!
//! `Arc` is std's in both: reference counts are not what we check, and modelling them multiplies loom's
//! states by 7 to 24.

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};

/// Locks, and goes on with the data if another thread panicked while it held the lock: every struct in
/// `shared/` leaves its data whole between statements, and a run must still be able to report.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
