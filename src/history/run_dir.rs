//! The directory of one run: written beside its final place, then renamed into it whole.

use super::lines::{CLAIMS, EndLine, EndMark, HISTORY, LEDGER};
use super::manifest::{MANIFEST, Manifest, new_run};
use super::{Claim, HistoryError, HistoryWriter, LedgerWriter, Watch};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Leftovers of crashed runs of one name, and runs of one second, that may stand beside each other.
const SIBLINGS_MAX: u32 = 1000;

/// The folder in which parts of a run are kept as they are, as long as some of them are missing.
pub const PARTS: &str = "parts";

/// A run's directory while it is written: a hidden sibling `.NAME.partial` of its final place.
///
/// [`RunDir::finish`] renames it into place. Dropped without that, it stays where it is: evidence is never
/// deleted, and `.NAME.partial` can be judged like any other run. One that nothing was written to is removed,
/// with the folder above it if that was made for it.
#[derive(Debug)]
pub struct RunDir {
    partial: PathBuf,
    place: PathBuf,
    /// The run's identity, which stands in each of its files.
    run: String,
    /// The folder above, if it was not there before.
    made: Option<PathBuf>,
    /// The partial directory, locked while the run is written: the lock ends with the process, however that
    /// ends.
    _lock: Option<File>,
}

impl Drop for RunDir {
    fn drop(&mut self) {
        let empty = fs::read_dir(&self.partial).is_ok_and(|mut entries| {
            entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == MANIFEST))
        });
        if empty
            && fs::remove_dir_all(&self.partial).is_ok()
            && let Some(made) = &self.made
        {
            // Fails if the folder holds anything.
            let _ = fs::remove_dir(made);
        }
    }
}

/// What became of an attempt to claim a directory.
enum Claimed {
    /// This process made it and holds its lock, where the system has such locks.
    Ours(Option<File>),
    /// Another process writes into it.
    Busy,
    /// A process that was killed left it.
    LeftOver,
}

impl RunDir {
    /// Begins `parent/<name>-<utc>-<seed>`; `name` is reduced to letters, digits and hyphens. A run of the
    /// same second, ended or not, makes it `…-2`, and so on.
    ///
    /// # Errors
    /// [`HistoryError::Occupied`] if a thousand such places are taken, [`HistoryError::Io`] if it cannot
    /// be made.
    pub fn create(parent: &Path, name: &str, started_utc_s: u64, seed: u64) -> Result<Self, HistoryError> {
        let base = format!("{}-{}-{seed}", slug(name), compact_utc(started_utc_s));
        for n in 1..=SIBLINGS_MAX {
            let name = if n == 1 { base.clone() } else { format!("{base}-{n}") };
            let (place, partial) = (parent.join(&name), parent.join(format!(".{name}.partial")));
            let made = make_parent(parent)?;
            if place.exists() {
                continue;
            }
            if let Claimed::Ours(lock) = claim(&partial)? {
                match Self::begin(partial, place, made, lock) {
                    // Another run of this second was renamed into its place in between.
                    Err(HistoryError::Occupied(_)) => {}
                    begun => return begun,
                }
            }
        }
        Err(HistoryError::Occupied(parent.join(base)))
    }

    /// Begins a run that will stand at `place`, and makes the directories above it. A link to a directory
    /// stands for that directory. Until the run is finished or dropped, no other process can begin one for
    /// the same place.
    ///
    /// # Errors
    /// [`HistoryError::Occupied`] if `place` holds anything, [`HistoryError::Busy`] if another run for it is
    /// being written, [`HistoryError::NoName`] if it has no last part, [`HistoryError::Link`] if it is a link
    /// that leads nowhere, [`HistoryError::Io`] if it cannot be made.
    pub fn create_at(place: &Path) -> Result<Self, HistoryError> {
        let place = resolved(place)?;
        let name = place.file_name().ok_or_else(|| HistoryError::NoName(place.clone()))?;
        let name = name.to_string_lossy().into_owned();
        refuse_occupied(&place)?;
        let made = make_parent(parent_of(&place))?;
        for n in 1..=SIBLINGS_MAX {
            let partial = partial(&place, &name, n);
            match claim(&partial)? {
                Claimed::Ours(lock) => return Self::begin(partial, place, made, lock),
                Claimed::Busy => return Err(HistoryError::Busy { place, partial }),
                Claimed::LeftOver => {}
            }
        }
        Err(HistoryError::Occupied(parent_of(&place).join(format!(".{name}.partial"))))
    }

    /// Gives a claimed directory its identity.
    fn begin(
        partial: PathBuf,
        place: PathBuf,
        made: Option<PathBuf>,
        lock: Option<File>,
    ) -> Result<Self, HistoryError> {
        let dir = Self { partial, place, run: new_run(), made, _lock: lock };
        refuse_occupied(&dir.place)?;
        Manifest::write(&dir.partial, &dir.run)?;
        Ok(dir)
    }

