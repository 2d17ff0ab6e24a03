//! The claim of one run on the place of its evidence.

use super::HistoryError;
use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A locked file beside the place, which is removed when the run has ended. The system releases the lock of a run that
/// was killed.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    file: File,
}

impl Claim {
    /// Claims `place` by a lock on `path`.
    ///
    /// # Errors
    /// [`HistoryError::Busy`] if another run holds the claim, [`HistoryError::Io`].
    pub(super) fn on(place: &Path, path: PathBuf) -> Result<Self, HistoryError> {
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(&path);
            let file = file.map_err(HistoryError::io("create", &path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(HistoryError::Busy(place.to_owned())),
                Err(TryLockError::Error(error)) => return Err(HistoryError::io("lock", &path)(error)),
            }
            let claim = Self { path: path.clone(), file };
            // A run that ended between the two calls has removed the file that is locked here.
            if claim.is_current() {
                return Ok(claim);
            }
        }
    }

    /// Whether the locked file is the one at the path.
    fn is_current(&self) -> bool {
        let identity = |found: fs::Metadata| (found.dev(), found.ino());
        let (locked, present) = (self.file.metadata().map(identity), fs::metadata(&self.path).map(identity));
        matches!((locked, present), (Ok(locked), Ok(present)) if locked == present)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.is_current() {
            // A file that stays is claimed by the next run.
            let _ = fs::remove_file(&self.path);
        }
    }
}