    /// What a run that was to stand at `place` left when it was broken off: the newest such directory.
    #[must_use]
    pub fn left_over(place: &Path) -> Option<PathBuf> {
        let place = resolved(place).ok()?;
        let name = place.file_name()?.to_string_lossy();
        (1..=SIBLINGS_MAX).map(|n| partial(&place, &name, n)).take_while(|path| path.is_dir()).last()
    }

    /// Where the files stand while the run is written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Where the run will stand.
    #[must_use]
    pub fn final_path(&self) -> &Path {
        &self.place
    }

    /// Writes a small file of this name, in place of an earlier one.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn write(&self, file: &str, text: &str) -> Result<(), HistoryError> {
        let path = self.partial.join(file);
        fs::write(&path, text).map_err(HistoryError::io("write", &path))
    }

    /// Keeps a copy of a part's files, in a folder of this number.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn keep_part(&self, number: usize, part: &Path) -> Result<(), HistoryError> {
        let folder = self.partial.join(PARTS).join(format!("{number:04}"));
        fs::create_dir_all(&folder).map_err(HistoryError::io("create", &folder))?;
        for entry in fs::read_dir(part).map_err(HistoryError::io("read", part))? {
            let from = entry.map_err(HistoryError::io("read", part))?.path();
            let Some(name) = from.file_name().filter(|_| from.is_file()) else { continue };
            fs::copy(&from, folder.join(name)).map_err(HistoryError::io("copy", &from))?;
        }
        Ok(())
    }

    /// The runs that `dir` holds: those in its [`PARTS`] in the order of their numbers, or itself.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn parts_of(dir: &Path) -> Result<Vec<PathBuf>, HistoryError> {
        let folder = dir.join(PARTS);
        if !folder.is_dir() {
            return Ok(vec![dir.to_owned()]);
        }
        let entries = fs::read_dir(&folder).map_err(HistoryError::io("read", &folder))?;
        let parts: io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut parts = parts.map_err(HistoryError::io("read", &folder))?;
        parts.sort();
        Ok(parts)
    }

    /// Writes `claims.jsonl`.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn write_claims(&self, claims: &[Claim]) -> Result<(), HistoryError> {
        let lines = || -> serde_json::Result<Vec<String>> {
            let end = EndMark { lines: claims.len() as u64, meta: None, backlog: None };
            let lines = claims.iter().map(serde_json::to_string);
            lines.chain([serde_json::to_string(&EndLine { end })]).collect()
        };
        let path = self.partial.join(CLAIMS.name);
        let lines = lines().map_err(|error| HistoryError::io("write", &path)(error.into()))?;
        self.write(CLAIMS.name, &format!("{}{}\n", CLAIMS.header_line(&self.run), lines.join("\n")))
    }

    /// Begins `history.jsonl.zst`. The files that are there, such as the plan, are bound to the run from here
    /// on.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn history_writer(&self) -> Result<HistoryWriter, HistoryError> {
        self.watched_history_writer(Box::new(|_| {}))
    }

    /// Begins `history.jsonl.zst`, and shows `watch` every batch of events on the writer's own thread: a
    /// display can follow a run without touching what makes its load.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn watched_history_writer(&self, watch: Watch) -> Result<HistoryWriter, HistoryError> {
        Manifest::write(&self.partial, &self.run)?;
        let path = self.partial.join(HISTORY.name);
        let file = File::create(&path).map_err(HistoryError::io("create", &path))?;
        HistoryWriter::start(file, path, &self.run, watch)
    }

    /// Begins `ledger.jsonl.zst`. A run without a ledger writes an empty one, so that a lost one shows.
    ///
    /// # Errors
    /// [`HistoryError::Io`].
    pub fn ledger_writer(&self) -> Result<LedgerWriter, HistoryError> {
        let path = self.partial.join(LEDGER.name);
        let file = File::create(&path).map_err(HistoryError::io("create", &path))?;
        LedgerWriter::start(file, path, &self.run)
    }

    /// Binds all files by their digests, forces them to the disk, then renames the directory into place.
    /// Finish the writers first.
    ///
    /// # Errors
    /// [`HistoryError::NotMoved`] if the place was taken meanwhile, [`HistoryError::Io`]; the files stay at
    /// [`RunDir::path`].
    pub fn finish(self) -> Result<PathBuf, HistoryError> {
        Manifest::write(&self.partial, &self.run)?;
        sync_all(&self.partial)?;
        match self.move_into_place() {
            Ok(()) => Ok(self.place.clone()),
            Err(source) => {
                Err(HistoryError::NotMoved { partial: self.partial.clone(), source: Box::new(source) })
            }
        }
    }

    fn move_into_place(&self) -> Result<(), HistoryError> {
        refuse_occupied(&self.place)?;
        if self.place.exists() {
            fs::remove_dir(&self.place).map_err(HistoryError::io("replace", &self.place))?;
        }
        fs::rename(&self.partial, &self.place).map_err(HistoryError::io("rename the run to", &self.place))?;
        sync_directory(parent_of(&self.place))
    }
}

/// Makes the directories down to `parent`; gives it if it was not there.
fn make_parent(parent: &Path) -> Result<Option<PathBuf>, HistoryError> {
    let made = (!parent.exists()).then(|| parent.to_owned());
    fs::create_dir_all(parent).map_err(HistoryError::io("create", parent))?;
    Ok(made)
}

/// Makes the directory and locks it. Only the process that made it can claim it.
fn claim(partial: &Path) -> Result<Claimed, HistoryError> {
    let made = match fs::create_dir(partial) {
        Ok(()) => true,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
        Err(e) => return Err(HistoryError::io("create", partial)(e)),
    };
    // Systems other than Unix do not open a directory as a file, and some file systems have no locks.
    let folder = File::open(partial).ok();
    if made {
        // Waits at most for another process that looks whether the directory is in use.
        let lock = folder.filter(|folder| folder.lock().is_ok());
        return Ok(Claimed::Ours(lock));
    }
    let Some(folder) = folder else { return Ok(Claimed::LeftOver) };
    // The process that has just made a directory may not have locked it yet; it writes nothing before.
    let empty = |path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    let busy = matches!(folder.try_lock_shared(), Err(TryLockError::WouldBlock)) || empty(partial);
    Ok(if busy { Claimed::Busy } else { Claimed::LeftOver })
}

/// The directory that a link leads to, and any other path as it is.
fn resolved(place: &Path) -> Result<PathBuf, HistoryError> {
    if !place.is_symlink() {
        return Ok(place.to_owned());
    }
    let target = fs::canonicalize(place).ok().filter(|target| target.is_dir());
    target.ok_or_else(|| HistoryError::Link(place.to_owned()))
}

/// The `n`th hidden directory in which a run for `place` may be written.
fn partial(place: &Path, name: &str, n: u32) -> PathBuf {
    let suffix = if n == 1 { String::new() } else { format!("-{n}") };
    parent_of(place).join(format!(".{name}.partial{suffix}"))
}

/// The directory that holds `place`; the current one for a bare name.
fn parent_of(place: &Path) -> &Path {
    place.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn refuse_occupied(place: &Path) -> Result<(), HistoryError> {
    match fs::read_dir(place).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(HistoryError::Occupied(place.to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => match fs::symlink_metadata(place) {
            Ok(_) => Err(HistoryError::Occupied(place.to_owned())),
            // A file stands above it; making the directories will name that.
            Err(_) => Ok(()),
        },
        Err(e) => Err(HistoryError::io("look at", place)(e)),
    }
}

/// A directory and all that is in it.
fn sync_all(directory: &Path) -> Result<(), HistoryError> {
    for entry in fs::read_dir(directory).map_err(HistoryError::io("read", directory))? {
        let path = entry.map_err(HistoryError::io("read", directory))?.path();
        if path.is_dir() { sync_all(&path)? } else { sync(&path)? }
    }
    sync_directory(directory)
}

fn sync(path: &Path) -> Result<(), HistoryError> {
    // Windows can only flush a handle that may write.
    let file = File::options().read(true).write(path.is_file()).open(path);
    file.and_then(|f| f.sync_all()).map_err(HistoryError::io("flush", path))
}

/// A rename survives a power cut only if the directories do; other systems have no such call.
fn sync_directory(path: &Path) -> Result<(), HistoryError> {
    if cfg!(unix) { sync(path) } else { Ok(()) }
}

/// Letters, digits and single hyphens; `run` if nothing is left.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    let short: String = slug.chars().take(60).collect();
    if short.is_empty() { "run".to_owned() } else { short }
}

/// `20261122T232837Z`; seconds since 1970 beyond the calendar's end as they are.
fn compact_utc(utc_s: u64) -> String {
    let stamp = i64::try_from(utc_s).ok().and_then(|utc_s| jiff::Timestamp::from_second(utc_s).ok());
    stamp.map_or_else(|| utc_s.to_string(), |stamp| stamp.strftime("%Y%m%dT%H%M%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_directories() {
        assert_eq!(slug("three ways to call an API"), "three-ways-to-call-an-api");
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("***"), "run");
        assert!(slug(&"x".repeat(1000)).len() <= 60);
    }
}
